import { parseExpression } from './parse.ts'
import { type Token, type TokenOptions, tokenise } from './tokens.ts'
import { apply, contents, type Expression, number } from './tree.ts'
import { scales, unitOf } from './units.ts'

/** What a final answer is, beyond a single expression. */
export type Answer = { raw: string } /** `share`: a hundredth of a percentage. */ & (
  | { kind: 'value'; expression: Expression; unit: string; share?: Expression }
  | { kind: 'infinity'; sign: 1 | -1 }
  | { kind: 'based'; digits: string; base: string }
  | { kind: 'tuple'; open: string; close: string; items: readonly Answer[] }
  /** Neither order nor repetition counts. */
  | { kind: 'set'; items: readonly Answer[] }
  /** Order does not count. */
  | { kind: 'list'; items: readonly Answer[] }
  | { kind: 'union'; items: readonly Answer[] }
  /** The first without the second. */
  | { kind: 'difference'; items: readonly Answer[] }
  | { kind: 'ratio'; items: readonly Answer[] }
  | { kind: 'matrix'; rows: readonly (readonly Answer[])[] }
  /** Sides with the signs between them; `names` says which sides only name what the others are. */
  | { kind: 'relation'; signs: readonly string[]; sides: readonly Answer[]; names: readonly boolean[] }
  | { kind: 'text' }
)

type Reader = (tokens: readonly Token[], depth: number) => Answer | null

/** Entries of a list or a matrix, and brackets within brackets. */
const MAX_ITEMS = 64
const MAX_DEPTH = 8

const isOperator = (token: Token | undefined, ...texts: string[]) =>
  token?.kind === 'operator' && texts.includes(token.text)
const isCommand = (token: Token | undefined, ...texts: string[]) =>
  token?.kind === 'command' && texts.includes(token.text)

const opening = new Set(['(', '[', '{', '\\{'])
const closing = new Set([')', ']', '}', '\\}'])
const relations = new Set(['=', '<', '>', '<=', '>=', '!=', '~'])

const isOpening = (token: Token | undefined) => token?.kind === 'operator' && opening.has(token.text)
const isClosing = (token: Token | undefined) => token?.kind === 'operator' && closing.has(token.text)

const rawOf = (tokens: readonly Token[]) => tokens.map(({ text }) => text).join(' ')

