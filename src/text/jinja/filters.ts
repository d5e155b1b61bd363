import { toJson } from './json.ts'
import { SPACE } from './lexer.ts'
import { capitalize, percentFormat, replaceText, strip } from './texts.ts'
import {
  compare,
  contains,
  equal,
  float,
  isFloat,
  isNumber,
  iterate,
  kindOf,
  lengthOf,
  Namespace,
  ofKind,
  toNumber,
  toText,
  truthy,
  tuple,
  typeName,
  Undefined,
  type Value,
} from './values.ts'

/** What filters and tests may ask of the interpreter. */
export interface Context {
  /** `value[name]`, else the attribute of that name. */
  lookUp(value: Value, name: Value): Value
  applyFilter(name: string, value: Value, args: Value[], named: Map<string, Value>): Value
  applyTest(name: string, value: Value, args: Value[], named: Map<string, Value>): boolean
}

type Filter = (value: Value, args: Value[], named: Map<string, Value>, context: Context) => Value
type Test = (value: Value, args: Value[]) => boolean

const generator = (items: Value[]): Value[] => ofKind('generator', items)

/** Reads `a.b.0` from each item, as `map(attribute=…)`, `sort(attribute=…)` and others do. */
function attributeOf(path: Value, context: Context, fallback?: Value): (item: Value) => Value {
  const parts =
    typeof path === 'number'
      ? [path]
      : toText(path)
          .split('.')
          .map((part) => (/^\d+$/.test(part) ? Number(part) : part))
  return (item) => {
    const found = parts.reduce<Value>((value, part) => context.lookUp(value, part), item)
    return found instanceof Undefined && fallback !== undefined ? fallback : found
  }
}

/** Texts are compared without regard to case unless asked. */
const folded =
  (caseSensitive: Value) =>
  (value: Value): Value =>
    typeof value === 'string' && !truthy(caseSensitive ?? false) ? value.toLowerCase() : value

function sorted(items: Value[], keyOf: (item: Value) => Value, reverse: boolean): Value[] {
  return items
    .map((item) => ({ item, key: keyOf(item) }))
    .sort((a, b) => (reverse ? compare(b.key, a.key) : compare(a.key, b.key)))
    .map(({ item }) => item)
}

const keyFrom = (named: Map<string, Value>, caseSensitive: Value, context: Context): ((item: Value) => Value) => {
  const attribute = named.get('attribute')
  const fold = folded(named.get('case_sensitive') ?? caseSensitive)
  const read = attribute == null ? (item: Value) => item : attributeOf(attribute, context)
  return (item) => fold(read(item))
}

/** `select`, `reject` and, with an attribute first, `selectattr` and `rejectattr`. */
const selection =
  (keep: boolean, byAttribute: boolean): Filter =>
  (value, args, named, context) => {
    const [test, ...rest] = byAttribute ? args.slice(1) : args
    const read = byAttribute ? attributeOf(args[0], context) : (item: Value) => item
    const holds = (item: Value): boolean =>
      test === undefined ? truthy(item) : context.applyTest(toText(test), item, rest, named)
    return generator(iterate(value).filter((item) => holds(read(item)) === keep))
  }

const extreme =
  (sign: number): Filter =>
  (value, _args, named, context) => {
    const keyOf = keyFrom(named, undefined, context)
    const items = iterate(value)
    if (items.length === 0) return new Undefined('the extreme of an empty list')
    return items.reduce((best, item) => (sign * compare(keyOf(item), keyOf(best)) > 0 ? item : best))
  }

const defaultTo: Filter = (value, [fallback = '', whenFalse], named) => {
  const any = truthy(whenFalse ?? named.get('boolean') ?? false)
  const other = named.get('default_value') ?? fallback
  return value instanceof Undefined || (any && !truthy(value)) ? other : value
}

