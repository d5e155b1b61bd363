import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { sharedFolder } from '../../test/shared.ts'
import type { ModelConfig } from '../models/index.ts'
import { loadTokenizer } from '../text/load.ts'
import { tokenizerFromJson } from '../text/tokenizer.ts'
import { tokenizerMetadata } from './gguf-tokenizer.ts'

const config = { vocabSize: 16, eosIds: [2] } as unknown as ModelConfig
const added = (id: number, content: string, special = true) => ({ id, content, special })
const ids = (tokens: string[]) => Object.fromEntries(tokens.map((token, id) => [token, id]))

const prepend = { type: 'Prepend', prepend: '▁' }
const replace = { type: 'Replace', pattern: { String: ' ' }, content: '▁' }
const sentencePiece = {
  added_tokens: [added(0, '<unk>'), added(1, '<s>'), added(2, '</s>'), added(11, 'tool▁call', false)],
  normalizer: { type: 'Sequence', normalizers: [prepend, replace] },
  decoder: { type: 'Fuse' },
  model: {
    type: 'BPE',
    vocab: ids(['<unk>', '<s>', '</s>', '<0x0A>', '▁', 't', 'h', 'e', 'he', 'the', '▁the']),
    merges: ['h e', 't he', '▁ the'],
    unk_token: '<unk>',
    byte_fallback: true,
  },
}
const roles = { bos_token: '<s>', eos_token: '</s>', unk_token: '<unk>', add_bos_token: true }
const values = (json: unknown, settings: Record<string, unknown> = roles, model = config, template?: string | null) =>
  Object.fromEntries(
    Object.entries(tokenizerMetadata(model, tokenizerFromJson(json, settings), template)).map(([key, { value }]) => [
      key.replace(/^tokenizer\.(ggml\.)?/, ''),
      value,
    ]),
  )

test('SentencePiece-like BPE: scores order tokens as the merges do, gaps are padded', () => {
  const { scores, ...rest } = values(sentencePiece)
  expect(rest).toEqual({
    model: 'llama',
    pre: 'default',
    tokens: [
      ...['<unk>', '<s>', '</s>', '<0x0A>', '▁', 't', 'h', 'e', 'he', 'the', '▁the', 'tool call'],
      ...['[PAD12]', '[PAD13]', '[PAD14]', '[PAD15]'],
    ],
    token_type: [2, 3, 3, 6, 1, 1, 1, 1, 1, 1, 1, 4, 5, 5, 5, 5],
    add_space_prefix: true,
    add_bos_token: true,
    bos_token_id: 1,
    eos_token_id: 2,
    unknown_token_id: 0,
  })
  const [, , , , space, t, , , he, the, spaceThe] = scores as number[]
  expect(he).toBeGreaterThan(the)
  expect(the).toBeGreaterThan(spaceThe)
  expect(spaceThe).toBeGreaterThan(t)
  expect(space).toBe(t)
  expect((scores as number[]).length).toBe(16)
})

