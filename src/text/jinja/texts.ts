import { SPACE } from './lexer.ts'
import {
  compare,
  isFloat,
  iterate,
  ofKind,
  repr,
  toNumber,
  toText,
  truthy,
  tuple,
  typeName,
  type Value,
} from './values.ts'

/** Methods of Python's `str`, by name: the text, positional arguments, named arguments. */
type Method = (text: string, args: Value[], named: Map<string, Value>) => Value

const asText = (value: Value): string => {
  if (typeof value === 'string') return value
  throw new TypeError(`a str was expected, not ${typeName(value)}`)
}

/** Takes away from the ends every character that `chars` has, white space if that is None. */
export function strip(text: string, chars: Value, left: boolean, right: boolean): string {
  if (chars == null) {
    const start = left ? text.replace(new RegExp(`^[${SPACE}]+`), '') : text
    return right ? start.replace(new RegExp(`[${SPACE}]+$`), '') : start
  }
  const set = new Set(asText(chars))
  const letters = Array.from(text)
  let start = 0
  let end = letters.length
  while (left && start < end && set.has(letters[start] as string)) start++
  while (right && end > start && set.has(letters[end - 1] as string)) end--
  return letters.slice(start, end).join('')
}

/** First letter large, the rest small. */
export function capitalize(text: string): string {
  const [first = '', ...rest] = Array.from(text)
  return first.toUpperCase() + rest.join('').toLowerCase()
}

const startOrEnd =
  (check: (text: string, part: string) => boolean): Method =>
  (text, [parts]) =>
    Array.isArray(parts) ? parts.some((part) => check(text, asText(part))) : check(text, asText(parts))

const every =
  (pattern: RegExp): Method =>
  (text) =>
    pattern.test(text)
const position =
  (search: (text: string, part: string) => number, required: boolean): Method =>
  (text, [part]) => {
    const at = search(text, asText(part))
    if (at < 0 && required) throw new RangeError('substring not found')
    return at < 0 ? -1 : Array.from(text.slice(0, at)).length
  }

const padded =
  (place: (missing: number) => [number, number]): Method =>
  (text, [width, fill]) => {
    const [before, after] = place(Math.max(0, toNumber(width) - Array.from(text).length))
    const char = fill === undefined ? ' ' : asText(fill)
    return char.repeat(before) + text + char.repeat(after)
  }

const split =
  (fromRight: boolean): Method =>
  (text, [separator, limit], named) => {
    const by = separator ?? named.get('sep') ?? null
    const max = toNumber(limit ?? named.get('maxsplit') ?? -1)
    if (by === '') throw new RangeError('empty separator')
    const words = by === null ? strip(text, null, true, true).split(new RegExp(`[${SPACE}]+`)) : text.split(asText(by))
    if (by === null && words.length === 1 && words[0] === '') return []
    if (max < 0 || words.length <= max + 1) return words
    if (by === null) return splitWords(text, max, fromRight)
    const glue = asText(by)
    if (fromRight) return [words.slice(0, words.length - max).join(glue), ...words.slice(words.length - max)]
    return [...words.slice(0, max), words.slice(max).join(glue)]
  }

/** At most `max` cuts at white space; what is left keeps its inner spaces. */
function splitWords(text: string, max: number, fromRight: boolean): string[] {
  let rest = strip(text, null, !fromRight, fromRight)
  const words: string[] = []
  const pattern = fromRight ? new RegExp(`[${SPACE}]+(?=[^${SPACE}]*$)`) : new RegExp(`[${SPACE}]+`)
  while (words.length < max) {
    const gap = pattern.exec(rest)
    if (!gap) break
    const [head, tail] = [rest.slice(0, gap.index), rest.slice(gap.index + gap[0].length)]
    words.push(fromRight ? tail : head)
    rest = fromRight ? head : tail
  }
  return fromRight ? [rest, ...words.reverse()] : [...words, rest]
}

