import { HoneError } from '../base/index.ts'
import { fallbackIds } from './byte-level.ts'
import type { BpeSpec } from './tokenizer-json.ts'

/** Turns one pre-token into ids, appended to `out`. */
export type EncodeWord = (word: string, out: number[]) => void

const utf8 = new TextEncoder()
/** Up to this many symbols a linear scan for the best pair beats a heap. */
const SCAN_LIMIT = 48

/**
 * Byte-pair encoding (Sennrich 2016, arXiv:1508.07909): merges the adjacent pair of lowest rank, leftmost first, until none
 * is left. Characters outside the vocabulary become byte tokens where it has them, else the unknown token, else nothing.
 * @throws HoneError E_TOKENIZER when a merge names a token that is not in the vocabulary.
 */
export function bpe(spec: BpeSpec, file: string): EncodeWord {
  const vocab = new Map(Object.entries(spec.vocab))
  const prefix = spec.continuing_subword_prefix ?? ''
  const suffix = spec.end_of_word_suffix ?? ''
  const merges = mergeTable(spec, vocab, prefix, file)
  const bytes = spec.byte_fallback ? fallbackIds((token) => vocab.get(token)) : null
  const unknown = spec.unk_token == null ? undefined : vocab.get(spec.unk_token)
  let symbols = new Int32Array(256)

  /** Fills `symbols` with the ids of the word's characters and returns their number. */
  const characters = (word: string): number => {
    let n = 0
    let lastUnknown = false
    for (let i = 0; i < word.length; ) {
      const size = (word.codePointAt(i) as number) > 0xffff ? 2 : 1
      const char = word.slice(i, i + size)
      const start = i
      i += size
      if (n + 4 > symbols.length) symbols = grown(symbols)
      const spelled = prefix || suffix ? (start > 0 ? prefix : '') + char + (i === word.length ? suffix : '') : char
      const id = vocab.get(spelled)
      if (id === undefined && bytes) {
        for (const byte of utf8.encode(char)) symbols[n++] = bytes[byte] as number
      } else if (id !== undefined) {
        symbols[n++] = id
      } else if (unknown !== undefined && !(lastUnknown && spec.fuse_unk)) {
        symbols[n++] = unknown
      }
      lastUnknown = id === undefined && !bytes
    }
    return n
  }

  return (word, out) => {
    const whole = spec.ignore_merges ? vocab.get(word) : undefined
    if (whole !== undefined) {
      out.push(whole)
      return
    }
    const n = characters(word)
    const kept = n <= SCAN_LIMIT ? mergeByScan(symbols, n, merges) : mergeByHeap(symbols, n, merges)
    for (let i = 0; i < kept; i++) out.push(symbols[i] as number)
  }
}

interface MergeTable {
  /** Place of the pair in the two lists below, −1 if it does not merge. The place is not the rank. */
  find(left: number, right: number): number
  rank: Int32Array
  product: Int32Array
}

/** Open addressing on pairs of ids: a Map keyed by numbers beyond 2³¹ is several times slower. */
function mergeTable(spec: BpeSpec, vocab: Map<string, number>, prefix: string, file: string): MergeTable {
  let capacity = 16
  while (capacity < spec.merges.length * 2) capacity *= 2
  const mask = capacity - 1
  const left = new Int32Array(capacity).fill(-1)
  const right = new Int32Array(capacity)
  const rank = new Int32Array(capacity)
  const product = new Int32Array(capacity)
  const slot = (a: number, b: number): number => {
    let at = (Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b)) >>> 0
    at = (at ^ (at >>> 15)) & mask
    while (left[at] !== -1 && (left[at] !== a || right[at] !== b)) at = (at + 1) & mask
    return at
  }
  spec.merges.forEach((merge, i) => {
    const [a, b] = splitMerge(merge, i, file)
    const ids = [a, b, a + (b.startsWith(prefix) ? b.slice(prefix.length) : b)].map((token) => {
      const id = vocab.get(token)
      if (id !== undefined) return id
      throw new HoneError(
        'E_TOKENIZER',
        `${file}: merge ${i} needs the token ${JSON.stringify(token)}, not in the vocabulary`,
      )
    }) as [number, number, number]
    const at = slot(ids[0], ids[1])
    left[at] = ids[0]
    right[at] = ids[1]
    rank[at] = i
    product[at] = ids[2]
  })
  const find = (a: number, b: number): number => {
    const at = slot(a, b)
    return left[at] === -1 ? -1 : at
  }
  return { find, rank, product }
}

