import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { HoneError } from '../base/index.ts'
import { tidy, tidyStage } from './decode.ts'
import { tokenizerFromJson } from './tokenizer.ts'
import type { BpeSpec, TokenizerJson } from './tokenizer-json.ts'
import type { Tokenizer } from './types.ts'

const { recorded } = JSON.parse(readFileSync(new URL('./fixtures/tokenizers.json', import.meta.url), 'utf8')) as {
  recorded: { name: string; json: TokenizerJson }[]
}
const jsonOf = (name: string): TokenizerJson => recorded.find((entry) => entry.name === name)?.json as TokenizerJson
const byteLevel = tokenizerFromJson(jsonOf('bytes-digits-ignore-merges'))
const metaspace = tokenizerFromJson(jsonOf('metaspace-first'))
const prepend = tokenizerFromJson(jsonOf('prepend'))

/** Texts with what makes tokenizers stumble: many scripts, joined emoji, white space of all kinds, tokens written out. */
const tricky = fc.constantFrom(
  ...['<s>', '</s>', '<tag>', 'tag', '<strip>', '<norm>', '<|user|>', '▁', ' ', '  ', '\n', '\r\n', '\t', 'the', 'of'],
  ...["'s", '123', '\u0301', '🦙', '👩‍👩‍👧', '\u2028', '\ufeff', '<0x41>', 'é'],
)
const anyText = fc
  .array(fc.oneof(tricky, fc.string({ unit: 'grapheme', maxLength: 4 }), fc.string({ maxLength: 4 })), {
    maxLength: 12,
  })
  .map((parts) => parts.join(''))
const idsOf = (tokenizer: Tokenizer) => fc.array(fc.nat({ max: tokenizer.vocabSize - 1 }), { maxLength: 30 })

test('byte-level BPE: decoding gives the text back', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      expect(byteLevel.decode(byteLevel.encode(text, { special: false }))).toBe(text)
    }),
  )
})

test('byte fallback: decoding gives the text back', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      expect(metaspace.decode(metaspace.encode(text, { special: false }))).toBe(
        text.startsWith(' ') || text.startsWith('▁') ? text.replaceAll('▁', ' ').slice(1) : text.replaceAll('▁', ' '),
      )
    }),
  )
})

test.each(recorded)('$name: a stream of ids gives the same text as all at once', ({ json }) => {
  const tokenizer = tokenizerFromJson(json)
  fc.assert(
    fc.property(idsOf(tokenizer), fc.boolean(), (ids, skipSpecial) => {
      const stream = tokenizer.stream({ skipSpecial })
      const pieces = ids.map((id) => stream.push(id))
      expect(pieces.join('') + stream.flush()).toBe(tokenizer.decode(ids, { skipSpecial }))
    }),
  )
})

test('a stream holds back the bytes of a character until it is whole', () => {
  const ids = byteLevel.encode('é🦙!')
  const stream = byteLevel.stream()
  const pieces = ids.map((id) => stream.push(id))
  expect(pieces.join('')).toBe('é🦙!')
  expect(pieces.some((piece) => piece.includes('\ufffd'))).toBe(false)
  const cut = byteLevel.stream()
  expect(
    ids
      .slice(0, 3)
      .map((id) => cut.push(id))
      .join(''),
  ).toBe('é')
  expect(cut.flush()).toBe('\ufffd')
})

test('byte tokens that make no character become one U+FFFD each, those that do are kept', () => {
  const bytes = [0xe4, 0xbd, 0xa0, 0xf0, 0x9f, 0x41, 0xc0, 0xed, 0xa0].map(
    (byte) => metaspace.idOf(`<0x${byte.toString(16).toUpperCase()}>`) as number,
  )
  expect(metaspace.decode(bytes)).toBe('你\ufffd\ufffdA\ufffd\ufffd\ufffd')
})

