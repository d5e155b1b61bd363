import { parseExpression } from './parse.ts'
import { isCommand, isOperator, rawOf, trim } from './pieces.ts'
import { type Token, tokenise } from './tokens.ts'
import { apply, contents, number } from './tree.ts'
import type { Reader } from './types.ts'
import { scales, unitOf } from './units.ts'

/** 1011_2, A5_{11} */
export const based: Reader = (tokens) => {
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

const isMoney = ({ kind, text }: Token) => kind === 'command' && text.startsWith('currency ')

const adverbs = /^(?:about|approximately|approx|around|roughly|exactly|only|just|is|are|the answer is)$/i

/** An expression with its unit, or the name of what it counts. */
export const value: Reader = (tokens) => {
  const raw = rawOf(tokens)
  const money = tokens.find(isMoney)?.text.slice('currency '.length) ?? ''
  let body = tokens.filter((token) => !isMoney(token))
  while (body.length > 1 && body[0].kind === 'text' && adverbs.test(body[0].text)) body = body.slice(1)
  let end = body.findIndex((token) => token.kind === 'text')
  if (end < 0) end = body.length
  const last = body[end - 1]
  // `5 cm` without \text: letters that are a known unit behind a number.
  const isBehind = end > 1 && (body[end - 2].kind === 'number' || isOperator(body[end - 2], '}'))
  if (isBehind && last.kind === 'letters' && last.text.length > 1 && unitOf(last.text)) end--
  const scale = body[end]?.kind === 'text' ? scales.get(body[end].text.toLowerCase()) : undefined
  const rest = body.slice(scale === undefined ? end : end + 1)
  const isUnlike = ({ kind, text }: Token) => kind === 'command' || (kind === 'operator' && !'^{}/.()-'.includes(text))
  if (rest.length > 8 || rest.some(isUnlike)) return null
  let unit = rest.length > 0 ? unitOf(rest.map(({ text }) => text).join(' ')) : money
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

/** \text{…} alone: words, or an answer within. */
export const words: Reader = (tokens, depth, read) => {
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