/** The two tokens of a merge, written `"a b"` or `["a", "b"]`. */
export function splitMerge(merge: unknown, i: number, file: string): [string, string] {
  const pair = typeof merge === 'string' ? merge.split(' ') : merge
  if (Array.isArray(pair) && pair.length === 2 && pair.every((token) => typeof token === 'string' && token !== '')) {
    return pair as [string, string]
  }
  throw new HoneError(
    'E_TOKENIZER',
    `${file}: merge ${i} should be two tokens, got ${JSON.stringify(merge)?.slice(0, 60)}`,
  )
}

function mergeByScan(symbols: Int32Array, length: number, merges: MergeTable): number {
  let n = length
  const found = scratch
  for (let i = 0; i + 1 < n; i++) found[i] = merges.find(symbols[i] as number, symbols[i + 1] as number)
  for (;;) {
    let best = -1
    let bestRank = 0x7fffffff
    for (let i = 0; i + 1 < n; i++) {
      const at = found[i] as number
      if (at >= 0 && (merges.rank[at] as number) < bestRank) {
        best = i
        bestRank = merges.rank[at] as number
      }
    }
    if (best < 0) return n
    symbols[best] = merges.product[found[best] as number] as number
    symbols.copyWithin(best + 1, best + 2, n)
    found.copyWithin(best, best + 1, n - 1)
    n--
    if (best > 0) found[best - 1] = merges.find(symbols[best - 1] as number, symbols[best] as number)
    if (best + 1 < n) found[best] = merges.find(symbols[best] as number, symbols[best + 1] as number)
  }
}
const scratch = new Int32Array(SCAN_LIMIT + 1)

/** O(n log n): a linked list of symbols and a heap of (rank, position); entries that no longer hold are skipped when they come up. */
function mergeByHeap(symbols: Int32Array, n: number, merges: MergeTable): number {
  const next = new Int32Array(n)
  const previous = new Int32Array(n)
  const pairRank = new Int32Array(n).fill(-1)
  const heap = minHeap(n)
  const consider = (i: number): void => {
    const j = next[i] as number
    const at = j < n ? merges.find(symbols[i] as number, symbols[j] as number) : -1
    pairRank[i] = at < 0 ? -1 : (merges.rank[at] as number)
    if (at >= 0) heap.push((merges.rank[at] as number) * 2 ** 32 + i)
  }
  for (let i = 0; i < n; i++) {
    next[i] = i + 1
    previous[i] = i - 1
  }
  for (let i = 0; i + 1 < n; i++) consider(i)
  for (let key = heap.pop(); key >= 0; key = heap.pop()) {
    const i = key % 2 ** 32
    if (pairRank[i] !== Math.floor(key / 2 ** 32)) continue
    const j = next[i] as number
    symbols[i] = merges.product[merges.find(symbols[i] as number, symbols[j] as number)] as number
    pairRank[j] = -1
    next[i] = next[j] as number
    if ((next[i] as number) < n) previous[next[i] as number] = i
    consider(i)
    if ((previous[i] as number) >= 0) consider(previous[i] as number)
  }
  let kept = 0
  for (let i = 0; i < n; i = next[i] as number) symbols[kept++] = symbols[i] as number
  return kept
}

function minHeap(expected: number): { push(key: number): void; pop(): number } {
  let keys = new Float64Array(expected + 16)
  let size = 0
  return {
    push(key) {
      if (size === keys.length) {
        const wider = new Float64Array(size * 2)
        wider.set(keys)
        keys = wider
      }
      let i = size++
      while (i > 0) {
        const parent = (i - 1) >> 1
        if ((keys[parent] as number) <= key) break
        keys[i] = keys[parent] as number
        i = parent
      }
      keys[i] = key
    },
    /** The smallest key, −1 when empty. */
    pop() {
      if (size === 0) return -1
      const top = keys[0] as number
      const key = keys[--size] as number
      let i = 0
      for (;;) {
        let child = 2 * i + 1
        if (child >= size) break
        if (child + 1 < size && (keys[child + 1] as number) < (keys[child] as number)) child++
        if ((keys[child] as number) >= key) break
        keys[i] = keys[child] as number
        i = child
      }
      keys[i] = key
      return top
    },
  }
}

function grown(values: Int32Array): Int32Array<ArrayBuffer> {
  const wider = new Int32Array(values.length * 2)
  wider.set(values)
  return wider
}
