import { compare, isNumber, numberText, toNumber, truthy, typeName, type Value } from './values.ts'

/** `json.dumps` with the options that `transformers` gives its `tojson` filter. */
export function toJson(value: Value, named: Map<string, Value>): string {
  const indent = named.get('indent')
  const pad = indent == null ? null : typeof indent === 'string' ? indent : ' '.repeat(Math.max(0, toNumber(indent)))
  const [comma, colon] = (named.get('separators') as [string, string] | null | undefined) ?? [
    pad === null ? ', ' : ',',
    ': ',
  ]
  const ascii = truthy(named.get('ensure_ascii') ?? false)
  const sorted = truthy(named.get('sort_keys') ?? false)

  const text = (value: string): string => {
    // Python leaves lone surrogates and U+2028 alone, as JSON.stringify does but for the surrogates.
    const quoted = JSON.stringify(value)
    const code = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
    return ascii ? quoted.replace(/[\x7f-\uffff]/g, (char) => (char === '\x7f' ? char : code(char))) : quoted
  }
  const wrapped = (open: string, close: string, items: string[], depth: number): string => {
    if (items.length === 0) return open + close
    if (pad === null) return open + items.join(comma) + close
    const line = `\n${pad.repeat(depth + 1)}`
    return `${open}${line}${items.join(comma + line)}\n${pad.repeat(depth)}${close}`
  }
  const dump = (value: Value, depth: number): string => {
    if (value === null) return 'null'
    if (typeof value === 'string') return text(value)
    if (typeof value === 'boolean') return value ? 'true' : 'false'
    if (isNumber(value)) return numberText(value).replace('inf', 'Infinity').replace('nan', 'NaN')
    if (Array.isArray(value))
      return wrapped(
        '[',
        ']',
        value.map((item) => dump(item, depth + 1)),
        depth,
      )
    if (!(value instanceof Map)) throw new TypeError(`${typeName(value)} is not JSON serializable`)
    const entries = sorted ? [...value].sort(([a], [b]) => compare(a, b)) : [...value]
    const items = entries.map(([key, item]) => `${text(keyText(key))}${colon}${dump(item, depth + 1)}`)
    return wrapped('{', '}', items, depth)
  }
  return dump(value, 0)
}

const keyText = (key: Value): string =>
  typeof key === 'string' ? key : key === null ? 'null' : typeof key === 'boolean' ? String(key) : numberText(key)
