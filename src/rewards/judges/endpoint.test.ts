import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { chatServer, type Seen, serve } from '../../../test/chat-server.ts'
import type { HoneError } from '../../base/index.ts'
import { openChat } from '../../chat/index.ts'
import { endpointJudge, type Preference } from './index.ts'

const prompt = 'Say a number.'
const asked = (seen: Seen) => seen.body.messages.at(-1)?.content ?? ''
const inTag = (text: string, tag: string) => new RegExp(`<${tag}>\\n([\\s\\S]*?)\\n</${tag}>`).exec(text)?.[1] ?? ''
const kindOf = (seen: Seen) =>
  (seen.body['response_format'] as { json_schema: { name: string } }).json_schema.name as keyof typeof replies

/** An honest judge behind an endpoint: numbers, greater is better. */
const replies = {
  pointwise: (text: string) => ({ why: 'so', score: Number(inTag(text, 'answer')) }),
  pairwise: (text: string) => {
    const lead = Number(inTag(text, 'answer_A')) - Number(inTag(text, 'answer_B'))
    return { why: 'so', verdict: lead === 0 ? 'tie' : lead > 0 ? 'A' : 'B' }
  },
  listwise: (text: string) => {
    const values = [...text.matchAll(/<answer_(\d+)>\n(.*)\n/g)].map(([, place, value]) => [
      Number(place),
      Number(value),
    ])
    return { why: 'so', ranking: values.sort((a, b) => b[1] - a[1]).map(([place]) => place) }
  },
}
const honest = () => serve.text((seen) => JSON.stringify(replies[kindOf(seen)](asked(seen))))
const open = (endpoint: string, more = {}) => openChat({ endpoint, model: 'judge', backoffMs: 1, retries: 1, ...more })
const verdictsOf = (all: unknown[]) => all.map((one) => (one as Preference).verdict ?? (one as HoneError).code)

test('pointwise, pairwise and listwise', async () => {
  await using server = await chatServer(honest)
  const judge = endpointJudge(await open(server.url), { system: 'You judge.', sampling: { maxTokens: 99 } })
  expect(judge.id).toBe('judge')
  const items = ['4', '2'].map((answer) => ({ prompt, answer, reference: '5' }))
  expect(await judge.score(items)).toEqual([
    { score: 4, why: 'so' },
    { score: 2, why: 'so' },
  ])
  const [{ body }] = server.requests
  expect(body).toMatchObject({
    temperature: 0,
    max_tokens: 99,
    messages: [{ role: 'system', content: 'You judge.' }, {}],
  })
  expect(inTag(body.messages[1].content, 'reference_answer')).toBe('5')
  const pairs = [
    ['4', '2'],
    ['2', '4'],
    ['3', '3'],
  ].map(([a, b]) => ({ prompt, answers: [a, b] as const }))
  expect(await judge.compare(pairs)).toMatchObject([
    { verdict: 'first', orders: ['first', 'first'], why: 'so' },
    { verdict: 'second', orders: ['second', 'second'] },
    { verdict: 'tie', orders: ['tie', 'tie'] },
  ])
  expect(await judge.rank([{ prompt, answers: ['2', '9', '4'] }])).toMatchObject([
    { order: [1, 2, 0], scores: [-2, 0, -1] },
  ])
  // Two answers, two orders of three pairs (those of the equal ones are one request), and a list in two orders.
  expect(server.requests).toHaveLength(2 + 3 + 2)
})

test('only what is asked for is asked: pairs by scores, lists by pairs', async () => {
  await using server = await chatServer(honest)
  const client = await open(server.url)
  const pointwise = endpointJudge(client, { asks: ['pointwise'], tieMargin: 1 })
  expect(verdictsOf(await pointwise.compare([{ prompt, answers: ['4', '3'] }]))).toEqual(['tie'])
  const pairwise = endpointJudge(client, { asks: ['pairwise'] })
  expect(await pairwise.rank([{ prompt, answers: ['2', '9', '4'] }])).toMatchObject([
    { order: [1, 2, 0], scores: [0, 2, 1] },
  ])
  await expect(pairwise.score([])).rejects.toMatchObject({ code: 'E_JUDGE_KIND' })
  expect(server.requests.map(kindOf)).toEqual(['pointwise', 'pointwise', ...new Array(6).fill('pairwise')])
})