const partition =
  (fromRight: boolean): Method =>
  (text, [separator]) => {
    const by = asText(separator)
    const at = fromRight ? text.lastIndexOf(by) : text.indexOf(by)
    if (at >= 0) return tuple(text.slice(0, at), by, text.slice(at + by.length))
    return fromRight ? tuple('', '', text) : tuple(text, '', '')
  }

/** At most `count` occurrences of a text become another. */
export function replaceText(text: string, from: string, to: string, count: Value): string {
  const limit = count == null ? -1 : toNumber(count)
  if (limit < 0 && from !== '') return text.replaceAll(from, () => to)
  const parts = from === '' ? ['', ...Array.from(text), ''] : text.split(from)
  let result = parts[0] as string
  parts.slice(1).forEach((part, i) => {
    result += (limit < 0 || i < limit ? to : from) + part
  })
  return result
}

const LINE_END = '\\n\\r\\v\\f\\x1c-\\x1e\\x85\\u2028\\u2029'
const LINE_ENDS = new RegExp(`(\\r\\n|[${LINE_END}])`)

export const textMethods: Record<string, Method> = {
  strip: (text, [chars]) => strip(text, chars, true, true),
  lstrip: (text, [chars]) => strip(text, chars, true, false),
  rstrip: (text, [chars]) => strip(text, chars, false, true),
  split: split(false),
  rsplit: split(true),
  splitlines: (text, [keep]) => {
    const lines = text.split(LINE_ENDS)
    const whole = lines.flatMap((line, i) =>
      i % 2 === 0 ? [line + (truthy(keep ?? false) ? (lines[i + 1] ?? '') : '')] : [],
    )
    return whole.at(-1) === '' ? whole.slice(0, -1) : whole
  },
  partition: partition(false),
  rpartition: partition(true),
  startswith: startOrEnd((text, part) => text.startsWith(part)),
  endswith: startOrEnd((text, part) => text.endsWith(part)),
  removeprefix: (text, [part]) => (text.startsWith(asText(part)) ? text.slice(asText(part).length) : text),
  removesuffix: (text, [part]) =>
    text.endsWith(asText(part)) ? text.slice(0, text.length - asText(part).length) : text,
  replace: (text, [from, to, count], named) => replaceText(text, asText(from), asText(to), count ?? named.get('count')),
  upper: (text) => text.toUpperCase(),
  lower: (text) => text.toLowerCase(),
  casefold: (text) => text.toLowerCase().replaceAll('ß', 'ss'),
  title: (text) => text.replace(/\p{L}+/gu, capitalize),
  capitalize: (text) => capitalize(text),
  swapcase: (text) =>
    Array.from(text, (char) => (char === char.toUpperCase() ? char.toLowerCase() : char.toUpperCase())).join(''),
  find: position((text, part) => text.indexOf(part), false),
  rfind: position((text, part) => text.lastIndexOf(part), false),
  index: position((text, part) => text.indexOf(part), true),
  rindex: position((text, part) => text.lastIndexOf(part), true),
  count: (text, [part]) => text.split(asText(part)).length - (part === '' ? 0 : 1),
  join: (text, [items]) => iterate(items).map(asText).join(text),
  isdigit: every(/^[\p{Nd}\u00b2\u00b3\u00b9\u2070-\u2089]+$/u),
  isdecimal: every(/^\p{Nd}+$/u),
  isnumeric: every(/^\p{N}+$/u),
  isalpha: every(/^\p{L}+$/u),
  isalnum: every(/^[\p{L}\p{N}]+$/u),
  isspace: every(new RegExp(`^[${SPACE}]+$`)),
  isupper: (text) => /[\p{Lu}\p{Lt}]/u.test(text) && text === text.toUpperCase(),
  islower: (text) => /\p{Ll}/u.test(text) && text === text.toLowerCase(),
  zfill: (text, [width]) =>
    text.replace(/^([-+]?)(.*)$/s, (_, sign, rest) => sign + rest.padStart(toNumber(width) - sign.length, '0')),
  ljust: padded((missing) => [0, missing]),
  rjust: padded((missing) => [missing, 0]),
  center: (text, [width, fill]) => {
    const missing = Math.max(0, toNumber(width) - Array.from(text).length)
    const before = Math.floor(missing / 2) + (missing & toNumber(width) & 1)
    return padded(() => [before, missing - before])(text, [width, fill], new Map())
  },
  format: (text, args, named) => {
    let next = 0
    return text.replace(/\{\{|\}\}|\{(\w*)\}/g, (whole, field: string | undefined) => {
      if (field === undefined) return whole[0] as string
      const value = field === '' ? args[next++] : /^\d+$/.test(field) ? args[Number(field)] : named.get(field)
      if (value === undefined) throw new RangeError(`format has no value for {${field}}`)
      return toText(value)
    })
  },
}

