import { describe, expect, test } from 'vitest'
import { chatml, fakeTokenizer } from '../../test/fake-text.ts'
import { chatTemplate, OPENCHAT_TEMPLATE } from '../text/index.ts'
import { type EncodeContext, encodeRow } from './encode.ts'
import { toRow } from './row-format.ts'

const tokenizer = fakeTokenizer()
const text = (tokens: ArrayLike<number>) => tokenizer.decode(Array.from(tokens))
function encode(value: object, more: Partial<EncodeContext>) {
  const { row } = toRow({ value, file: 'rows.jsonl', line: 4 })
  const encoded = encodeRow(row, { tokenizer, template: null, maxLength: 200, ...more }, 0)
  if (!encoded) throw new Error('dropped')
  return encoded.input
}

describe('a short prompt for the reference', () => {
  const pair = { prompt: 'A long text. Q:', short_prompt: 'Q:', chosen: ' yes', rejected: ' no' }
  const form = { form: 'pairs', needs: ['reference', 'shortPrompt'] } as const

  test('the reference reads the same answers after it; the long prompt is learnt as a third sequence', () => {
    const { segments, reference } = encode(pair, form)
    expect(segments.map(({ tokens, sequence = 0 }) => [text(tokens), sequence])).toEqual([
      ['<s>A long text. Q:', 2],
      [' yes</s>', 0],
      [' no</s>', 1],
    ])
    expect(segments[0].loss?.length).toBe(segments[0].tokens.length)
    expect(reference?.map(({ tokens }) => text(tokens))).toEqual(['<s>Q:', ' yes</s>', ' no</s>'])
    expect(reference?.slice(1)).toEqual(segments.slice(1))
  })

  test('also in turns', () => {
    const turn = (role: string, content: string) => [{ role, content }]
    const chat = {
      prompt: turn('user', 'A long text. Q:'),
      short_prompt: turn('user', 'Q:'),
      chosen: turn('assistant', 'yes'),
      rejected: turn('assistant', 'no'),
    }
    const { segments, reference } = encode(chat, { ...form, template: chatml() })
    expect(text(segments[0].tokens)).toContain('A long text. Q:')
    expect(text(reference?.[0].tokens ?? [])).toMatch(/user\nQ:/)
    expect(reference?.slice(1)).toEqual(segments.slice(1))
  })

  test('is asked for where it is missing, and must fit', () => {
    expect(() => encode({ ...pair, short_prompt: undefined }, form)).toThrow(
      /rows.jsonl:4: the row has no short_prompt/,
    )
    const long = { ...pair, prompt: 'Q', short_prompt: 'x'.repeat(300) }
    expect(() => encode(long, { ...form, maxLength: 50 })).toThrow(/short_prompt has/)
    expect(encode(pair, { form: 'pairs' })).not.toHaveProperty('reference')
  })
})

describe('demonstrations of two classes', () => {
  const chat = (label: boolean) => ({
    messages: [
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'b' },
      { role: 'user', content: 'c' },
      { role: 'assistant', content: 'd' },
    ],
    label,
  })
  const template = chatTemplate(OPENCHAT_TEMPLATE, { tokens: { eos_token: '<|im_end|>' } })
  const form = { form: 'demonstrations', needs: ['label', 'condition'], template } as const

  test('every turn of the assistant is learnt, after the words for its class', () => {
    for (const [label, word] of [
      [true, 'Expert'],
      [false, 'Other'],
    ] as const) {
      const { segments, values } = encode(chat(label), form)
      expect(values).toEqual({ label: [Number(label)] })
      const [{ tokens, loss = [] }] = segments
      expect(text(tokens)).toBe(
        `${word} User: a<|im_end|>${word} Assistant: b<|im_end|>${word} User: c<|im_end|>${word} Assistant: d<|im_end|>`,
      )
      expect(text(Array.from(tokens).filter((_, i) => loss[i]))).toBe('b<|im_end|>d<|im_end|>')
    }
  })

  test('a row may name its own condition; a prompt without one is an expert’s', () => {
    expect(text(encode({ ...chat(false), condition: 'GPT3' }, form).segments[0].tokens)).toMatch(/^GPT3 User: a/)
    expect(template.render([{ role: 'user', content: 'a' }], { addGenerationPrompt: true })).toBe(
      'Expert User: a<|im_end|>Expert Assistant: ',
    )
  })

  test('a template that leaves it out, and a row without a label, are refused', () => {
    expect(() => encode(chat(true), { ...form, template: chatml() })).toThrow(/does not read `condition`/)
    expect(() => encode({ messages: chat(true).messages }, form)).toThrow(/expected an answer with a "label"/)
  })
})
