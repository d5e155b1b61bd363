import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chatml, fakeTokenizer } from '../../test/fake-text.ts'
import { HoneError } from '../base/index.ts'
import { packTree } from '../batch/index.ts'
import { chatTemplate, encodePrompt } from '../text/index.ts'
import { type EncodeContext, type EncodedRow, encodeRow } from './encode.ts'
import { toRow } from './row-format.ts'

const tokenizer = fakeTokenizer()
const context: EncodeContext = { tokenizer, template: chatml(), maxLength: 1000 }
const user = (content: string) => ({ role: 'user', content })
const assistant = (content: string) => ({ role: 'assistant', content })

const encode = (value: unknown, more: Partial<EncodeContext> = {}) =>
  encodeRow(toRow({ value, file: 'rows.jsonl', line: 7 }).row, { ...context, ...more }, 3) as EncodedRow

function failure(value: unknown, more: Partial<EncodeContext> = {}): HoneError {
  try {
    encode(value, more)
  } catch (error) {
    if (error instanceof HoneError) return error
    throw error
  }
  throw new Error('no error')
}

/** Each segment as its text, with what is learnt between brackets. */
function shown({ input }: EncodedRow): string[] {
  return input.segments.map(({ tokens, loss }) => {
    const pieces = Array.from(tokens, (id, i) => ({ text: tokenizer.decode([id]), learnt: Boolean(loss?.[i]) }))
    let text = ''
    let inside = false
    for (const piece of pieces) {
      if (piece.learnt !== inside) text += piece.learnt ? '[' : ']'
      inside = piece.learnt
      text += piece.text
    }
    return inside ? `${text}]` : text
  })
}

describe('supervised rows', () => {
  test('text is learnt but for bos', () => {
    expect(shown(encode({ text: 'a b' }))).toEqual(['<s>[a b</s>]'])
    expect(encode({ text: 'a b' })).toMatchObject({ tokens: 4, lossTokens: 3, length: 4, truncated: false })
  })

  test('without bos the first token of a text cannot be learnt', () => {
    const bare = fakeTokenizer({ addBos: false, eos: false })
    expect(shown(encode({ text: 'abc' }, { tokenizer: bare }))).toEqual(['a[bc]'])
  })

  test('bos and eos that are there already are not put twice', () => {
    expect(shown(encode({ text: '<s>ab</s>' }))).toEqual(['<s>[ab</s>]'])
  })

  test('a completion is learnt, its prompt is not, and no token crosses the border', () => {
    const row = encode({ prompt: 'Q: ', completion: 'yes' })
    expect(shown(row)).toEqual(['<s>Q: [yes</s>]'])
    expect(row.bordersChanged).toBe(true)
    expect(encode({ prompt: 'Q:', completion: ' yes' }).bordersChanged).toBe(false)
  })

  test('strict borders refuse what tokenises otherwise as a whole', () => {
    const error = failure({ prompt: 'Q: ', completion: 'yes' }, { strictBorders: true })
    expect(error.code).toBe('E_BORDERS')
    expect(error.message).toBe(
      'rows.jsonl:7: tokenised at the borders of prompt and answer the row has 6 tokens, as one text 5; ' +
        'from token 2 on they differ: " ye" and " yes"',
    )
    expect(encode({ prompt: 'Q:', completion: ' yes' }, { strictBorders: true }).lossTokens).toBe(4)
  })

  test('a chat is learnt where the assistant speaks, but for turns with train: false', () => {
    const messages = [user('a'), assistant('b'), user('c'), assistant('d')]
    expect(shown(encode({ messages }))).toEqual([
      '<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n[b<|im_end|>]\n' +
        '<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n[d<|im_end|>]\n',
    ])
    messages[1] = { ...messages[1], train: false } as (typeof messages)[1]
    expect(shown(encode({ messages }))[0]).toContain('assistant\nb<|im_end|>\n')
  })

  test('tokens come as they are, weights included', () => {
    const row = encode({ tokens: [9, 8, 7], loss: [1, 0, 0.5], logprobs: [null, -1, -2] })
    expect(row.input).toEqual({
      id: 3,
      segments: [{ tokens: Int32Array.of(9, 8, 7), loss: Float32Array.of(0, 0, 0.5) }],
    })
    expect(row).toMatchObject({ lossTokens: 1, logprobs: [null, -1, -2] })
  })
})

