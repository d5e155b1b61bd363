import fc from 'fast-check'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { completion } from '../../test/chat-server.ts'
import type { HoneError } from '../base/index.ts'
import { expectedTokens, readAnswer } from './answer.ts'
import { readStructured } from './structured.ts'

const request = { messages: [{ role: 'user', content: 'hi' }] }

test('any JSON is an answer or an E_CHAT_ANSWER, and any usage one that can be', () => {
  const usage = fc.record(
    { prompt_tokens: fc.jsonValue(), completion_tokens: fc.oneof(fc.jsonValue(), fc.nat()) },
    { requiredKeys: [] },
  )
  const value = fc.oneof(
    fc.jsonValue(),
    fc.record({ choices: fc.jsonValue() }),
    fc.record({ choices: fc.array(fc.record({ message: fc.jsonValue(), logprobs: fc.jsonValue() })) }),
    usage.map((usage) => completion('a', { usage })),
    usage.map((usage) => completion('', { usage })),
  )
  fc.assert(
    fc.property(value, (json) => {
      try {
        const { text, usage } = readAnswer(json, request)
        expect(typeof text).toBe('string')
        for (const count of [usage.promptTokens, usage.completionTokens]) {
          expect(Number.isSafeInteger(count) && count >= 0 && count <= 1 << 20).toBe(true)
        }
      } catch (error) {
        expect((error as HoneError).code).toBe('E_CHAT_ANSWER')
      }
    }),
    { numRuns: 500 },
  )
})

test('any text is a value of the schema or a fault in words', () => {
  const schema = z.strictObject({ score: z.int().min(1).max(5) })
  const text = fc.oneof(
    fc.string(),
    fc.jsonValue().map((value) => JSON.stringify(value)),
    fc.tuple(fc.string(), fc.integer({ min: 0, max: 6 })).map(([before, score]) => `${before}{"score": ${score}}`),
  )
  fc.assert(
    fc.property(text, (given) => {
      const read = readStructured(given, schema)
      if ('value' in read) expect([1, 2, 3, 4, 5]).toContain(read.value.score)
      else expect(read.fault.length).toBeGreaterThan(3)
    }),
    { numRuns: 500 },
  )
})

test('an answer without text is empty, and what a request may cost counts bytes', () => {
  const { text, finish } = readAnswer({ choices: [{ message: { content: null }, finish_reason: 'length' }] }, request)
  expect([text, finish]).toEqual(['', 'length'])
  expect(expectedTokens({ messages: [{ role: 'user', content: 'ééé' }], maxTokens: 5 })).toBe(2 + 5)
})