/** `text % values`: s, r, d, i, f, e, x, X, o, c and %% with flags, width and precision. */
export function percentFormat(text: string, values: Value): string {
  const list = Array.isArray(values) ? values : [values]
  let next = 0
  const result = text.replace(
    /%(?:\((\w+)\))?([-+ 0#]*)(\d*)(?:\.(\d+))?([a-zA-Z%])/g,
    (_whole, key, flags, width, precision, code) => {
      if (code === '%') return '%'
      const value = key !== undefined ? (values as Map<Value, Value>).get(key) : list[next++]
      if (value === undefined) throw new TypeError('not enough arguments for format string')
      const body = conversion(code, value, precision === undefined ? undefined : Number(precision))
      const signed = /[+]/.test(flags) && 'dief'.includes(code) && !body.startsWith('-') ? `+${body}` : body
      if (flags.includes('-')) return signed.padEnd(Number(width))
      if (!flags.includes('0') || code === 's' || code === 'r') return signed.padStart(Number(width))
      const sign = /^[-+]/.exec(signed)?.[0] ?? ''
      return sign + signed.slice(sign.length).padStart(Number(width) - sign.length, '0')
    },
  )
  if (!(values instanceof Map) && next < list.length)
    throw new TypeError('not all arguments converted during string formatting')
  return result
}

function conversion(code: string, value: Value, precision: number | undefined): string {
  if (code === 's' || code === 'r') return (code === 's' ? toText(value) : repr(value)).slice(0, precision)
  if (code === 'c') return typeof value === 'string' ? value : String.fromCodePoint(toNumber(value))
  const number = toNumber(value)
  if (code === 'd' || code === 'i' || code === 'u') return String(Math.trunc(number))
  if (code === 'f' || code === 'F') return number.toFixed(precision ?? 6)
  if (code === 'e') return number.toExponential(precision ?? 6).replace(/e([-+])(\d)$/, 'e$10$2')
  const base = { x: 16, X: 16, o: 8 }[code]
  if (base === undefined || isFloat(value)) throw new TypeError(`unsupported format character ${code}`)
  return code === 'X' ? number.toString(16).toUpperCase() : number.toString(base)
}

/** Methods of Python's `dict` and `list` that change nothing; the reference refuses the others, too. */
export const dictMethods: Record<string, (dict: Map<Value, Value>, args: Value[]) => Value> = {
  items: (dict) =>
    ofKind(
      'dict_items',
      [...dict].map(([key, value]) => tuple(key, value)),
    ),
  keys: (dict) => ofKind('dict_keys', [...dict.keys()]),
  values: (dict) => ofKind('dict_values', [...dict.values()]),
  get: (dict, [key, fallback]) => (dict.has(key) ? dict.get(key) : (fallback ?? null)),
  copy: (dict) => new Map(dict),
}
export const listMethods: Record<string, (list: Value[], args: Value[]) => Value> = {
  index: (list, [item]) => {
    const at = list.findIndex((other) => sameOrder(other, item))
    if (at < 0) throw new RangeError('the value is not in the list')
    return at
  },
  count: (list, [item]) => list.filter((other) => sameOrder(other, item)).length,
  copy: (list) => [...list],
}
const sameOrder = (a: Value, b: Value): boolean => a === b || (typeName(a) === typeName(b) && compare(a, b) === 0)