describe('preferences', () => {
  const pair = (value: unknown, more: Partial<EncodeContext> = {}) => encode(value, { form: 'pairs', ...more })

  test('texts: a root and two leaves', () => {
    const row = pair({ prompt: 'Q:', chosen: ' yes', rejected: ' no!' })
    expect(shown(row)).toEqual(['<s>Q:', '[ yes</s>]', '[ no!</s>]'])
    expect(row.input.segments.map(({ parent, sequence }) => [parent ?? -1, sequence ?? 0])).toEqual([
      [-1, 0],
      [0, 0],
      [0, 1],
    ])
    expect(row).toMatchObject({ tokens: 11, lossTokens: 8, length: 7 })
    const tree = packTree([row.input])
    expect(tree.sequenceCount).toBe(2)
    expect([...tree.positions]).toEqual([0, 1, 2, 3, 4, 5, 6, 3, 4, 5, 6])
    expect([...tree.sequences]).toEqual([0, 0, 0, 0, 1, 1, 1, 1])
  })

  test('turns: the root ends with the opening of the answer', () => {
    const row = pair({ chosen: [user('q'), assistant('a')], rejected: [user('q'), assistant('b')] })
    expect(shown(row)).toEqual([
      '<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n',
      '[a<|im_end|>]\n',
      '[b<|im_end|>]\n',
    ])
  })

  test('turns shared before the answers are given, not learnt', () => {
    const shared = [user('q'), assistant('a'), user('r')]
    const row = pair({ prompt: shared, chosen: [assistant('b')], rejected: [assistant('c')] })
    expect(shown(row)[0]).toContain('<|im_start|>assistant\na<|im_end|>\n')
    expect(row.lossTokens).toBe(4)
  })

  test('a prompt of several turns has the ids that the sampler and supervised tuning give it', () => {
    // Ends in a space, and the template goes on with a letter: as one text other ids than cut at the answer's end.
    const spaced = chatTemplate(
      "{% for m in messages %}{% if m.role == 'user' %}u{{ m.content }};{% else %}a{{ m.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}a{% endif %}",
      { stopTokens: [] },
    )
    const shared = [user('q'), assistant('x '), user('r')]
    const more = { template: spaced }
    const row = pair({ prompt: shared, chosen: [assistant('b')], rejected: [assistant('c')] }, more)
    const root = Array.from(row.input.segments[0].tokens)
    expect(row.bordersChanged).toBe(true)
    expect(root).toEqual(encodePrompt(tokenizer, spaced, shared))
    const whole = Array.from(encode({ messages: [...shared, assistant('b')] }, more).input.segments[0].tokens)
    expect(whole.slice(0, root.length)).toEqual(root)
    expect(whole.slice(root.length)).toEqual(Array.from(row.input.segments[1].tokens))
  })

  test('answers that go on for several turns learn the assistant only', () => {
    const chosen = [assistant('b'), user('s'), assistant('t')]
    const row = pair({ prompt: 'q', chosen, rejected: [assistant('c')] })
    expect(shown(row)[1]).toBe('[b<|im_end|>]\n<|im_start|>user\ns<|im_end|>\n<|im_start|>assistant\n[t<|im_end|>]\n')
  })

  test('answers that part at a user turn share what stands before it', () => {
    const start = [user('q'), assistant('a')]
    const row = pair({ chosen: [...start, user('r'), assistant('b')], rejected: [...start, user('s'), assistant('c')] })
    expect(shown(row)[0]).toBe('<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\na<|im_end|>\n')
    expect(shown(row)[2]).toBe('<|im_start|>user\ns<|im_end|>\n<|im_start|>assistant\n[c<|im_end|>]\n')
  })

  test('a template that looks ahead shares nothing, and is right all the same', () => {
    const ahead = chatTemplate(
      '{{ messages[-1].content | length }}{% for m in messages %}<{{ m.role }}>{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}',
    )
    const row = pair(
      { prompt: [user('q')], chosen: [assistant('aa')], rejected: [assistant('b')] },
      {
        template: {
          ...ahead,
          spans: (messages) => [
            { text: ahead.render(messages), trained: false },
            { text: '.', trained: true },
          ],
        },
      },
    )
    expect(shown(row)).toEqual(['2<user>q<assistant>aa[.]', '1<user>q<assistant>b[.]'])
    expect(row.input.segments.map(({ parent, sequence }) => [parent ?? -1, sequence ?? 0])).toEqual([
      [-1, 0],
      [-1, 1],
    ])
  })

  test('an empty prompt makes two roots', () => {
    const bare = fakeTokenizer({ addBos: false })
    const row = pair({ prompt: '', chosen: 'ab', rejected: 'cd' }, { tokenizer: bare })
    expect(shown(row)).toEqual(['a[b</s>]', 'c[d</s>]'])
    expect(packTree([row.input]).sequenceCount).toBe(2)
  })

  test('a rated answer is a root and a leaf, with its label', () => {
    const row = encode({ prompt: 'Q:', completion: ' no', label: false }, { form: 'unpaired' })
    expect(shown(row)).toEqual(['<s>Q:', '[ no</s>]'])
    expect(row.label).toBe(false)
  })

  test('both paths of a pair hold the ids of each answer after the prompt', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', ' ', 'é', '\n', '🙂'), maxLength: 12 })
    fc.assert(
      fc.property(text, text, text, fc.boolean(), (prompt, chosen, rejected, chat) => {
        const turns = { prompt: [user(prompt)], chosen: [assistant(chosen)], rejected: [assistant(rejected)] }
        const row = pair(chat ? turns : { prompt, chosen, rejected })
        const { segments } = row.input
        for (const [i, answer] of [chosen, rejected].entries()) {
          const path = [...segments.slice(0, -2), segments[segments.length - 2 + i]].flatMap(({ tokens }) =>
            Array.from(tokens),
          )
          const whole = chat ? context.template?.render([user(prompt), assistant(answer)]) : `<s>${prompt}${answer}</s>`
          expect(tokenizer.decode(path)).toBe(whole)
        }
        const tree = packTree([row.input])
        expect(tree.targets.length).toBe(row.lossTokens)
        expect(tree.tokens.length).toBe(row.tokens)
        expect(Math.max(...tree.positions) + 1).toBe(row.length)
      }),
      { seed: 1 },
    )
  })
})

