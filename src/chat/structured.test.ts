import { expect, test } from 'vitest'
import { z } from 'zod'
import { chatServer, serve } from '../../test/chat-server.ts'
import type { HoneError } from '../base/index.ts'
import { askFor, openChat } from './index.ts'
import { readStructured } from './structured.ts'

const grade = z.strictObject({ why: z.string(), score: z.int().min(1).max(5) })
const wanted = { name: 'grade', schema: grade }
const messages = [{ role: 'user', content: 'how good?' }]
const right = '{"why": "good", "score": 4}'

test.each([
  ['as it stands', right],
  ['in a fence', `\`\`\`json\n${right}\n\`\`\``],
  ['after thoughts', `<think>maybe {"score": 1}?</think>\n${right}`],
  ['between sentences', `Here it is: ${right} That is all.`],
])('JSON is found %s', (_, text) => {
  expect(readStructured(text, grade)).toEqual({ value: { why: 'good', score: 4 } })
})

test.each([
  ['', /empty/],
  ['four', /no JSON/],
  ['{"why": "good", "score": 4', /no JSON/],
  ['{"why": "good", "score": 9}', /score: /],
  ['{"why": "good", "score": "4"}', /score: /],
  ['{"why": "good", "score": 4, "more": 1}', /more/],
  [`${right} or ${right}`, /no JSON/],
  ['[1]', /it: /],
])('%j is refused', (text, fault) => {
  expect(readStructured(text, grade)).toEqual({ fault: expect.stringMatching(fault) })
})

test('a wrong answer is sent back once, with what is wrong, and what then comes is kept', async () => {
  await using server = await chatServer([serve.text('{"score": 9}'), serve.text(right)])
  const client = await openChat({ endpoint: server.url, model: 'm' })
  const asked = await askFor(client, { messages }, wanted)
  expect([asked.value, asked.isRepaired]).toEqual([{ why: 'good', score: 4 }, true])
  const [first, second] = server.requests.map(({ body }) => body)
  expect(first['response_format']).toMatchObject({
    type: 'json_schema',
    json_schema: { name: 'grade', strict: true, schema: { required: ['why', 'score'], additionalProperties: false } },
  })
  expect(second.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user'])
  expect(second.messages[1].content).toBe('{"score": 9}')
  expect(second.messages[2].content).toMatch(/score: .*5/)
  await askFor(client, { messages }, wanted)
  expect(server.requests).toHaveLength(2)
})

test('two wrong answers are an error that names the second, and neither stays in the cache', async () => {
  await using server = await chatServer([serve.text('well'), serve.text('I like it'), serve.text(right)])
  const client = await openChat({ endpoint: server.url, model: 'm' })
  const error = await askFor(client, { messages }, wanted).catch((error: HoneError) => error)
  expect(error).toMatchObject({ code: 'E_JUDGE_ANSWER', message: 'm answered "I like it": it is no JSON' })
  expect((await askFor(client, { messages }, wanted)).isRepaired).toBe(false)
})

test('the schema is not sent where the endpoint takes none', async () => {
  await using server = await chatServer([serve.text(right)])
  const client = await openChat({ endpoint: server.url, model: 'm', responseFormat: false })
  expect((await askFor(client, { messages }, wanted)).value.score).toBe(4)
  expect(server.requests[0].body).not.toHaveProperty('response_format')
})