const escapeHtml: Filter = (value) => {
  const names: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', "'": '&#39;', '"': '&#34;' }
  return toText(value).replace(/[&<>'"]/g, (char) => names[char] as string)
}

export const filters: Record<string, Filter> = {
  abs: (value) => (isFloat(value) ? float(Math.abs(toNumber(value))) : Math.abs(toNumber(value))),
  batch: (value, [size, fill]) => {
    const items = iterate(value)
    const count = toNumber(size)
    const rows = Array.from({ length: Math.ceil(items.length / count) }, (_, i) =>
      items.slice(i * count, (i + 1) * count),
    )
    if (fill != null) for (const row of rows) while (row.length < count) row.push(fill)
    return generator(rows)
  },
  capitalize: (value) => capitalize(toText(value)),
  center: (value, [width]) => {
    const text = toText(value)
    const missing = Math.max(0, toNumber(width ?? 80) - lengthOf(text))
    return ' '.repeat(missing >> 1) + text + ' '.repeat(missing - (missing >> 1))
  },
  count: lengthOf,
  length: lengthOf,
  d: defaultTo,
  default: defaultTo,
  dictsort: (value, args, named) => {
    const by = named.get('by') ?? args[1] ?? 'key'
    const fold = folded(named.get('case_sensitive') ?? args[0])
    const rows = [...(value as Map<Value, Value>)].map(([key, item]) => tuple(key, item))
    return sorted(
      rows,
      (row) => fold((row as Value[])[by === 'key' ? 0 : 1]),
      truthy(named.get('reverse') ?? args[2] ?? false),
    )
  },
  e: escapeHtml,
  escape: escapeHtml,
  first: (value) => iterate(value)[0] ?? new Undefined('the first of an empty list'),
  float: (value, [fallback = new Undefined('')]) => {
    const number = isNumber(value) ? toNumber(value) : Number(String(value).trim() || 'NaN')
    return Number.isNaN(number) ? (fallback instanceof Undefined ? float(0) : fallback) : float(number)
  },
  format: (value, args, named) => percentFormat(toText(value), named.size > 0 ? named : tuple(...args)),
  groupby: (value, args, named, context) => {
    const read = attributeOf(named.get('attribute') ?? args[0], context, named.get('default') ?? args[1])
    const fold = folded(named.get('case_sensitive'))
    const groups: { key: Value; items: Value[] }[] = []
    for (const item of sorted(iterate(value), (one) => fold(read(one)), false)) {
      const last = groups.at(-1)
      if (last && equal(fold(last.key), fold(read(item)))) last.items.push(item)
      else groups.push({ key: read(item), items: [item] })
    }
    return groups.map(({ key, items }) => tuple(key, items))
  },
  indent: (value, args, named) => {
    const width = named.get('width') ?? args[0] ?? 4
    const pad = typeof width === 'string' ? width : ' '.repeat(toNumber(width))
    const [first, blank] = [named.get('first') ?? args[1] ?? false, named.get('blank') ?? args[2] ?? false]
    const lines = toText(value).split('\n')
    return lines
      .map((line, i) => ((i === 0 ? truthy(first) : truthy(blank) || line !== '') ? pad + line : line))
      .join('\n')
  },
  int: (value, [fallback = 0, base = 10]) => {
    if (isNumber(value)) return Math.trunc(toNumber(value))
    const text = String(value).trim().replaceAll('_', '')
    const number =
      toNumber(base) === 10
        ? Math.trunc(Number(text || 'NaN'))
        : Number.parseInt(text.replace(/^0[xXbBoO]/, ''), toNumber(base))
    return Number.isNaN(number) ? fallback : number
  },
  items: (value) => {
    if (value instanceof Undefined) return generator([])
    if (!(value instanceof Map)) throw new TypeError('items can only be had of a dict')
    return generator([...value].map(([key, item]) => tuple(key, item)))
  },
  join: (value, [separator = ''], named, context) => {
    const attribute = named.get('attribute')
    const read = attribute == null ? (item: Value) => item : attributeOf(attribute, context)
    return iterate(value)
      .map((item) => toText(read(item)))
      .join(toText(named.get('d') ?? separator))
  },
  last: (value) => iterate(value).at(-1) ?? new Undefined('the last of an empty list'),
  list: (value) => [...iterate(value)],
  lower: (value) => toText(value).toLowerCase(),
  map: (value, args, named, context) => {
    if (named.has('attribute'))
      return generator(iterate(value).map(attributeOf(named.get('attribute'), context, named.get('default'))))
    const [name, ...rest] = args
    return generator(iterate(value).map((item) => context.applyFilter(toText(name), item, rest, named)))
  },
  max: extreme(1),
  min: extreme(-1),
  reject: selection(false, false),
  rejectattr: selection(false, true),
  replace: (value, [from, to, count], named) =>
    replaceText(toText(value), toText(from), toText(to), count ?? named.get('count')),
  reverse: (value) =>
    typeof value === 'string' ? Array.from(value).reverse().join('') : generator([...iterate(value)].reverse()),
  round: (value, args, named) => {
    const method = named.get('method') ?? args[1] ?? 'common'
    const scale = 10 ** toNumber(named.get('precision') ?? args[0] ?? 0)
    const scaled = toNumber(value) * scale
    const halfEven = Math.abs(scaled % 1) === 0.5 ? 2 * Math.round(scaled / 2) : Math.round(scaled)
    return float((method === 'ceil' ? Math.ceil(scaled) : method === 'floor' ? Math.floor(scaled) : halfEven) / scale)
  },
  safe: (value) => value,
  select: selection(true, false),
  selectattr: selection(true, true),
  sort: (value, args, named, context) => {
    const attribute = named.get('attribute') ?? args[2]
    const all = new Map(named).set('attribute', attribute)
    return sorted(iterate(value), keyFrom(all, args[1], context), truthy(named.get('reverse') ?? args[0] ?? false))
  },
  string: toText,
  sum: (value, [attribute, start = 0], named, context) => {
    const path = named.get('attribute') ?? attribute
    const read = path == null ? (item: Value) => item : attributeOf(path, context)
    const items = [named.get('start') ?? start, ...iterate(value).map(read)]
    const total = items.reduce<number>((sum, item) => sum + toNumber(item), 0)
    return items.some(isFloat) ? float(total) : total
  },
  title: (value) =>
    toText(value)
      .split(new RegExp(`([-${SPACE}({[<]+)`))
      .map(capitalize)
      .join(''),
  tojson: (value, args, named) => {
    const order = ['ensure_ascii', 'indent', 'separators', 'sort_keys']
    return toJson(value, new Map([...args.map((arg, i): [string, Value] => [order[i] as string, arg]), ...named]))
  },
  trim: (value, [chars]) => strip(toText(value), chars, true, true),
  truncate: (value, [length = 255, whole = false, end = '...', leeway = 5]) => {
    const letters = Array.from(toText(value))
    if (letters.length <= toNumber(length) + toNumber(leeway)) return letters.join('')
    const cut = letters.slice(0, Math.max(0, toNumber(length) - lengthOf(end))).join('')
    return (truthy(whole) ? cut : cut.includes(' ') ? cut.slice(0, cut.lastIndexOf(' ')) : cut) + toText(end)
  },
  unique: (value, args, named, context) => {
    const keyOf = keyFrom(named, args[0], context)
    const seen: Value[] = []
    return generator(
      iterate(value).filter((item) => {
        const key = keyOf(item)
        const isNew = !seen.some((other) => equal(other, key))
        if (isNew) seen.push(key)
        return isNew
      }),
    )
  },
  upper: (value) => toText(value).toUpperCase(),
  wordcount: (value) => toText(value).match(/[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}]+/gu)?.length ?? 0,
}

const isSequence = (value: Value): boolean =>
  typeof value === 'string' || value instanceof Map || value instanceof Undefined
const isCased =
  (fold: (text: string) => string): Test =>
  (value) => {
    const text = toText(value)
    return text === fold(text) && /[\p{Ll}\p{Lu}\p{Lt}]/u.test(text)
  }
const same: Test = (value, [other]) => equal(value, other)
const order =
  (holds: (sign: number) => boolean): Test =>
  (value, [other]) =>
    holds(compare(value, other))
const tested: Record<string, Test> = {
  boolean: (value) => typeof value === 'boolean',
  callable: (value) => typeof value === 'function',
  defined: (value) => !(value instanceof Undefined),
  divisibleby: (value, [by]) => toNumber(value) % toNumber(by) === 0,
  even: (value) => toNumber(value) % 2 === 0,
  false: (value) => value === false,
  float: isFloat,
  in: (value, [within]) => contains(within, value),
  integer: (value) => isNumber(value) && !isFloat(value) && typeof value !== 'boolean',
  iterable: (value) => isSequence(value) || Array.isArray(value),
  lower: isCased((text) => text.toLowerCase()),
  mapping: (value) => value instanceof Map,
  none: (value) => value === null,
  number: isNumber,
  odd: (value) => Math.abs(toNumber(value) % 2) === 1,
  sameas: (value, [other]) => value === other,
  sequence: (value) => isSequence(value) || (Array.isArray(value) && /list|tuple/.test(kindOf(value))),
  string: (value) => typeof value === 'string',
  true: (value) => value === true,
  undefined: (value) => value instanceof Undefined,
  upper: isCased((text) => text.toUpperCase()),
  eq: same,
  ne: (value, args) => !same(value, args),
  gt: order((sign) => sign > 0),
  ge: order((sign) => sign >= 0),
  lt: order((sign) => sign < 0),
  le: order((sign) => sign <= 0),
}
export const tests: Record<string, Test> = {
  ...tested,
  equalto: same,
  greaterthan: tested.gt as Test,
  lessthan: tested.lt as Test,
}

/** What a dict or namespace is made from: another dict, pairs, and names. */
export function entriesFrom(source: Value, named: Map<string, Value>): Map<Value, Value> {
  const given = source instanceof Map ? source : source instanceof Namespace ? source.values : undefined
  const pairs = given
    ? [...given]
    : source === undefined
      ? []
      : iterate(source).map((pair) => iterate(pair) as [Value, Value])
  if (pairs.some((pair) => pair.length !== 2)) throw new TypeError(`${typeName(source)} is not a list of pairs`)
  return new Map([...pairs, ...named])
}