describe('length', () => {
  const pair = { prompt: 'question:', chosen: ' yes', rejected: ' n' }

  test('error names the lengths', () => {
    expect(failure({ text: 'abcdef' }, { maxLength: 5 })).toMatchObject({
      code: 'E_TOO_LONG',
      message: 'rows.jsonl:7: the row has 8 tokens, expected at most maxLength = 5',
    })
    expect(failure(pair, { maxLength: 13, form: 'pairs' }).message).toBe(
      'rows.jsonl:7: the row has 14 tokens (prompt 10, longest answer 4), expected at most maxLength = 13',
    )
    expect(encode({ text: 'abcdef' }, { maxLength: 8 }).truncated).toBe(false)
  })

  test('drop gives null', () => {
    expect(encode({ text: 'abcdef' }, { maxLength: 5, lengthPolicy: 'drop' })).toBeNull()
  })

  test('truncate keeps the start of a text', () => {
    const row = encode({ text: 'abcdef' }, { maxLength: 5, lengthPolicy: 'truncate' })
    expect(shown(row)).toEqual(['<s>[abcd]'])
    expect(row.truncated).toBe(true)
  })

  test('truncate keeps the bos and the end of a prompt, then the start of its answers', () => {
    const cut = (maxLength: number) => shown(encode(pair, { maxLength, lengthPolicy: 'truncate', form: 'pairs' }))
    expect(cut(12)).toEqual(['<s>estion:', '[ yes</s>]', '[ n</s>]'])
    expect(cut(4)).toEqual(['<s>:', '[ ye]', '[ n</s>]'])
  })

  test('truncated rows never exceed the length, and say that they were cut', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', ' '), minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(text, text, text, fc.integer({ min: 2, max: 50 }), (prompt, chosen, rejected, maxLength) => {
        const more = { form: 'pairs', lengthPolicy: 'truncate' } as const
        const full = encode({ prompt, chosen, rejected }, more)
        const row = encode({ prompt, chosen, rejected }, { ...more, maxLength })
        expect(row.length).toBeLessThanOrEqual(maxLength)
        expect(row.truncated).toBe(full.length > maxLength)
      }),
      { seed: 1 },
    )
  })
})