test('a wrong scale, a verdict of another kind and a ranking with a gap are sent back; nonsense has an error in its place', async () => {
  const nonsense = (seen: Seen) => {
    const text = seen.body.messages[0].content
    if (text.includes('broken')) return serve.text('I would rather not say.')
    if (seen.body.messages.length > 1) return serve.text(JSON.stringify(replies[kindOf(seen)](text)))
    return serve.text(
      {
        pointwise: '{"why": "", "score": 11}',
        pairwise: '{"why": "", "verdict": "C"}',
        listwise: '{"why": "", "ranking": [1, 1]}',
      }[kindOf(seen)],
    )
  }
  await using server = await chatServer(nonsense)
  const judge = endpointJudge(await open(server.url))
  expect(
    await judge.score([
      { prompt, answer: '5' },
      { prompt, answer: 'broken' },
      { prompt, answer: '1' },
    ]),
  ).toMatchObject([
    { score: 5 },
    { code: 'E_JUDGE_ANSWER', message: 'judge answered "I would rather not say.": it is no JSON' },
    { score: 1 },
  ])
  expect(verdictsOf(await judge.compare([{ prompt, answers: ['1', '2'] }]))).toEqual(['second'])
  expect(await judge.rank([{ prompt, answers: ['1', '2'] }])).toMatchObject([{ order: [1, 0] }])
  const complaints = server.requests.flatMap(({ body }) => body.messages[2]?.content.split('\n')[0] ?? [])
  expect(complaints.some((text) => /score: .*5/.test(text))).toBe(true)
  expect(complaints.some((text) => /ranking: expected each number from 1 to 2 once/.test(text))).toBe(true)
})

test('the budget: pairs that were judged are kept, the others say why not, and a second call with the cache goes on', async () => {
  await using server = await chatServer(honest)
  const pairs = Array.from({ length: 6 }, (_, i) => ({ prompt, answers: [`${i}`, '9'] as const }))
  const cache = mkdtempSync(join(tmpdir(), 'hone-judge-'))
  try {
    const judge = endpointJudge(await open(server.url, { cache, budget: { requests: 7 }, concurrency: 1 }))
    const first = verdictsOf(await judge.compare(pairs))
    expect(first).toEqual(['second', 'second', 'second', 'E_BUDGET', 'E_BUDGET', 'E_BUDGET'])
    expect(server.requests).toHaveLength(7)
    const again = verdictsOf(await endpointJudge(await open(server.url, { cache })).compare(pairs))
    expect(again).toEqual(new Array(6).fill('second'))
    expect(server.requests).toHaveLength(12)
  } finally {
    rmSync(cache, { recursive: true })
  }
})

test('a key that is refused ends it after one request', async () => {
  await using server = await chatServer([serve.status(401)])
  const judge = endpointJudge(await open(server.url, { concurrency: 1 }))
  const items = ['1', '2', '3'].map((answer) => ({ prompt, answer }))
  expect(verdictsOf(await judge.score(items))).toEqual(new Array(3).fill('E_CHAT_ACCESS'))
  expect(server.requests).toHaveLength(1)
})

test('a rubric of one’s own, and one that lacks a slot', async () => {
  await using server = await chatServer(honest)
  const client = await open(server.url)
  const rubric = { pointwise: 'On {criteria}: {prompt}\n<answer>\n{answer}\n</answer>' }
  const judge = endpointJudge(client, { rubric, criteria: 'size', scale: { low: 0, high: 10 } })
  expect(await judge.score([{ prompt, answer: '10' }])).toMatchObject([{ score: 10 }])
  expect(asked(server.requests[0])).toMatch(
    /^On size: Say a number\.\n<answer>\n10\n<\/answer>\n\nReply with .* from 0 to 10/,
  )
  const bad = (text: string) => () => endpointJudge(client, { rubric: { pointwise: text } })
  expect(bad('Is it good? {answer}')).toThrow(/the rubric lacks \{prompt\}/)
  expect(bad('{prompt} {answer} {answerA}')).toThrow(/the slot \{answerA\}, expected some of/)
  expect(bad('{prompt} {answer} {constructor}')).toThrow(/the slot \{constructor\}/)
})
