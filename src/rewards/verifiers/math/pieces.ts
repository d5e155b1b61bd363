import type { Token } from './tokens.ts'
import { MAX_DEPTH } from './types.ts'

export const isOperator = (token: Token | undefined, ...texts: string[]) =>
  token?.kind === 'operator' && texts.includes(token.text)
export const isCommand = (token: Token | undefined, ...texts: string[]) =>
  token?.kind === 'command' && texts.includes(token.text)

const opening = new Set(['(', '[', '{', '\\{'])
const closing = new Set([')', ']', '}', '\\}'])

export const isOpening = (token: Token | undefined) => token?.kind === 'operator' && opening.has(token.text)
export const isClosing = (token: Token | undefined) => token?.kind === 'operator' && closing.has(token.text)

export const rawOf = (tokens: readonly Token[]) => tokens.map(({ text }) => text).join(' ')

/** The pieces between separators that stand outside all brackets, and the separators. */
export function split(
  tokens: readonly Token[],
  isSeparator: (token: Token, at: number) => boolean,
): { pieces: readonly (readonly Token[])[]; separators: readonly Token[] } {
  if (!tokens.some(isSeparator)) return { pieces: [tokens], separators: [] }
  const pieces: Token[][] = [[]]
  const separators: Token[] = []
  let depth = 0
  for (const [at, token] of tokens.entries()) {
    if (isOpening(token) || (token.kind === 'command' && token.text.startsWith('begin '))) depth++
    if (isClosing(token) || (token.kind === 'command' && token.text.startsWith('end '))) depth--
    if (depth <= 0 && isSeparator(token, at)) {
      pieces.push([])
      separators.push(token)
    } else pieces[pieces.length - 1].push(token)
  }
  return { pieces, separators }
}

/** The last index of the bracket that opens at 0, or -1. */
export function closingOf(tokens: readonly Token[]): number {
  let depth = 0
  for (const [at, token] of tokens.entries()) {
    if (isOpening(token)) depth++
    if (isClosing(token) && --depth === 0) return at
  }
  return -1
}

/** Without punctuation at the ends, and without LaTeX's braces around all of it. */
export function trim(tokens: readonly Token[], depth = 0): readonly Token[] {
  let [start, end] = [0, tokens.length]
  while (start < end && (isOperator(tokens[start], ',', ';', ':', '.', '~') || isCommand(tokens[start], 'row'))) start++
  while (
    start < end &&
    (isOperator(tokens[end - 1], ',', ';', ':', '.', '~', '?') || isCommand(tokens[end - 1], 'row'))
  )
    end--
  const inner = tokens.slice(start, end)
  const isGroup = depth < MAX_DEPTH && isOperator(inner[0], '{') && closingOf(inner) === inner.length - 1
  return isGroup && inner.length > 1 ? trim(inner.slice(1, -1), depth + 1) : inner
}