/** The pieces between separators that stand outside all brackets, and the separators. */
function split(
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
function closingOf(tokens: readonly Token[]): number {
  let depth = 0
  for (const [at, token] of tokens.entries()) {
    if (isOpening(token)) depth++
    if (isClosing(token) && --depth === 0) return at
  }
  return -1
}

function trim(tokens: readonly Token[], depth = 0): readonly Token[] {
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

function several(pieces: readonly (readonly Token[])[], depth: number): Answer[] | null {
  const filled = pieces.filter((piece) => trim(piece).length > 0)
  if (filled.length > MAX_ITEMS) return null
  return filled.map((piece) => read(piece, depth + 1))
}

/** `{1, 2 ± 3}` holds three. */
const flattened = (items: readonly Answer[]) => items.flatMap((item) => (item.kind === 'list' ? item.items : [item]))

const list: Reader = (tokens, depth) => {
  const { pieces } = split(tokens, (token) => isOperator(token, ',', ';', 'or'))
  if (pieces.length < 2) return null
  const items = several(pieces, depth)
  return items && { kind: 'list', items: flattened(items), raw: rawOf(tokens) }
}

const union: Reader = (tokens, depth) => {
  const { pieces } = split(
    tokens,
    (token, at) =>
      isCommand(token, 'cup') || (token.text === 'U' && isClosing(tokens[at - 1]) && isOpening(tokens[at + 1])),
  )
  if (pieces.length < 2) return null
  const items = several(pieces, depth)
  return items && { kind: 'union', items, raw: rawOf(tokens) }
}

const difference: Reader = (tokens, depth) => {
  const { pieces } = split(tokens, (token) => isCommand(token, 'setminus'))
  const items = pieces.length === 2 ? several(pieces, depth) : null
  return items?.length === 2 ? { kind: 'difference', items, raw: rawOf(tokens) } : null
}

/** x, x_1, f(x), (x, y) */
const nameShape = /^[A-Za-z]+(?:_\{?\w+\}?)?'*(?:\([A-Za-z,]*\))?$|^\([A-Za-z](?:,[A-Za-z])+\)$/

function isName(tokens: readonly Token[]): boolean {
  const isWords = tokens.every(({ kind }) => kind === 'text' || kind === 'letters')
  return tokens.length > 0 && tokens.length < 16 && (isWords || nameShape.test(tokens.map(({ text }) => text).join('')))
}

const relation: Reader = (tokens, depth) => {
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

const bracketed: Reader = (tokens, depth) => {
  const [first] = tokens
  if (!isOperator(first, '(', '[', '\\{') || closingOf(tokens) !== tokens.length - 1) return null
  const last = tokens[tokens.length - 1]
  const inner = tokens.slice(1, -1)
  const raw = rawOf(tokens)
  if (first.text === '\\{') {
    const builder = split(inner, (token) => isOperator(token, ':', '|')).pieces
    const [subject] = split(builder[0], (token) => isCommand(token, 'in')).pieces
    if (builder.length === 2 && isName(subject)) return read(builder[1], depth + 1)
    const items = several(split(inner, (token) => isOperator(token, ',', ';')).pieces, depth)
    return items && { kind: 'set', items: flattened(items), raw }
  }
  const { pieces } = split(inner, (token) => isOperator(token, ',', ';'))
  if (pieces.length < 2) return inner.length > 0 && depth < MAX_DEPTH ? read(inner, depth + 1) : null
  const items = several(pieces, depth)
  return items && { kind: 'tuple', open: first.text, close: last.text, items, raw }
}

const matrixNames = ['pmatrix', 'bmatrix', 'matrix', 'array', 'smallmatrix'].map((name) => `begin ${name}`)

const matrix: Reader = (tokens, depth) => {
  if (!isCommand(tokens[0], ...matrixNames)) return null
  if (!isCommand(tokens[tokens.length - 1], tokens[0].text.replace('begin', 'end'))) return null
  const lines = split(tokens.slice(1, -1), (token) => isCommand(token, 'row')).pieces
  const rows = lines
    .filter((line) => line.length > 0)
    .map((line) => several(split(line, (token) => isOperator(token, '&')).pieces, depth) ?? [])
  return { kind: 'matrix', rows, raw: rawOf(tokens) }
}

const ratio: Reader = (tokens, depth) => {
  const { pieces } = split(tokens, (token) => isOperator(token, ':'))
  if (pieces.length < 2) return null
  const items = several(pieces, depth)
  if (items?.length !== pieces.length || items.some(({ kind }) => kind !== 'value')) return null
  return { kind: 'ratio', items, raw: rawOf(tokens) }
}

const plusMinus: Reader = (tokens, depth) => {
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

const based: Reader = (tokens) => {
  const at = tokens.findIndex((token) => isOperator(token, '_'))
  if (at < 1) return null
  const digits = tokens
    .slice(0, at)
    .map(({ text }) => text)
    .join('')
    .toUpperCase()
  const base = tokens
    .slice(at + 1)
    .map(({ text }) => text)
    .join('')
  const shape = /^\{?(\d{1,3})\}?$/.exec(base)
  if (!shape || !/^-?[\dA-Z]*\d[\dA-Z]*(?:\.[\dA-Z]+)?$/.test(digits) || !/^-?\d|^-?[A-Z]\d/.test(digits)) return null
  return { kind: 'based', digits, base: shape[1], raw: rawOf(tokens) }
}

const infinity: Reader = (tokens) => {
  const signs = tokens.slice(0, -1)
  if (!isCommand(tokens[tokens.length - 1], 'infty') || signs.length > 1) return null
  if (signs.length === 1 && !isOperator(signs[0], '+', '-')) return null
  return { kind: 'infinity', sign: isOperator(signs[0], '-') ? -1 : 1, raw: rawOf(tokens) }
}

const isMoney = ({ kind, text }: Token) => kind === 'command' && text.startsWith('currency ')

const adverbs = /^(?:about|approximately|approx|around|roughly|exactly|only|just|is|are|the answer is)$/i

const value: Reader = (tokens) => {
  const raw = rawOf(tokens)
  const money = tokens.find(isMoney)?.text.slice('currency '.length) ?? ''
  let body = tokens.filter((token) => !isMoney(token))
  while (body.length > 1 && body[0].kind === 'text' && adverbs.test(body[0].text)) body = body.slice(1)
  let end = body.findIndex((token) => token.kind === 'text')
  if (end < 0) end = body.length
  const last = body[end - 1]
  // `5 cm` without \text: letters that are a known unit behind a number.
  if (
    end > 1 &&
    last.kind === 'letters' &&
    last.text.length > 1 &&
    (body[end - 2].kind === 'number' || isOperator(body[end - 2], '}')) &&
    unitOf(last.text)
  )
    end--
  const scale = body[end]?.kind === 'text' ? scales[body[end].text.toLowerCase()] : undefined
  const words = body.slice(scale === undefined ? end : end + 1)
  if (words.some(({ kind, text }) => kind === 'command' || (kind === 'operator' && !'^{}/.()-'.includes(text))))
    return null
  const wordsText = words.map(({ text }) => text).join(' ')
  if (wordsText.split(' ').length > 8) return null
  let unit = words.length > 0 ? unitOf(wordsText) : money
  if (unit === null) return null
  const mark = end < 2 ? null : trailingMark(body.slice(0, end))
  if (mark && unit === '') {
    unit = mark.unit
    end -= mark.length
  }
  const plain = parseExpression(trim(body.slice(0, end)))
  const expression = plain && scale !== undefined ? apply('multiply', plain, number(scale)) : plain
  const share = expression && unit === 'percent' ? { share: apply('divide', expression, number('100')) } : {}
  return expression && { kind: 'value', expression, unit, ...share, raw }
}

/** A sign of percent or degrees at the end of a number. */
function trailingMark(tokens: readonly Token[]): { unit: string; length: number } | null {
  const tail = tokens.slice(-4).map(({ text }) => text)
  if (tail[tail.length - 1] === '%') return { unit: 'percent', length: 1 }
  if (isUnderFunction(tokens)) return null
  for (const mark of [['^', '{', 'circ', '}'], ['^', 'circ'], ['circ']])
    if (tail.slice(-mark.length).join(' ') === mark.join(' ')) return { unit: 'degree', length: mark.length }
  return null
}

/** The degrees of cos 15° are its argument's, not the answer's. */
const isUnderFunction = (tokens: readonly Token[]) =>
  tokens.some((token) => isCommand(token, 'sin', 'cos', 'tan', 'sec', 'csc', 'cot'))

const numberWords =
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty'.split(
    ' ',
  )

const words: Reader = (tokens, depth) => {
  if (tokens.length !== 1 || tokens[0].kind !== 'text') return null
  const { text } = tokens[0]
  const raw = rawOf(tokens)
  const counted = numberWords.indexOf(text.toLowerCase())
  if (counted >= 0) return { kind: 'value', expression: number(String(counted)), unit: '', raw }
  const inner = tokenise(text)
  const isSame = inner.length < 2 && inner[0]?.kind === 'text'
  if (inner.length === 0 || isSame || depth > 2) return null
  const found = read(inner, depth + 1)
  // Words that only look like an expression stay words: \text{two lines}.
  const isWords = found.kind === 'value' && contents(found.expression).symbols.size > 0 && /[A-Za-z]{2}/.test(text)
  return isWords ? null : { ...found, raw }
}

const emptySet: Reader = (tokens) =>
  tokens.length === 1 && isCommand(tokens[0], 'emptyset') ? { kind: 'set', items: [], raw: '\\{ \\}' } : null

const reals: Reader = (tokens) => {
  const text = tokens.map((token) => token.text).join('')
  if (text !== 'mathbb{R}' && text !== 'mathbbR') return null
  const end = (sign: 1 | -1): Answer => ({ kind: 'infinity', sign, raw: '' })
  return { kind: 'tuple', open: '(', close: ')', items: [end(-1), end(1)], raw: text }
}

/** In the order in which they are tried; the first that reads the pieces whole wins. */
const readers: readonly Reader[] = [
  words,
  emptySet,
  reals,
  list,
  relation,
  union,
  difference,
  bracketed,
  plusMinus,
  matrix,
  based,
  infinity,
  ratio,
  value,
]

function read(source: readonly Token[], depth: number): Answer {
  const tokens = trim(source)
  if (depth <= MAX_DEPTH) {
    for (const reader of readers) {
      const found = reader(tokens, depth)
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
