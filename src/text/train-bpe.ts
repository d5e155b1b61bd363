import { HoneError } from '../base/index.ts'
import { byteToChar, toByteLevel } from './byte-level.ts'
import { compilePattern } from './pattern.ts'
import type { TokenizerJson } from './tokenizer-json.ts'
import { bytes, QWEN2_PATTERN, splitAndBytes } from './vocab-merges.ts'

export interface TrainBpeOptions {
  /** Ids in all: special tokens, the 256 bytes, and one for each merge. */
  vocabSize: number
  /** Take the first ids, in this order. */
  specialTokens: string[]
  /** Oniguruma pattern whose matches are the words that merges stay within. */
  splitPattern?: string
}

/**
 * Trains byte-level BPE (Sennrich 2016, arXiv:1508.07909; bytes as in Radford 2019) and returns its tokenizer.json.
 * Of pairs equally frequent the one with the smaller ids merges first, so equal texts give equal tokenizers, the same as those of
 * the Hugging Face trainer. Texts that do not hold enough pairs give a smaller vocabulary. Time grows with the number of
 * different words, not with the length of the texts.
 * @throws HoneError E_VOCAB_SIZE when the vocabulary cannot hold the bytes and the special tokens.
 */
export function trainBpe(texts: Iterable<string>, options: TrainBpeOptions): TokenizerJson {
  const special = [...new Set(options.specialTokens)]
  const base = special.length + 256
  if (!Number.isInteger(options.vocabSize) || options.vocabSize < base) {
    throw new HoneError(
      'E_VOCAB_SIZE',
      `vocabSize ${options.vocabSize} is too small: bytes and special tokens take ${base}`,
    )
  }
  const pattern = options.splitPattern ?? QWEN2_PATTERN
  const tokens = [...special, ...byteToChar.toSorted()]
  const idOf = new Map(tokens.map((token, id) => [token, id]))
  const words = countWords(texts, compilePattern({ Regex: pattern }, 'splitPattern'))
  const merges: [string, string][] = []
  const corpus = pairCounts(words, (char) => idOf.get(char) as number)
  while (tokens.length < options.vocabSize) {
    const pair = corpus.mostFrequent()
    if (!pair) break
    const [left, right] = pair.map((id) => tokens[id] as string) as [string, string]
    const token = left + right
    // Two ways to the same token share its id.
    const id = idOf.get(token) ?? tokens.push(token) - 1
    idOf.set(token, id)
    merges.push([left, right])
    corpus.merge(pair, id)
  }
  return {
    version: '1.0',
    added_tokens: special.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: splitAndBytes(pattern),
    post_processor: null,
    decoder: bytes(false, false),
    model: { type: 'BPE', vocab: Object.fromEntries(idOf), merges },
  }
}

function countWords(texts: Iterable<string>, pattern: RegExp): Map<string, number> {
  const counts = new Map<string, number>()
  for (const text of texts) {
    let end = 0
    const count = (word: string): void => {
      if (word !== '') counts.set(word, (counts.get(word) ?? 0) + 1)
    }
    for (const { 0: word, index } of text.toWellFormed().matchAll(pattern)) {
      count(text.slice(end, index))
      count(word)
      end = index + word.length
    }
    count(text.slice(end))
  }
  return counts
}

type Pair = [number, number]
interface PairEntry {
  pair: Pair
  count: number
  /** Words that held the pair when it was last counted up; some may have lost it since. */
  words: Set<number>
}

/**
 * The counts of all pairs, kept up to date as pairs merge. A heap holds each pair under a count that is never below the true one:
 * an entry found too high goes back with its true count (lazy deletion).
 */
function pairCounts(
  counts: Map<string, number>,
  idOf: (char: string) => number,
): { mostFrequent(): Pair | null; merge(pair: Pair, id: number): void } {
  const words = [...counts.keys()].map((word) => Array.from(toByteLevel(word), idOf))
  const weights = [...counts.values()]
  const entries = new Map<number, PairEntry>()
  const key = (left: number, right: number): number => left * 2 ** 24 + right
  const change = (word: number, left: number, right: number, by: number): PairEntry => {
    let entry = entries.get(key(left, right))
    if (!entry) {
      entry = { pair: [left, right], count: 0, words: new Set() }
      entries.set(key(left, right), entry)
    }
    entry.count += by * (weights[word] as number)
    if (by > 0) entry.words.add(word)
    return entry
  }
  words.forEach((ids, word) => {
    for (let i = 0; i + 1 < ids.length; i++) change(word, ids[i] as number, ids[i + 1] as number, 1)
  })
  const heap = entryHeap()
  for (const entry of entries.values()) heap.push(entry, entry.count)

  return {
    mostFrequent() {
      for (let top = heap.pop(); top; top = heap.pop()) {
        if (top.entry.count === top.count) return top.count > 0 ? top.entry.pair : null
        if (top.entry.count > 0) heap.push(top.entry, top.entry.count)
      }
      return null
    },
    merge([left, right], id) {
      const merged = entries.get(key(left, right)) as PairEntry
      const grown = new Set<PairEntry>()
      for (const word of merged.words) {
        const before = words[word] as number[]
        const after: number[] = []
        for (let i = 0; i < before.length; i++) {
          const joins = before[i] === left && before[i + 1] === right
          after.push(joins ? id : (before[i] as number))
          if (joins) i++
        }
        if (after.length === before.length) continue
        for (let i = 0; i + 1 < before.length; i++) change(word, before[i] as number, before[i + 1] as number, -1)
        for (let i = 0; i + 1 < after.length; i++) {
          const entry = change(word, after[i] as number, after[i + 1] as number, 1)
          if (after[i] === id || after[i + 1] === id) grown.add(entry)
        }
        words[word] = after
      }
      entries.delete(key(left, right))
      for (const entry of grown) heap.push(entry, entry.count)
    },
  }
}

/** A heap of pairs: the highest count on top, of equal counts the smallest ids. */
function entryHeap(): {
  push(entry: PairEntry, count: number): void
  pop(): { entry: PairEntry; count: number } | undefined
} {
  const items: { entry: PairEntry; count: number }[] = []
  const above = (a: number, b: number): boolean => {
    const [x, y] = [items[a], items[b]] as [{ entry: PairEntry; count: number }, { entry: PairEntry; count: number }]
    if (x.count !== y.count) return x.count > y.count
    return lower(x.entry.pair, y.entry.pair)
  }
  const lower = (a: Pair, b: Pair): boolean => a[0] < b[0] || (a[0] === b[0] && a[1] < b[1])
  const swap = (a: number, b: number): void => {
    const held = items[a] as (typeof items)[number]
    items[a] = items[b] as (typeof items)[number]
    items[b] = held
  }
  return {
    push(entry, count) {
      let i = items.push({ entry, count }) - 1
      for (let parent = (i - 1) >> 1; i > 0 && above(i, parent); parent = (i - 1) >> 1) {
        swap(i, parent)
        i = parent
      }
    },
    pop() {
      if (items.length === 0) return undefined
      swap(0, items.length - 1)
      const top = items.pop()
      for (let i = 0; ; ) {
        let best = i
        for (const child of [2 * i + 1, 2 * i + 2]) if (child < items.length && above(child, best)) best = child
        if (best === i) return top
        swap(i, best)
        i = best
      }
    },
  }
}