test.each(['bytes-qwen2', 'bytes-gpt2', 'metaspace-first', 'metaspace-always', 'prepend'])(
  '%s: parts decode to the whole',
  (name) => {
    const tokenizer = tokenizerFromJson(jsonOf(name))
    // Tokens that look at what stands around them see only their part.
    const parts = fc.array(
      anyText.map((text) => text.replace(/<strip>|<\|user\|>|tag/g, '')),
      { maxLength: 4 },
    )
    fc.assert(
      fc.property(parts, (texts) => {
        const ids = tokenizer.encodeParts(texts, { special: false })
        expect(ids.length).toBe(texts.length)
        const whole = tokenizer.decode(tokenizer.encode(texts.join(''), { special: false }))
        expect(tokenizer.decode(ids.flat()).normalize('NFC')).toBe(whole.normalize('NFC'))
        expect(ids[0] ?? []).toEqual(tokenizer.encode(texts[0] ?? '', { special: false }))
      }),
    )
  },
)

test('a part continues the text before it: no dummy space, but after a special token as in the whole text', () => {
  const spell = (tokenizer: Tokenizer, parts: string[]): string[] =>
    tokenizer.encodeParts(parts).map((ids) => ids.map((id) => tokenizer.tokenOf(id)).join(''))
  expect(spell(prepend, ['the', 'of'])).toEqual(['▁the', 'of'])
  expect(spell(prepend, ['the<s>', 'of'])).toEqual(['▁the<s>', '▁of'])
  expect(spell(metaspace, ['the<s>', 'of'])).toEqual(['▁the<s>', 'of'])
  // A normalized token is found in text that has its dummy space by then.
  expect(spell(prepend, ['<norm>', 'of'])).toEqual(['<norm>', 'of'])
  expect(spell(prepend, ['<norm>of'])).toEqual(['<norm>of'])
  expect(spell(metaspace, ['<s>', ' of', '', 'of'])).toEqual(['<s>', '▁of', '', 'of'])
  expect(spell(metaspace, ['', 'of'])).toEqual(['', '▁of'])
})

test('a long word takes the heap, a short one the scan, with the same result', () => {
  const text = 'thetheofand'.repeat(40)
  const alone = { ...jsonOf('prepend'), normalizer: null }
  const tokenizer = tokenizerFromJson(alone)
  const ids = tokenizer.encode(text)
  expect(ids).toEqual(slowBpe(alone.model as BpeSpec, text))
  expect(tokenizer.encode(text.slice(0, 40))).toEqual(slowBpe(alone.model as BpeSpec, text.slice(0, 40)))
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('t', 'h', 'e', 'o', 'f', 'a', 'n', 'd', ' '), { minLength: 1, maxLength: 130 }),
      (letters) => {
        expect(tokenizer.encode(letters.join(''))).toEqual(slowBpe(alone.model as BpeSpec, letters.join('')))
      },
    ),
  )
})

