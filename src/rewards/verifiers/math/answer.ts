import { rawOf, trim } from './pieces.ts'
import * as structures from './structures.ts'
import { type TokenOptions, tokenise } from './tokens.ts'
import { type Answer, MAX_DEPTH, type Read, type Reader } from './types.ts'
import { based, value, words } from './value.ts'

/** In the order in which they are tried; the first that reads the pieces whole wins. */
const readers: readonly Reader[] = [
  words,
  structures.emptySet,
  structures.reals,
  structures.list,
  structures.relation,
  structures.union,
  structures.difference,
  structures.bracketed,
  structures.plusMinus,
  structures.matrix,
  based,
  structures.infinity,
  structures.ratio,
  value,
]

const read: Read = (source, depth) => {
  const tokens = trim(source)
  if (depth <= MAX_DEPTH) {
    for (const reader of readers) {
      const found = reader(tokens, depth, read)
      if (found) return found
    }
  }
  return { kind: 'text', raw: rawOf(tokens) }
}

/** Reads a final answer; what is no mathematics is text. Never throws. */
export function readAnswer(source: string): Answer {
  const at = (options?: TokenOptions) => read(tokenise(source, options), 0)
  const found = at()
  const isOdd = found.kind === 'text' || (found.kind === 'tuple' && found.items.some(({ raw }) => /^0\d/.test(raw)))
  return isOdd ? at({ bracketCommas: 'group' }) : found
}
