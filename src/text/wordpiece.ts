import type { EncodeWord } from './bpe.ts'
import type { WordPieceSpec } from './tokenizer-json.ts'

/** WordPiece: the longest piece that fits, again and again; a word that no pieces make up is one unknown token. */
export function wordPiece(spec: WordPieceSpec): EncodeWord {
  const vocab = new Map(Object.entries(spec.vocab))
  const prefix = spec.continuing_subword_prefix ?? '##'
  const limit = spec.max_input_chars_per_word ?? 100
  const unknown = vocab.get(spec.unk_token)
  return (word, out) => {
    const chars = Array.from(word)
    const ids: number[] = []
    let start = 0
    while (start < chars.length && chars.length <= limit) {
      let end = chars.length
      let id: number | undefined
      for (; end > start && id === undefined; end--) {
        id = vocab.get((start > 0 ? prefix : '') + chars.slice(start, end).join(''))
      }
      if (id === undefined) break
      ids.push(id)
      start = end + 1
    }
    if (start === chars.length) for (const id of ids) out.push(id)
    else if (unknown !== undefined) out.push(unknown)
  }
}
