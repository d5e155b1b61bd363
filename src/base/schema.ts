import type { ZodType, z } from 'zod'
import { HoneError } from './errors.ts'

type Json = Record<string, unknown>
type Issue = z.core.$ZodIssue

const isPlain = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/** A value as an error shows it: JSON, cut to one short line. */
export function showValue(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}

/** Edits (insert, delete, replace, swap of neighbours) between two words: optimal string alignment distance. */
function editDistance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) => {
    const row = new Array<number>(b.length + 1).fill(0)
    row[0] = i
    return row
  })
  for (let j = 0; j <= b.length; j++) rows[0][j] = j
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1
      let best = Math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + change)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) best = Math.min(best, rows[i - 2][j - 2] + 1)
      rows[i][j] = best
    }
  }
  return rows[a.length][b.length]
}

/** The known word nearest to a misspelt one, or null when none is near: `lr-rate` and `lr_rate` count as `lrRate`. */
export function closest(word: string, known: readonly string[]): string | null {
  const plain = (text: string) => text.toLowerCase().replace(/[-_.\s]/g, '')
  const wanted = plain(word).slice(0, 64)
  let best: string | null = null
  let least = Math.max(2, Math.floor(wanted.length / 3)) + 1
  for (const candidate of known) {
    const distance = editDistance(wanted, plain(candidate))
    if (distance < least && distance < candidate.length) [best, least] = [candidate, distance]
  }
  return best
}

/** Takes off `optional`, `nullable`, `default`, `pipe`, … until the schema that knows its keys shows. */
function core(schema: unknown): { shape?: Json; element?: unknown; options?: unknown[] } | undefined {
  let current = schema as { shape?: Json; def?: { innerType?: unknown; in?: unknown } } | undefined
  while (current && !current.shape && (current.def?.innerType || current.def?.in)) {
    current = (current.def.innerType ?? current.def.in) as typeof current
  }
  return current
}

/** All keys that a schema knows at a path, those of a union's members together. */
function knownKeys(schema: unknown, path: readonly PropertyKey[]): string[] {
  const here = core(schema)
  if (!here) return []
  if (here.options) return [...new Set(here.options.flatMap((option) => knownKeys(option, path)))]
  if (path.length === 0) return Object.keys(here.shape ?? {})
  const [first, ...rest] = path
  return knownKeys(typeof first === 'number' ? here.element : here.shape?.[String(first)], rest)
}

const valueAt = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], value)

const kinds: Record<string, string> = {
  int: 'a whole number',
  number: 'a number',
  string: 'a text',
  boolean: 'true or false',
}
const withArticle = (kind: string) => kinds[kind] ?? (/^[aeiou]/.test(kind) ? `an ${kind}` : `a ${kind}`)

function expectation(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return withArticle(issue.expected)
    case 'invalid_value':
      return issue.values.length === 1 ? showValue(issue.values[0]) : `one of ${issue.values.map(String).join(', ')}`
    case 'too_small':
    case 'too_big': {
      const small = issue.code === 'too_small'
      const limit = String(small ? issue.minimum : issue.maximum)
      if (issue.origin === 'string' || issue.origin === 'array') {
        const unit = issue.origin === 'string' ? 'characters' : 'entries'
        return `${small ? 'at least' : 'at most'} ${limit} ${unit}`
      }
      if (small) return issue.inclusive ? `at least ${limit}` : `more than ${limit}`
      return issue.inclusive ? `at most ${limit}` : `less than ${limit}`
    }
    case 'invalid_union':
      return [...new Set(issue.errors.flat().map(expectation))].join(' or ') || issue.message
    default:
      return issue.message
  }
}

/**
 * Checks a configuration against a strict schema and fills in its defaults.
 * @param what names the source in an error: 'the configuration', 'sft.yaml', …
 * @throws E_CONFIG with every fault at once: unknown keys with the nearest known one, values with what was expected.
 */
export function parseConfig<S extends ZodType>(schema: S, value: unknown, { what }: { what: string }): z.output<S> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const faults = result.error.issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') {
      const got = valueAt(value, issue.path)
      const kind =
        typeof got === 'string' || got === undefined || got === null
          ? ''
          : ` (${Array.isArray(got) ? 'array' : typeof got})`
      const shown = `got ${showValue(got)}${issue.code === 'invalid_type' ? kind : ''}, expected ${expectation(issue)}`
      return [issue.path.length ? `${issue.path.join('.')}: ${shown}` : shown]
    }
    const known = knownKeys(schema, issue.path)
    return issue.keys.map((key) => {
      const full = [...issue.path, key].join('.')
      const near = closest(key, known)
      if (near) return `unknown key "${full}": did you mean ${[...issue.path, near].join('.')}?`
      return `unknown key "${full}"${known.length ? `, expected one of ${known.join(', ')}` : ''}`
    })
  })
  throw new HoneError(
    'E_CONFIG',
    faults.length === 1 ? `${what}: ${faults[0]}` : `${what}:\n  ${faults.join('\n  ')}`,
    {
      help: 'Correct the named keys; texts that look like numbers need quotes: key=\'"5"\'.',
    },
  )
}

const numberText = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/
const leadingZero = /^[+-]?0\d/

/** Reads one value as a command line writes it: number, true, false, null, JSON in […], {…} or "…", else plain text. */
function parseValue(text: string, key: string): unknown {
  if (text === 'true') return true
  if (text === 'false') return false
  if (text === 'null') return null
  if (numberText.test(text) && !leadingZero.test(text) && Number.isFinite(Number(text))) return Number(text)
  if (/^["[{]/.test(text)) {
    try {
      return JSON.parse(text)
    } catch (error) {
      throw new HoneError('E_CONFIG', `${key}: got ${text}, expected JSON: ${(error as Error).message}`, {
        cause: error,
      })
    }
  }
  return text
}

/**
 * Reads `key=value` words; dots in a key open nested objects, the last of two equal keys wins.
 * @throws E_CONFIG for a word without `=`, an empty key, or a key both a value and an object.
 */
export function parseOverrides(words: readonly string[]): Json {
  const result: Json = {}
  for (const word of words) {
    const at = word.indexOf('=')
    if (at < 1) {
      throw new HoneError('E_CONFIG', `got "${word}", expected key=value`, { help: 'For example: learningRate=1e-4' })
    }
    const parts = word.slice(0, at).trim().split('.')
    const key = parts.join('.')
    if (parts.some((part) => part === '' || part === '__proto__')) {
      throw new HoneError('E_CONFIG', `got "${word}": "${key}" is no key`)
    }
    let target = result
    for (const part of parts.slice(0, -1)) {
      if (!Object.hasOwn(target, part)) target[part] = {}
      const next = target[part]
      if (!isPlain(next)) {
        throw new HoneError('E_CONFIG', `${key}: ${part} is already ${showValue(next)}, expected an object`)
      }
      target = next
    }
    target[parts[parts.length - 1]] = parseValue(word.slice(at + 1).trim(), key)
  }
  return result
}

/** Later layers win over earlier ones; objects merge key by key, everything else is replaced; `undefined` leaves be. */
export function mergeConfig(...layers: readonly (Json | undefined)[]): Json {
  const result: Json = {}
  for (const layer of layers) {
    for (const [key, value] of Object.entries(layer ?? {})) {
      if (value === undefined || key === '__proto__') continue
      const before = Object.hasOwn(result, key) ? result[key] : undefined
      result[key] = isPlain(value) ? mergeConfig(isPlain(before) ? before : {}, value) : value
    }
  }
  return result
}
