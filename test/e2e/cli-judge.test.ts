/** Judges from the command line, held against labelled pairs. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { chatServer, type Seen, serve } from '../chat-server.ts'
import { useFixture } from './cli-fixture.ts'

const { at, document, run } = useFixture()
const pairs = Array.from({ length: 8 }, (_, i) => ({
  prompt: `q${i}`,
  chosen: 'good',
  rejected: 'bad',
  reference: 'good',
}))
beforeAll(() => {
  at.jsonl('judged.jsonl', pairs)
  at.write('happy.ts', 'export default (prompt: string, answer: string): number => Number(answer === "good")')
  at.write('broken.ts', 'export const reward = 1')
  at.write(
    'equal.ts',
    `type Attempt = { answer: string; reference: unknown }
    export default { verify: ({ answer, reference }: Attempt) => ({ score: Number(answer === reference), why: 'compared' }) }`,
  )
})

/** Finds the good answer, except to q7, where it says A. */
const honest = (seen: Seen) => {
  const text = seen.body.messages[0].content
  const verdict = text.includes('q7') || /<answer_A>\ngood/.test(text) ? 'A' : 'B'
  return serve.text(JSON.stringify({ why: 'so', verdict }))
}

test('an endpoint: agreement, verdicts, a transcript, a cache, and the key in none of them', async () => {
  await using server = await chatServer(honest)
  const key = 'sk-secret-of-this-test'
  const line = ['judge', 'judged.jsonl', '--endpoint', server.url, '--model', 'm', '--key-env', 'MY_KEY', 'cache=kept']
  const env = { MY_KEY: key }
  const first = await document([...line, '--out', 'verdicts/all.jsonl', 'transcript=log.jsonl'], { env })
  expect(server.requests[0].headers['authorization']).toBe(`Bearer ${key}`)
  expect(first).toMatchObject({ judge: 'm', how: 'asked in both orders', status: 'done', pairs: 8, judged: 8 })
  expect(first.agreement).toMatchObject({ accuracy: { value: 7.5 / 8, n: 8 }, ties: { value: 1 / 8 } })
  expect(first.agreement.position).toMatchObject({ contradictory: { value: 1 / 8 }, first: { value: 9 / 16 } })
  expect(first.agreement.kappa).toBeGreaterThan(0.7)
  expect(first.spent).toEqual({ requests: 16, prompt_tokens: 160, completion_tokens: 80, cached: 0 })
  const verdicts = readFileSync(at.path('verdicts/all.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text))
  expect(verdicts).toHaveLength(8)
  expect(verdicts[7]).toMatchObject({ line: 8, prompt: 'q7', verdict: 'tie', orders: ['first', 'second'], why: 'so' })
  const again = await document(line, { env })
  expect(again.spent).toMatchObject({ requests: 0, cached: 16 })
  expect(again.agreement).toEqual(first.agreement)
  const files = readdirSync(at.folder, { recursive: true, encoding: 'utf8' }).map((name) => at.path(name))
  const written = files.filter((path) => statSync(path).isFile()).map((path) => readFileSync(path, 'utf8'))
  expect(written.filter((text) => text.includes('so') && text.includes('verdict')).length).toBeGreaterThan(16)
  expect(written.filter((text) => text.includes(key))).toEqual([])
  const exists = await run([...line, '--out', 'verdicts/all.jsonl'], { env })
  expect([exists.code, exists.stderr]).toEqual([2, expect.stringContaining('verdicts/all.jsonl exists')])
})

test('a budget that is spent: what was judged is told and written, and the exit code is 2', async () => {
  await using server = await chatServer(honest)
  const line = ['judge', 'judged.jsonl', '--endpoint', server.url, '--model', 'm', 'cache=', 'concurrency=1']
  const { code, stdout, stderr } = await run([...line, '--requests', '5', '--out', 'some.jsonl', '--json'])
  const { status, judged, agreement, verdicts } = JSON.parse(stdout)
  expect([code, status, judged, agreement.accuracy.n, server.requests.length]).toEqual([2, 'E_BUDGET', 2, 2, 5])
  expect(stderr).toMatch(/6 of 8 pairs were not judged: the budget of 5 requests is spent.*\nhelp: /)
  expect(verdicts[7]).toMatchObject({ verdict: null, error: { code: 'E_BUDGET' } })
  expect(readFileSync(at.path('some.jsonl'), 'utf8').trim().split('\n')).toHaveLength(8)
})

test('a function and a verifier of one’s own, and the shipped model', async () => {
  for (const source of [
    ['--reward', './happy.ts'],
    ['--verifier', 'equal.ts'],
  ]) {
    const { agreement, how } = await document(['judge', 'judged.jsonl', ...source])
    expect(how).toBe('by the difference of scores')
    expect(agreement).toMatchObject({ accuracy: { value: 1, n: 8 }, kappa: 1, position: null })
  }
  const { agreement } = await document(['judge', 'judged.jsonl', '--local', 'tiny', '--limit', '2'])
  expect(agreement.position.contradictory.n).toBe(2)
})

test('a call without a judge, with two, or with one that is none', async () => {
  const refusals: [string[], RegExp][] = [
    [[], /got none of them, expected one of/],
    [['--local', 'tiny', '--reward', 'happy.ts'], /got --local and --reward/],
    [['--endpoint', 'http://localhost:1/v1'], /needs --model/],
    [['--reward', './broken.ts'], /no default export that is a function/],
    [['--verifier', './happy.ts'], /no default export with a function verify/],
    [['--reward', 'model'], /no scalar head/],
  ]
  const ended = await Promise.all(refusals.map(([words]) => run(['judge', 'judged.jsonl', ...words])))
  for (const [i, { code, stderr }] of ended.entries())
    expect([code, stderr]).toEqual([2, expect.stringMatching(refusals[i][1])])
})

test('pairs as lessons for a judge: half answered with B, even ones left out, no file replaced unasked', async () => {
  const even = { prompt: 'q8', chosen: 'same', rejected: 'same', score_chosen: 1, score_rejected: 1 }
  at.jsonl('with-even.jsonl', [...pairs, even])
  const line = ['data', 'judgments', 'with-even.jsonl', '--out', 'lessons.jsonl']
  expect(await document([...line, '--plain'])).toMatchObject({ rows: 8, pairs: 9, even: 1 })
  const rows = readFileSync(at.path('lessons.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((row) => JSON.parse(row) as { prompt: string; completion: string })
  for (const { prompt, completion } of rows) {
    expect(completion).toBe(/<answer_A>\ngood/.test(prompt) ? ' A' : ' B')
    expect(prompt).toMatch(/\n\nReply:$/)
  }
  expect(rows.filter(({ completion }) => completion === ' B').length).toBeGreaterThanOrEqual(4)
  expect(await run(line)).toMatchObject({ code: 2, stderr: expect.stringContaining('lessons.jsonl exists') })
})
