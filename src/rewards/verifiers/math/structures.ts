import { closingOf, isClosing, isCommand, isOpening, isOperator, rawOf, split, trim } from './pieces.ts'
import type { Token } from './tokens.ts'
import { type Answer, MAX_DEPTH, type Read, type Reader } from './types.ts'

/** Entries of a list, a tuple or a row of a matrix. */
const MAX_ITEMS = 64

const relations = new Set(['=', '<', '>', '<=', '>=', '!=', '~'])

function several(pieces: readonly (readonly Token[])[], depth: number, read: Read): Answer[] | null {
  const filled = pieces.filter((piece) => trim(piece).length > 0)
  if (filled.length > MAX_ITEMS) return null
  return filled.map((piece) => read(piece, depth + 1))
}

/** `{1, 2 ± 3}` holds three. */
const flattened = (items: readonly Answer[]) => items.flatMap((item) => (item.kind === 'list' ? item.items : [item]))

export const list: Reader = (tokens, depth, read) => {
  const { pieces } = split(tokens, (token) => isOperator(token, ',', ';', 'or'))
  if (pieces.length < 2) return null
  const items = several(pieces, depth, read)
  return items && { kind: 'list', items: flattened(items), raw: rawOf(tokens) }
}

export const union: Reader = (tokens, depth, read) => {
  const { pieces } = split(
    tokens,
    (token, at) =>
      isCommand(token, 'cup') || (token.text === 'U' && isClosing(tokens[at - 1]) && isOpening(tokens[at + 1])),
  )
  if (pieces.length < 2) return null
  const items = several(pieces, depth, read)
  return items && { kind: 'union', items, raw: rawOf(tokens) }
}

export const difference: Reader = (tokens, depth, read) => {
  const { pieces } = split(tokens, (token) => isCommand(token, 'setminus'))
  const items = pieces.length === 2 ? several(pieces, depth, read) : null
  return items?.length === 2 ? { kind: 'difference', items, raw: rawOf(tokens) } : null
}

/** x, x_1, f(x), (x, y) */
const nameShape = /^[A-Za-z]+(?:_\{?\w+\}?)?'*(?:\([A-Za-z,]*\))?$|^\([A-Za-z](?:,[A-Za-z])+\)$/

function isName(tokens: readonly Token[]): boolean {
  const isWords = tokens.every(({ kind }) => kind === 'text' || kind === 'letters')
  return tokens.length > 0 && tokens.length < 16 && (isWords || nameShape.test(tokens.map(({ text }) => text).join('')))
}

export const relation: Reader = (tokens, depth, read) => {
  const member = split(tokens, (token) => isCommand(token, 'in')).pieces
  if (member.length === 2 && isName(member[0])) return read(member[1], depth + 1)
  const { pieces, separators } = split(tokens, ({ kind, text }) => kind === 'operator' && relations.has(text))
  if (pieces.length < 2 || pieces.length > 8) return null
  // What is only about right comes after what is right.
  const about = separators.findIndex(({ text }) => text === '~')
  if (about === 0) return read(pieces[0], depth + 1)
  const exact = about > 0 ? pieces.slice(0, about + 1) : pieces
  if (exact.some((piece) => trim(piece).length === 0)) return null
  const signs = separators.slice(0, exact.length - 1).map(({ text }) => text)
  const sides = exact.map((piece) => read(piece, depth + 1))
  return { kind: 'relation', signs, sides, names: exact.map((piece) => isName(trim(piece))), raw: rawOf(tokens) }
}

export const bracketed: Reader = (tokens, depth, read) => {
  const [first] = tokens
  if (!isOperator(first, '(', '[', '\\{') || closingOf(tokens) !== tokens.length - 1) return null
  const last = tokens[tokens.length - 1]
  const inner = tokens.slice(1, -1)
  const raw = rawOf(tokens)
  if (first.text === '\\{') {
    const builder = split(inner, (token) => isOperator(token, ':', '|')).pieces
    const [subject] = split(builder[0], (token) => isCommand(token, 'in')).pieces
    if (builder.length === 2 && isName(subject)) return read(builder[1], depth + 1)
    const items = several(split(inner, (token) => isOperator(token, ',', ';')).pieces, depth, read)
    return items && { kind: 'set', items: flattened(items), raw }
  }
  const { pieces } = split(inner, (token) => isOperator(token, ',', ';'))
  if (pieces.length < 2) return inner.length > 0 && depth < MAX_DEPTH ? read(inner, depth + 1) : null
  const items = several(pieces, depth, read)
  return items?.length === pieces.length ? { kind: 'tuple', open: first.text, close: last.text, items, raw } : null
}

const matrixNames = ['pmatrix', 'bmatrix', 'matrix', 'array', 'smallmatrix'].map((name) => `begin ${name}`)

export const matrix: Reader = (tokens, depth, read) => {
  if (!isCommand(tokens[0], ...matrixNames)) return null
  if (!isCommand(tokens[tokens.length - 1], tokens[0].text.replace('begin', 'end'))) return null
  const lines = split(tokens.slice(1, -1), (token) => isCommand(token, 'row')).pieces
  const rows: Answer[][] = []
  for (const line of lines.filter(({ length }) => length > 0)) {
    const { pieces } = split(line, (token) => isOperator(token, '&'))
    const cells = several(pieces, depth, read)
    if (cells?.length !== pieces.length || rows.length >= MAX_ITEMS) return null
    rows.push(cells)
  }
  return { kind: 'matrix', rows, raw: rawOf(tokens) }
}

export const ratio: Reader = (tokens, depth, read) => {
  const { pieces } = split(tokens, (token) => isOperator(token, ':'))
  if (pieces.length < 2) return null
  const items = several(pieces, depth, read)
  if (items?.length !== pieces.length || items.some(({ kind }) => kind !== 'value')) return null
  return { kind: 'ratio', items, raw: rawOf(tokens) }
}

export const plusMinus: Reader = (tokens, depth, read) => {
  if (!tokens.some((token) => isCommand(token, 'pm', 'mp'))) return null
  const signed = (pm: string, mp: string) =>
    read(
      tokens.map((token) =>
        isCommand(token, 'pm', 'mp') ? { kind: 'operator', text: token.text === 'pm' ? pm : mp } : token,
      ),
      depth + 1,
    )
  return { kind: 'list', items: [signed('+', '-'), signed('-', '+')], raw: rawOf(tokens) }
}

export const infinity: Reader = (tokens) => {
  const signs = tokens.slice(0, -1)
  if (!isCommand(tokens[tokens.length - 1], 'infty') || signs.length > 1) return null
  if (signs.length === 1 && !isOperator(signs[0], '+', '-')) return null
  return { kind: 'infinity', sign: isOperator(signs[0], '-') ? -1 : 1, raw: rawOf(tokens) }
}

export const emptySet: Reader = (tokens) =>
  tokens.length === 1 && isCommand(tokens[0], 'emptyset') ? { kind: 'set', items: [], raw: '\\{ \\}' } : null

export const reals: Reader = (tokens) => {
  const text = tokens.map((token) => token.text).join('')
  if (text !== 'mathbb{R}' && text !== 'mathbbR') return null
  const end = (sign: 1 | -1): Answer => ({ kind: 'infinity', sign, raw: '' })
  return { kind: 'tuple', open: '(', close: ')', items: [end(-1), end(1)], raw: text }
}
