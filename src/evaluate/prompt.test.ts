import { expect, test } from 'vitest'
import { fakeModel } from '../../test/fake-engine.ts'
import { chatml, fakeTokenizer } from '../../test/fake-text.ts'
import { promptTokens, questionOf } from './prompt.ts'

const tokenizer = fakeTokenizer()
const chatty = fakeModel({ tokenizer, template: chatml(), contextLength: 200 })
const plain = fakeModel({ tokenizer, contextLength: 16 })
const text = (ids: number[]) => tokenizer.decode(ids)
const raw = (value: unknown) => questionOf({ value, file: 'p.jsonl', line: 2 })

test('a text is a user turn where there is a template, and goes on as it stands where there is none or raw is asked', () => {
  const chat = '<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n'
  expect(text(promptTokens(chatty, { prompt: 'hi' }))).toBe(chat)
  expect(text(promptTokens(chatty, { prompt: 'hi' }, { raw: true }))).toBe('<s>hi')
  expect(text(promptTokens(plain, { prompt: 'hi' }))).toBe('<s>hi')
})

test('a system turn comes first', () => {
  expect(text(promptTokens(chatty, { prompt: 'hi' }, { system: 'be brief' }))).toMatch(
    /^<\|im_start\|>system\nbe brief<\|im_end\|>\n<\|im_start\|>user\nhi/,
  )
})

test('rows ask in every form', () => {
  expect(raw({ prompt: 'a' }).asked).toEqual({ prompt: 'a' })
  expect(raw({ question: 'a', answer: 'b' }).asked).toEqual({ prompt: 'a' })
  expect(raw({ text: 'a' }).asked).toEqual({ prompt: 'a' })
  expect(raw({ tokens: [1, 2] }).asked).toEqual({ tokens: [1, 2] })
  const turns = [
    { role: 'user', content: 'q' },
    { role: 'assistant', content: 'left out' },
  ]
  expect(raw({ messages: turns }).asked).toEqual({ messages: [turns[0]] })
  expect(raw({ prompt: turns }).asked).toEqual({ messages: [turns[0]] })
})

test.each([[5], [{ completion: 'a' }], [{ messages: [{ role: 'assistant', content: 'a' }] }], [{ messages: [] }]])(
  '%j asks nothing',
  (value) => {
    expect(() => raw(value)).toThrowError(
      expect.objectContaining({ code: 'E_ROW_FORMAT', message: expect.stringMatching(/^p\.jsonl:2: /) }),
    )
  },
)

test.each<[string, Parameters<typeof promptTokens>, string]>([
  ['turns without a template', [plain, { messages: [{ role: 'user', content: 'a' }] }], 'E_NO_TEMPLATE'],
  ['as long as the context', [plain, { tokens: new Array(16).fill(5) }], 'E_TOO_LONG'],
  ['foreign', [plain, { tokens: [5, 9999] }], 'E_TOKEN_ID'],
  ['not whole', [plain, { tokens: [5, 0.5] }], 'E_TOKEN_ID'],
  ['empty', [plain, { tokens: [] }], 'E_EMPTY'],
])('a prompt that is %s is refused', (_, call, code) => {
  expect(() => promptTokens(...call)).toThrowError(expect.objectContaining({ code }))
})

test('one token short of the context is taken', () => {
  expect(promptTokens(plain, { tokens: new Array(15).fill(5) })).toHaveLength(15)
})
