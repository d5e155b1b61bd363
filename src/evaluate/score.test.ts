import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fakeLogprob, fakeModel } from '../../test/fake-engine.ts'
import { chatml, fakeTokenizer } from '../../test/fake-text.ts'
import { sharedFolder } from '../../test/shared.ts'
import type { Row } from '../data/index.ts'
import { openModel } from '../engine/index.ts'
import { forwardRows, score } from './score.ts'

const source = { file: 'texts.jsonl', line: 3 }
const tokenizer = fakeTokenizer()
const open = fakeModel({ tokenizer, template: chatml() })
const one = async (row: Row, model: Parameters<typeof score>[0] = open) => (await score(model, [row])).rows[0]

test('a text: every token after the beginning token has the log-prob of its own past', async () => {
  const { tokens, logprobs, sum, n } = await one({ kind: 'text', text: 'a cat', source })
  expect(tokens).toEqual([0, ...tokenizer.encode('a cat')])
  expect(logprobs).toEqual([null, ...tokens.slice(1).map((id, i) => fakeLogprob(tokens.slice(0, i + 1), id))])
  expect(n).toBe(tokens.length - 1)
  expect(sum).toBeCloseTo(
    logprobs.reduce<number>((total, value) => total + (value ?? 0), 0),
    12,
  )
})

test('without a beginning token the first token of a text has none, and one that the text brings is not doubled', async () => {
  const plain = fakeModel({ tokenizer: fakeTokenizer({ addBos: false }) })
  const { tokens, logprobs } = await one({ kind: 'text', text: 'ab', source }, plain)
  expect([tokens.length, logprobs[0], typeof logprobs[1]]).toEqual([2, null, 'number'])
  expect((await one({ kind: 'text', text: '<s>ab', source })).tokens).toEqual(tokenizer.encode('<s>ab'))
})

test('of a prompt and its completion only the completion is scored, and no end token is added', async () => {
  const { tokens, logprobs, n } = await one({ kind: 'completion', prompt: 'xy', completion: ' yes', source })
  const completion = tokenizer.encode(' yes')
  expect(tokens).toEqual([0, ...tokenizer.encode('xy'), ...completion])
  expect(logprobs.findIndex((value) => value !== null)).toBe(3)
  expect(n).toBe(completion.length)
})

test('of a chat what the assistant wrote is scored, its end of turn included', async () => {
  const messages = [
    { role: 'user', content: 'hi' },
    { role: 'assistant', content: 'yo' },
  ]
  const { tokens, logprobs } = await one({ kind: 'chat', messages, source })
  const scored = tokens.filter((_, i) => logprobs[i] !== null)
  expect(tokenizer.decode(scored)).toBe('yo<|im_end|>')
})

test('rows of tokens are scored where they carry loss', async () => {
  const { logprobs, n } = await one({ kind: 'tokens', tokens: [5, 6, 7, 8], loss: [1, 0, 1, 1], source })
  expect(logprobs.map((value) => value !== null)).toEqual([false, false, true, true])
  expect(n).toBe(2)
})

test('the mean counts tokens, not rows', async () => {
  const rows: Row[] = ['a', 'a longer text'].map((text) => ({ kind: 'text', text, source }))
  const { rows: scored, meanNll } = await score(open, rows)
  expect(scored[0].n).toBe(1)
  expect(meanNll).toBeCloseTo(-(scored[0].sum + scored[1].sum) / (scored[0].n + scored[1].n), 12)
  expect((await score(open, [])).meanNll).toBeNaN()
})

test('how rows are packed changes no figure and no order, and a batch keeps to its tokens', async () => {
  const rows = fc.array(fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 12 }), { maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(rows, fc.integer({ min: 1, max: 40 }), async (all, microTokens) => {
      const model = fakeModel({ tokenizer })
      const inputs = all.map((tokens, id) => ({ id, segments: [{ tokens, loss: tokens.map((token) => token % 2) }] }))
      const got: number[][] = []
      for await (const { row, logprobs } of forwardRows(model.engine, inputs, { microTokens })) {
        expect(row).toBe(inputs[got.length])
        got.push(Array.from(logprobs))
      }
      const expected = all.map((tokens) =>
        tokens.flatMap((token, i) => (i > 0 && token % 2 ? [fakeLogprob(tokens.slice(0, i), token)] : [])),
      )
      expect(got).toEqual(expected)
      for (const tokens of model.calls) expect(tokens).toBeLessThanOrEqual(Math.max(microTokens, 12))
    }),
    { numRuns: 100, seed: 1 },
  )
})

test.each<[string, Row, string]>([
  ['too long', { kind: 'text', text: 'x'.repeat(300), source }, 'E_TOO_LONG'],
  ['a foreign token', { kind: 'tokens', tokens: [1, 5000], loss: [1, 1], source }, 'E_TOKEN_ID'],
  ['a pair', { kind: 'preference', chat: false, prompt: 'p', chosen: 'a', rejected: 'b', source }, 'E_ROW_FORMAT'],
])('%s is refused with file and line', async (_, row, code) => {
  await expect(one(row)).rejects.toMatchObject({ code, message: expect.stringMatching(/^texts\.jsonl:3: /) })
})

test('a chat needs a template', async () => {
  const bare = fakeModel({ tokenizer })
  const row: Row = { kind: 'chat', messages: [{ role: 'assistant', content: 'x' }], source }
  await expect(one(row, bare)).rejects.toMatchObject({ code: 'E_NO_TEMPLATE' })
})

test('a fired signal ends it', async () => {
  const rows: Row[] = [{ kind: 'text', text: 'a', source }]
  await expect(score(open, rows, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'E_ABORTED' })
})

const shared = sharedFolder()

test.runIf(shared)('a pretrained model gives the log-probs that were computed for it elsewhere', async () => {
  const folder = `${shared}/models/stories260K`
  const { nll } = JSON.parse(readFileSync(`${folder}/golden.json`, 'utf8'))
  await using model = await openModel(folder, { backend: 'reference' })
  const { tokens, logprobs } = await one({ kind: 'text', text: nll.text, source }, model)
  expect(tokens).toEqual(nll.ids)
  for (const [i, value] of nll.nll_per_token.entries()) expect(logprobs[i + 1]).toBeCloseTo(-value, 5)
})
