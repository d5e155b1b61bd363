import type { EncodeWord } from './bpe.ts'
import { fallbackByte, fallbackIds } from './byte-level.ts'
import type { UnigramSpec } from './tokenizer-json.ts'

/** What an unknown character costs beyond the least likely piece (SentencePiece's kUnkPenalty). */
const UNKNOWN_PENALTY = 10

/**
 * Unigram language model (Kudo 2018, arXiv:1804.10959): the segmentation of highest summed log-probability, by Viterbi.
 * Neighbouring unknown characters are one unknown token, or their bytes where the vocabulary has byte tokens.
 * Ids in `hidden` (special tokens) are never produced from text.
 */
export function unigram(spec: UnigramSpec, hidden: ReadonlySet<number>): EncodeWord {
  const ids = new Map(spec.vocab.map(([piece], id) => [piece, id]))
  const bytes = spec.byte_fallback ? fallbackIds((token) => ids.get(token)) : null
  const unknown = spec.unk_id ?? -1
  const scores = Float64Array.from(spec.vocab, ([, score]) => score)
  let lowest = 0
  for (const score of scores) if (score < lowest) lowest = score
  const unknownScore = lowest - UNKNOWN_PENALTY
  const trie = pieceTrie(
    spec.vocab,
    (id, piece) => id === unknown || hidden.has(id) || (bytes !== null && fallbackByte(piece) >= 0),
  )
  const utf8 = new TextEncoder()

  return (word, out) => {
    const n = word.length
    const best = new Float64Array(n + 1).fill(Number.NEGATIVE_INFINITY)
    const from = new Int32Array(n + 1)
    const piece = new Int32Array(n + 1).fill(-1)
    best[0] = 0
    for (let start = 0; start < n; ) {
      const size = (word.codePointAt(start) as number) > 0xffff ? 2 : 1
      const here = best[start] as number
      let single = false
      const reach = (end: number, id: number, score: number): void => {
        if (end === start + size && id >= 0) single = true
        if (here + score <= (best[end] as number)) return
        best[end] = here + score
        from[end] = start
        piece[end] = id
      }
      trie.walk(word, start, (end, id) => reach(end, id, scores[id] as number))
      if (!single) reach(start + size, -1, unknownScore)
      start += size
    }
    const path: number[] = []
    for (let end = n; end > 0; end = from[end] as number) path.push(end)
    let lastUnknown = false
    for (let i = path.length - 1; i >= 0; i--) {
      const end = path[i] as number
      const id = piece[end] as number
      if (id >= 0) out.push(id)
      else if (bytes) for (const byte of utf8.encode(word.slice(from[end], end))) out.push(bytes[byte] as number)
      else if (!lastUnknown && unknown >= 0) out.push(unknown)
      lastUnknown = id < 0
    }
  }
}

interface PieceTrie {
  walk(text: string, start: number, visit: (end: number, id: number) => void): void
}

/** A trie in flat arrays: children of a node are a linked list, those of the root, which are thousands, a map. */
function pieceTrie(vocab: [string, number][], skip: (id: number, piece: string) => boolean): PieceTrie {
  const root = new Map<number, number>()
  const code: number[] = []
  const firstChild: number[] = []
  const sibling: number[] = []
  const terminal: number[] = []
  const add = (char: number): number => {
    code.push(char)
    firstChild.push(-1)
    sibling.push(-1)
    return terminal.push(-1) - 1
  }
  const childOf = (node: number, char: number): number => {
    let child = firstChild[node] as number
    while (child >= 0 && code[child] !== char) child = sibling[child] as number
    return child
  }
  vocab.forEach(([piece], id) => {
    if (piece === '' || skip(id, piece)) return
    const head = piece.charCodeAt(0)
    let node = root.get(head) ?? -1
    if (node < 0) {
      node = add(head)
      root.set(head, node)
    }
    for (let i = 1; i < piece.length; i++) {
      const char = piece.charCodeAt(i)
      let child = childOf(node, char)
      if (child < 0) {
        child = add(char)
        sibling[child] = firstChild[node] as number
        firstChild[node] = child
      }
      node = child
    }
    terminal[node] = id
  })
  return {
    walk(text, start, visit) {
      let node = root.get(text.charCodeAt(start)) ?? -1
      for (let at = start + 1; node >= 0; at++) {
        const id = terminal[node] as number
        if (id >= 0) visit(at, id)
        if (at >= text.length) return
        node = childOf(node, text.charCodeAt(at))
      }
    },
  }
}