const bytes = (use: boolean) => ({ type: 'ByteLevel', add_prefix_space: false, use_regex: use })
const split = (pattern: string) => ({ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false })
const sequence = (...pretokenizers: object[]) => ({ type: 'Sequence', pretokenizers })
const byteLevel = (pre_tokenizer: object, model: object = {}, rest: object = {}) => ({
  added_tokens: [added(0, '<|im_start|>', false), added(1, '<s>'), added(2, '</s>')],
  pre_tokenizer,
  decoder: bytes(true),
  model: { type: 'BPE', vocab: ids(['!', '"', '#', 'Ġ', 'a', 'b', 'ab']), merges: [['a', 'b']], ...model },
  ...rest,
})
const QWEN = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
const LLAMA3 = QWEN.replace(String.raw`|\p{N}|`, String.raw`|\p{N}{1,3}|`)
const TEKKEN = String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
const GPT4O = String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`

describe('byte-level BPE', () => {
  test('has merges, and tokens that look special are control tokens', () => {
    const found = values(byteLevel(bytes(true)))
    expect(found).toMatchObject({ model: 'gpt2', pre: 'gpt-2', merges: ['a b'], bos_token_id: 1, add_bos_token: true })
    expect(found['token_type']).toEqual([3, 3, 3, 1, 1, 1, 1, ...Array(9).fill(5)])
    expect(found['scores']).toBeUndefined()
  })

  test.each([
    ['gpt-2', bytes(true), {}],
    ['smollm', sequence({ type: 'Digits', individual_digits: true }, bytes(true)), {}],
    ['qwen2', sequence(split(QWEN), bytes(false)), {}],
    ['llama-bpe', sequence(split(LLAMA3), bytes(false)), { ignore_merges: true }],
    ['dbrx', sequence(split(LLAMA3), bytes(false)), {}],
    ['tekken', sequence(split(TEKKEN), bytes(false)), {}],
    ['gpt-4o', sequence(split(GPT4O), bytes(false)), {}],
  ])('%s is told by how words are cut', (pre, preTokenizer, model) => {
    expect(values(byteLevel(preTokenizer, model))['pre']).toBe(pre)
  })
})

describe('the chat template', () => {
  const json = byteLevel(bytes(true))
  const template = (settings: object, given?: string | null) =>
    values(json, { ...roles, ...settings }, config, given)['chat_template']

  test('is that of the tokenizer, one that is given, or none', () => {
    expect(template({})).toBeUndefined()
    expect(template({ chat_template: 'own' })).toBe('own')
    expect(template({ chat_template: [{ name: 'default', template: 'named' }] })).toBe('named')
    expect(template({ chat_template: 'own' }, 'given')).toBe('given')
    expect(template({ chat_template: 'own' }, null)).toBeUndefined()
  })
})

test('a second token that ends generations is the end of a turn', () => {
  const model = { ...config, eosIds: [5, 2] }
  expect(values(byteLevel(bytes(true)), roles, model)).toMatchObject({ eos_token_id: 2, eot_token_id: 5 })
})

describe('tokenizers that llama.cpp would read otherwise are refused', () => {
  test.each([
    [
      'another model',
      { model: { type: 'Unigram', vocab: [['a', -1]], unk_id: 0 } },
      /its model is Unigram, expected BPE/,
    ],
    ['an unknown way to cut words', byteLevel(sequence(split('\\w+'), bytes(false))), /way to cut words: \\w\+/],
    [
      'another kind of cut',
      byteLevel(sequence({ type: 'Punctuation' }, bytes(true))),
      /Punctuation, a kind of its own/,
    ],
    ['a normalizer', byteLevel(bytes(true), {}, { normalizer: { type: 'Lowercase' } }), /its normalizer is Lowercase/],
    [
      'no tokens for bytes',
      { ...sentencePiece, model: { ...sentencePiece.model, byte_fallback: false } },
      /neither bytes for letters nor tokens for bytes/,
    ],
    [
      'a vocabulary beyond the model',
      byteLevel(bytes(true), { vocab: ids([...'abcdefghijklmnopqrst']), merges: [] }),
      /20 tokens/,
    ],
  ])('%s', (_, json, message) => {
    const plain = { bos_token: null, eos_token: null }
    expect(() => values(json, plain)).toThrow(expect.objectContaining({ code: 'E_EXPORT' }))
    expect(() => values(json, plain)).toThrow(message)
  })
})

const stories = `${sharedFolder()}/models/stories260K`
test.runIf(existsSync(stories))('stories260K has 512 tokens, 256 of them bytes', async () => {
  const tokenizer = await loadTokenizer(stories)
  const found = tokenizerMetadata({ vocabSize: 512, eosIds: [2] } as unknown as ModelConfig, tokenizer)
  const types = found['tokenizer.ggml.token_type'].value as number[]
  expect(types.filter((type) => type === 6).length).toBe(256)
  expect(types.length).toBe(512)
  expect(found['tokenizer.ggml.add_space_prefix'].value).toBe(true)
})
