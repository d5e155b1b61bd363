import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { tokenizerFromJson } from './tokenizer.ts'
import type { BpeSpec, TokenizerJson } from './tokenizer-json.ts'
import { trainBpe } from './train-bpe.ts'

const read = (name: string) => JSON.parse(readFileSync(new URL(`./fixtures/${name}.json`, import.meta.url), 'utf8'))
const corpus = read('corpus') as string[]
const reference = read('tokenizers').recorded.find(({ name }: { name: string }) => name === 'bytes-qwen2')
  .json as TokenizerJson
const specialTokens = ['<unk>', '<s>', '</s>']

test('learns the merges and ids that the Hugging Face trainer learns from the same corpus', () => {
  const expected = reference.model as BpeSpec
  const vocabSize = Object.keys(expected.vocab).length
  const trained = trainBpe(corpus, { vocabSize, specialTokens }).model as BpeSpec
  expect(trained.merges).toEqual(expected.merges)
  expect(trained.vocab).toEqual(expected.vocab)
})

test('the result is a tokenizer: ids in order, special tokens first, texts come back', () => {
  const json = trainBpe(corpus, { vocabSize: 500, specialTokens })
  const tokenizer = tokenizerFromJson(json, { bos_token: '<s>', eos_token: '</s>' })
  expect(tokenizer.vocabSize).toBe(500)
  expect(specialTokens.map((token) => tokenizer.idOf(token))).toEqual([0, 1, 2])
  expect(tokenizer.encode('</s>')).toEqual([2])
  expect(new Set(Object.values(json.model.vocab)).size).toBe(500)
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(tokenizer.decode(tokenizer.encode(text, { special: false }))).toBe(text)
    }),
  )
  expect(tokenizer.encode('the of and').length).toBeLessThan(7)
})

test('each merge is that of the most frequent pair, of equal ones that of the smallest ids', () => {
  const words = fc.array(
    fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 8 }).map((letters) => letters.join('')),
    { minLength: 1, maxLength: 12 },
  )
  fc.assert(
    fc.property(words, (list) => {
      const { vocab, merges } = trainBpe([list.join(' ')], { vocabSize: 275, specialTokens: [], splitPattern: '\\w+' })
        .model as BpeSpec
      expect(merges).toEqual(slowMerges(list, vocab, 275 - 256))
    }),
  )
})

/** The definition: count every pair of every word, merge the first of the most frequent, begin again. */
function slowMerges(list: string[], vocab: Record<string, number>, most: number): [string, string][] {
  let words = list.map((word) => Array.from(word))
  const merges: [string, string][] = []
  const made = new Set<string>()
  while (made.size < most) {
    const counts = new Map<string, number>()
    const pairs = words.flatMap((word) => word.slice(1).map((right, i) => `${word[i]} ${right}`))
    for (const pair of pairs) counts.set(pair, (counts.get(pair) ?? 0) + 1)
    const ids = (pair: string): number[] => pair.split(' ').map((token) => vocab[token] as number)
    const [first] = [...counts].sort(
      ([a, x], [b, y]) =>
        y - x || (ids(a)[0] as number) - (ids(b)[0] as number) || (ids(a)[1] as number) - (ids(b)[1] as number),
    )
    if (!first) return merges
    const [left, right] = first[0].split(' ') as [string, string]
    merges.push([left, right])
    made.add(left + right)
    words = words.map((word) => {
      const after: string[] = []
      for (let i = 0; i < word.length; i++) {
        const joins = word[i] === left && word[i + 1] === right
        after.push(joins ? left + right : (word[i] as string))
        if (joins) i++
      }
      return after
    })
  }
  return merges
}

test('equal texts give equal tokenizers, in whatever order', () => {
  const options = { vocabSize: 400, specialTokens }
  const once = JSON.stringify(trainBpe(corpus, options))
  expect(JSON.stringify(trainBpe(corpus.toReversed(), options))).toBe(once)
})

test('a corpus without pairs gives the bytes alone; a vocabulary that cannot hold them is refused', () => {
  expect(Object.keys(trainBpe([], { vocabSize: 1000, specialTokens }).model.vocab).length).toBe(259)
  expect(() => trainBpe([], { vocabSize: 258, specialTokens })).toThrow('take 259')
  expect(() => trainBpe([], { vocabSize: 300.5, specialTokens })).toThrow('300.5')
})

test('a split pattern keeps merges within its matches', () => {
  const { vocab } = trainBpe(['abab abab 1212'], { vocabSize: 300, specialTokens: [], splitPattern: '[a-z]|\\d+' })
    .model as BpeSpec
  expect(vocab).not.toHaveProperty('ab')
  expect(vocab).toHaveProperty('1212')
})
