import { expect, test } from 'vitest'
import { fakeTokenizer } from '../../test/fake-text.ts'
import { packTree } from '../batch/index.ts'
import { CHATML_TEMPLATE, chatTemplate } from '../text/index.ts'
import { encodeRow, toRow } from './index.ts'

const tokenizer = fakeTokenizer()
const template = chatTemplate(CHATML_TEMPLATE, { tokens: {}, stopTokens: ['<|im_end|>'] })
const context = { tokenizer, template, maxLength: 200, form: 'steps' } as const
const row = (value: object) => toRow({ file: 'steps.jsonl', line: 1, value }).row
const steps = ['one two', 'three', 'four five']
const labels = [true, 0.5, false]
const textOf = ({ tokens }: { tokens: ArrayLike<number> }) => tokenizer.decode(Array.from(tokens))

test.each(['steps', 'completions'])('%s with labels: a chain of segments, each a sequence with its label', (key) => {
  const { input, names } = encodeRow(row({ prompt: 'q ', [key]: steps, labels }), context)!
  expect(input.segments.slice(1).map(textOf).join('')).toContain('one two\nthree\nfour five')
  expect(input.segments.slice(1).map(({ parent, sequence = 0 }) => [parent, sequence])).toEqual([
    [0, 0],
    [1, 1],
    [2, 2],
  ])
  expect(textOf(input.segments[1])).toBe('one two\n')
  expect(input.values).toEqual({ label: [1, 0.5, 0] })
  expect(names).toEqual(['step 1', 'step 2', 'step 3'])
  const tree = packTree([input])
  expect([...tree.ends].map((end) => end + 1)).toEqual([...tree.starts.slice(2)])
})

test('in a conversation the last step ends with its turn', () => {
  const prompt = [{ role: 'user', content: 'q' }]
  const { input } = encodeRow(row({ prompt, steps, labels }), context)!
  expect(input.segments.map(textOf).slice(1, 3)).toEqual(['one two\n', 'three\n'])
  expect(textOf(input.segments[3])).toMatch(/^four five<\|im_end\|>/)
})

test('of an answer that is cut, whole steps are left with their labels', () => {
  const whole = encodeRow(row({ prompt: 'q ', steps, labels }), context)!
  const cut = encodeRow(row({ prompt: 'q ', steps, labels }), {
    ...context,
    maxLength: whole.length - 2,
    lengthPolicy: 'truncate',
  })!
  expect(cut.truncated).toBe(true)
  expect(cut.input.segments).toHaveLength(3)
  expect(cut.input.values).toEqual({ label: [1, 0.5] })
  expect(packTree([cut.input]).sequenceCount).toBe(2)
})

test('what does not fit is refused, with the line', () => {
  expect(() => row({ prompt: 'q', steps, labels: [1] })).toThrow(/steps.jsonl:1: labels has 1 entries for 3 steps/)
  expect(() => row({ prompt: 'q', steps, labels: [1, 2, 0] })).toThrow(
    /labels\[1\] is 2, expected true, false or a number/,
  )
  expect(() => row({ prompt: 'q', steps: ['a', ' '], labels: [1, 0] })).toThrow(/steps\[1\] is empty/)
  expect(() => encodeRow(row({ prompt: 'q', steps, labels }), { ...context, form: 'pairs' })).toThrow(
    /an answer in rated steps/,
  )
  expect(() => encodeRow(row({ text: 'q' }), context)).toThrow(/expected an answer in "steps"/)
})
