/**
 * Python's values in JavaScript's: str, bool and None as they are; int and float as numbers, a float without a fraction as `Float`;
 * lists and tuples as arrays, told apart by `kindOf`; dicts as Maps; functions as `Callable`.
 */
export type Value = unknown

/** A float that prints with `.0`. */
export class Float {
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}

/** The value of a name or attribute that is not there: prints as nothing, is false and empty, and refuses all else. */
export class Undefined {
  readonly what: string
  constructor(what: string) {
    this.what = what
  }
}

/** What `namespace()` makes: the one thing that templates may change. */
export class Namespace {
  readonly values = new Map<string, Value>()
}

export type Callable = (args: Value[], named: Map<string, Value>) => Value

type Kind = 'tuple' | 'generator' | 'dict_keys' | 'dict_values' | 'dict_items'
const kinds = new WeakMap<object, Kind>()
export const kindOf = (list: object): Kind | 'list' => kinds.get(list) ?? 'list'
export function ofKind(kind: Kind, items: Value[]): Value[] {
  kinds.set(items, kind)
  return items
}
export const tuple = (...items: Value[]): Value[] => ofKind('tuple', items)

export const float = (value: number): Value => (Number.isInteger(value) ? new Float(value) : value)
export const isNumber = (value: Value): boolean =>
  typeof value === 'number' || value instanceof Float || typeof value === 'boolean'
export const isFloat = (value: Value): boolean =>
  value instanceof Float || (typeof value === 'number' && !Number.isInteger(value))
export function toNumber(value: Value): number {
  if (value instanceof Float) return value.value
  if (typeof value === 'number' || typeof value === 'boolean') return Number(value)
  throw new TypeError(`a number was expected, not ${typeName(value)}`)
}

/** Plain data as the template sees it; what is no data (undefined) is left out of objects. */
export function fromJson(value: unknown): Value {
  if (Array.isArray(value)) return value.map(fromJson)
  if (typeof value !== 'object' || value === null) return value
  return new Map(Object.entries(value).flatMap(([key, item]) => (item === undefined ? [] : [[key, fromJson(item)]])))
}

export function typeName(value: Value): string {
  if (value === null) return 'None'
  if (value instanceof Undefined) return 'undefined'
  if (typeof value === 'string') return 'str'
  if (typeof value === 'boolean') return 'bool'
  if (isNumber(value)) return isFloat(value) ? 'float' : 'int'
  if (Array.isArray(value)) return kindOf(value)
  if (value instanceof Map) return 'dict'
  return typeof value === 'function' ? 'function' : 'namespace'
}

export function truthy(value: Value): boolean {
  if (Array.isArray(value)) return value.length > 0 || kindOf(value) === 'generator'
  if (value instanceof Map) return value.size > 0
  if (value instanceof Float) return value.value !== 0
  return !(value === null || value === false || value === 0 || value === '' || value instanceof Undefined)
}

/** The items of a list, the keys of a dict, the characters of a text. */
export function iterate(value: Value): Value[] {
  if (Array.isArray(value)) return value
  if (value instanceof Map) return [...value.keys()]
  if (typeof value === 'string') return Array.from(value)
  if (value instanceof Undefined) return []
  throw new TypeError(`${typeName(value)} is not iterable`)
}

export function lengthOf(value: Value): number {
  if (typeof value === 'string') {
    let length = 0
    for (const _char of value) length++
    return length
  }
  if (Array.isArray(value) && kindOf(value) !== 'generator') return value.length
  if (value instanceof Map) return value.size
  if (value instanceof Undefined) return 0
  throw new TypeError(`${typeName(value)} has no length`)
}

export function equal(a: Value, b: Value): boolean {
  if (isNumber(a) && isNumber(b)) return toNumber(a) === toNumber(b)
  if (Array.isArray(a) && Array.isArray(b)) {
    return kindOf(a) === kindOf(b) && a.length === b.length && a.every((item, i) => equal(item, b[i]))
  }
  if (a instanceof Map && b instanceof Map) {
    return a.size === b.size && [...a].every(([key, item]) => b.has(key) && equal(item, b.get(key)))
  }
  return a === b || (a instanceof Undefined && b instanceof Undefined)
}