/** The definition: again and again the first pair of the merge that comes first. */
function slowBpe(model: BpeSpec, text: string): number[] {
  let symbols = Array.from(text).flatMap((char) =>
    char in model.vocab
      ? [char]
      : Array.from(new TextEncoder().encode(char), (byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`),
  )
  const merges = model.merges.map((merge) => (typeof merge === 'string' ? merge.split(' ') : merge))
  for (;;) {
    const merge = merges.find(([left, right]) =>
      symbols.some((symbol, i) => symbol === left && symbols[i + 1] === right),
    )
    if (!merge) return symbols.map((symbol) => model.vocab[symbol] as number)
    const at = symbols.findIndex((symbol, i) => symbol === merge[0] && symbols[i + 1] === merge[1])
    symbols = [...symbols.slice(0, at), merge.join(''), ...symbols.slice(at + 2)]
  }
}

test('a long text without a space takes no quadratic time', () => {
  const started = performance.now()
  expect(metaspace.encode('theof'.repeat(60_000)).length).toBeGreaterThan(1000)
  expect(performance.now() - started).toBeLessThan(8000)
})

test('roles come from the configuration, as texts or objects, and make their tokens special', () => {
  const json = jsonOf('bytes-qwen2')
  const plain = tokenizerFromJson(
    { ...json, added_tokens: [] },
    { bos_token: '<s>', eos_token: { content: '</s>' }, pad_token: null },
  )
  expect([plain.bos, plain.eos, plain.pad]).toEqual([plain.idOf('<s>'), plain.idOf('</s>'), null])
  expect(plain.isSpecial(plain.bos as number)).toBe(true)
  expect(plain.encode('<s>the</s>').at(-1)).toBe(plain.eos)
  expect(plain.encode('<s>the</s>', { special: false })).not.toContain(plain.eos)
  expect(plain.addBos).toBe(true)
  expect(tokenizerFromJson(json, { bos_token: '<s>', add_bos_token: false }).addBos).toBe(false)
  expect(tokenizerFromJson(json, {}).addBos).toBe(false)
  expect(tokenizerFromJson({ ...json, post_processor: null }, { bos_token: '<s>' }).addBos).toBe(false)
  expect(() => tokenizerFromJson(json, { eos_token: '<none>' })).toThrow('eos_token "<none>"')
  const added = tokenizerFromJson(json, {
    added_tokens_decoder: { 999: { content: '<late>', special: true } },
    eos_token: '<late>',
  })
  expect([added.eos, added.vocabSize, added.tokenOf(999), added.tokenOf(998)]).toEqual([999, 1000, '<late>', ''])
  expect(added.encode('<late>')).toEqual([999])
})

test('ids outside the vocabulary have no text', () => {
  expect(() => byteLevel.tokenOf(byteLevel.vocabSize)).toThrow(HoneError)
  expect(() => byteLevel.tokenOf(-1)).toThrow('outside the vocabulary')
  expect(byteLevel.decode([10 ** 6, -1, ...byteLevel.encode('x')])).toBe('x')
})

test('the fingerprint is that of the ids, not of the file', () => {
  const json = jsonOf('bytes-qwen2')
  const reordered = {
    ...json,
    model: { ...json.model, vocab: Object.fromEntries(Object.entries(json.model.vocab).reverse()) },
  }
  const print = (value: unknown): string => tokenizerFromJson(value).fingerprint
  expect(print(reordered)).toBe(print(json))
  expect(print(json)).toMatch(/^[0-9a-f]{64}$/)
  expect(print({ ...json, decoder: null })).toBe(print(json))
  for (const change of [{ normalizer: null }, { pre_tokenizer: null }, { added_tokens: [] }]) {
    expect(print({ ...json, ...change })).not.toBe(print(json))
  }
  const merges = (json.model as BpeSpec).merges
  expect(print({ ...json, model: { ...json.model, merges: merges.slice(1) } })).not.toBe(print(json))
})

test('the files make the same tokenizer again', () => {
  for (const { json } of recorded) {
    const tokenizer = tokenizerFromJson(json, { bos_token: '<s>' })
    const [file, config] = tokenizer.files()
    const again = tokenizerFromJson(JSON.parse(file?.content as string), JSON.parse(config?.content as string))
    expect(again.fingerprint).toBe(tokenizer.fingerprint)
    expect(again.bos).toBe(tokenizer.bos)
  }
})

test('tidying a stream equals tidying the whole', () => {
  const bit = fc.constantFrom(' ', "'", ' .', '?', 'n', "'t", 't', 'm', 've', ' re', 's', '!', ',', 'x', ' ')
  fc.assert(
    fc.property(fc.array(bit, { maxLength: 20 }), (bits) => {
      const stage = tidyStage()
      const out = bits.map((text) => {
        stage.push(text, false)
        return Array.from(stage.drain(false)).join('')
      })
      expect(out.join('') + Array.from(stage.drain(true)).join('')).toBe(tidy(bits.join('')))
    }),
    { numRuns: 3000 },
  )
})

test('spaces before punctuation go only where the reference lets them: not for BPE', () => {
  const config = { clean_up_tokenization_spaces: true }
  const text = 'the , of .'
  const wordPiece = tokenizerFromJson(jsonOf('wordpiece'), config)
  expect(wordPiece.decode(wordPiece.encode(text))).toBe('the, of.')
  const bpe = tokenizerFromJson(jsonOf('bytes-qwen2'), config)
  expect(bpe.decode(bpe.encode(text))).toBe(text)
})

const base = jsonOf('bytes-qwen2')
test.each<[string, unknown, string]>([
  ['no object', [], 'should be an object'],
  ['no model', {}, 'model should be an object'],
  ['a model of another kind', { model: { type: 'WordLevel', vocab: {} } }, 'BPE, Unigram or WordPiece'],
  ['an id below zero', { model: { type: 'BPE', vocab: { a: -1 }, merges: [] } }, 'model.vocab["a"]'],
  ['an id beyond reason', { model: { type: 'BPE', vocab: { a: 2 ** 31 }, merges: [] } }, 'model.vocab["a"]'],
  [
    'a merge of unknown tokens',
    { model: { type: 'BPE', vocab: { a: 0 }, merges: ['a b'] } },
    'merge 0 needs the token "b"',
  ],
  ['a merge of three', { model: { type: 'BPE', vocab: { a: 0 }, merges: ['a a a'] } }, 'merge 0 should be two tokens'],
  ['dropout', { model: { type: 'BPE', vocab: { a: 0 }, merges: [], dropout: 0.1 } }, 'model.dropout'],
  ['a Unigram piece without score', { model: { type: 'Unigram', vocab: [['a']] } }, 'model.vocab[0]'],
  ['an unknown id that is none', { model: { type: 'Unigram', vocab: [['a', 0]], unk_id: 5 } }, 'model.unk_id'],
  ['an unknown normalizer', { ...base, normalizer: { type: 'Nmt' } }, 'normalizer Nmt'],
  ['a type of the prototype', { ...base, normalizer: { type: 'constructor' } }, 'normalizer constructor'],
  ['an unknown pre-tokenizer', { ...base, pre_tokenizer: { type: 'X' } }, 'pre-tokenizer X'],
  ['an unknown decoder', { ...base, decoder: { type: 'CTC' } }, 'decoder CTC'],
  [
    'a pattern that does not parse',
    { ...base, pre_tokenizer: { type: 'Split', pattern: { Regex: '(' }, behavior: 'Isolated' } },
    'no JavaScript form',
  ],
  [
    'a character map that is none',
    { ...base, normalizer: { type: 'Precompiled', precompiled_charsmap: 'AAAA//8=' } },
    'character map',
  ],
  ['an added token without text', { ...base, added_tokens: [{ id: 0 }] }, 'added_tokens[0].content'],
])('%s is refused by name', (_name, json, message) => {
  let error: unknown
  try {
    tokenizerFromJson(json, {}, { file: 'x/tokenizer.json' })
  } catch (caught) {
    error = caught
  }
  expect(error).toBeInstanceOf(HoneError)
  expect((error as HoneError).code).toBe('E_TOKENIZER')
  expect((error as HoneError).message).toContain('x/tokenizer.json')
  expect((error as HoneError).message).toContain(message)
})

test('damaged JSON never ends in another error', () => {
  const text = JSON.stringify({ ...base, model: { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 }, merges: ['a b'] } })
  fc.assert(
    fc.property(fc.nat({ max: text.length - 1 }), fc.string({ minLength: 1, maxLength: 3 }), (at, junk) => {
      let json: unknown
      try {
        json = JSON.parse(text.slice(0, at) + junk + text.slice(at + junk.length))
      } catch {
        return
      }
      try {
        tokenizerFromJson(json).encode('ab <s> x')
      } catch (error) {
        expect((error as HoneError).code).toBe('E_TOKENIZER')
      }
    }),
    { numRuns: 1000 },
  )
})