describe('errors', () => {
  test.each<[string, unknown, Partial<EncodeContext>, string, string]>([
    [
      'no assistant turn',
      { messages: [user('a')] },
      {},
      'E_MASK_EMPTY',
      'no token to learn from: the conversation has no assistant turn (roles: user)',
    ],
    [
      'nothing in rejected',
      { prompt: [user('a')], chosen: [assistant('b')], rejected: [user('c')] },
      { form: 'pairs' },
      'E_MASK_EMPTY',
      'no token to learn from: rejected has no assistant turn (roles: user)',
    ],
    ['a mask of zeros', { tokens: [1, 2], loss: [1, 0] }, {}, 'E_MASK_EMPTY', 'no token to learn from'],
    [
      'an answer that was cut off',
      { prompt: 'abcdefgh', completion: 'i' },
      { maxLength: 4, lengthPolicy: 'truncate' },
      'E_MASK_EMPTY',
      'no token to learn from',
    ],
    [
      'an id outside the vocabulary',
      { tokens: [5, 286] },
      {},
      'E_TOKEN_ID',
      'token 1 has the id 286, expected 0 … 285, the vocabulary of the model',
    ],
    [
      'an id outside the embeddings',
      { text: 'z' },
      { vocabSize: 100 },
      'E_TOKEN_ID',
      'token 1 has the id 126, expected 0 … 99, the vocabulary of the model',
    ],
    [
      'a chat without a template',
      { messages: [user('a'), assistant('b')] },
      { template: null },
      'E_NO_TEMPLATE',
      'the row is a conversation, but the model has no chat template',
    ],
    [
      'dpo without chosen',
      { messages: [user('a'), assistant('b')] },
      { form: 'pairs' },
      'E_ROW_FORMAT',
      'the row is a conversation, expected a pair with "chosen" and "rejected"',
    ],
    [
      'sft on pairs',
      { prompt: 'a', chosen: 'b', rejected: 'c' },
      {},
      'E_ROW_FORMAT',
      'the row is a pair of chosen and rejected, expected a row to imitate: messages, prompt and completion, text or tokens',
    ],
  ])('%s', (_name, value, more, code, message) => {
    const error = failure(value, more)
    expect([error.code, error.message]).toEqual([code, `rows.jsonl:7: ${message}`])
    expect(error.help).toBeTruthy()
  })

  test('a template that renders nothing to learn', () => {
    const silent = chatTemplate(
      "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% endif %}{% endfor %}",
    )
    const error = failure({ messages: [user('a'), assistant('b')] }, { template: silent })
    expect(error.code).toBe('E_MASK_EMPTY')
    expect(error.message).toMatch(/^rows\.jsonl:7: /)
  })
})