/** Negative, zero or positive, as Python orders numbers, texts (by code point), lists and tuples. */
export function compare(a: Value, b: Value): number {
  if (isNumber(a) && isNumber(b)) return toNumber(a) - toNumber(b)
  if (typeof a === 'string' && typeof b === 'string') return compareTexts(a, b)
  if (Array.isArray(a) && Array.isArray(b) && kindOf(a) === kindOf(b)) {
    const at = a.findIndex((item, i) => i >= b.length || !equal(item, b[i]))
    if (at < 0) return a.length - b.length
    return at >= b.length ? 1 : compare(a[at], b[at])
  }
  throw new TypeError(`${typeName(a)} and ${typeName(b)} have no order`)
}

function compareTexts(a: string, b: string): number {
  let i = 0
  while (i < a.length && a.charCodeAt(i) === b.charCodeAt(i)) i++
  if (i >= a.length || i >= b.length) return a.length - b.length
  const surrogate = (code: number): number => (code >= 0xd800 && code <= 0xdfff ? code + 0x10000 : code)
  return surrogate(a.charCodeAt(i)) - surrogate(b.charCodeAt(i))
}

export function contains(within: Value, item: Value): boolean {
  if (typeof within === 'string') {
    if (typeof item === 'string') return within.includes(item)
    throw new TypeError(`in a str only a str can be sought, not ${typeName(item)}`)
  }
  if (within instanceof Map) return within.has(item)
  if (within instanceof Namespace) throw new TypeError('a namespace is not iterable')
  return iterate(within).some((other) => equal(other, item))
}

/** Python's `str()`: what `{{ }}` prints. */
export function toText(value: Value): string {
  if (typeof value === 'string') return value
  return value instanceof Undefined ? '' : repr(value)
}

export function repr(value: Value): string {
  if (typeof value === 'string') return reprText(value)
  if (value === null) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (value instanceof Undefined) return 'Undefined'
  if (isNumber(value)) return numberText(value)
  if (value instanceof Map) return `{${[...value].map(([key, item]) => `${repr(key)}: ${repr(item)}`).join(', ')}}`
  if (!Array.isArray(value)) return `<${typeName(value)}>`
  const items = value.map(repr).join(', ')
  const kind = kindOf(value)
  if (kind === 'tuple') return value.length === 1 ? `(${items},)` : `(${items})`
  if (kind === 'list') return `[${items}]`
  return kind === 'generator' ? '<generator>' : `${kind}([${items}])`
}

function reprText(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  const named: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\', [quote]: `\\${quote}` }
  const escaped = text.replace(/[\\'"\p{C}\p{Z}]/gu, (char) => {
    if (char === ' ' || (char !== quote && /['"]/.test(char))) return char
    if (Object.hasOwn(named, char)) return named[char] as string
    const code = char.codePointAt(0) as number
    const [letter, digits] = code < 0x100 ? ['x', 2] : code < 0x10000 ? ['u', 4] : ['U', 8]
    return `\\${letter}${code.toString(16).padStart(digits as number, '0')}`
  })
  return quote + escaped + quote
}

/** Python's spelling of a number: the shortest that reads back, with an exponent from 1e16 on and below 1e-4. */
export function numberText(value: Value): string {
  const number = toNumber(value)
  if (!isFloat(value)) return Number.isSafeInteger(number) ? String(number) : BigInt(number).toString()
  if (Number.isNaN(number)) return 'nan'
  if (!Number.isFinite(number)) return number > 0 ? 'inf' : '-inf'
  const size = Math.abs(number)
  if (size !== 0 && (size >= 1e16 || size < 1e-4)) {
    return number.toExponential().replace(/e([-+])(\d)$/, 'e$10$2')
  }
  return Object.is(number, -0) ? '-0.0' : Number.isInteger(number) ? `${number}.0` : String(number)
}
