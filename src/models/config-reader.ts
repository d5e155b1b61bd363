import { HoneError, showValue } from '../base/index.ts'
import { isRecord } from '../formats/json.ts'

/** Reads typed values out of a config.json that nobody vouches for; `null` counts as absent, as in the reference. */
export interface ConfigReader {
  /** The file, and the object inside it, as an error names them. */
  readonly where: string
  readonly raw: Readonly<Record<string, unknown>>
  has(key: string): boolean
  /** A whole number from 1 to `most`: a damaged config must not make arrays of any length. */
  integer(key: string, fallback?: number, most?: number): number
  /** A finite number. */
  number(key: string, fallback?: number): number
  numbers(key: string, length: number): number[]
  /** A finite number where `null` says 0: off; `fallback` only stands for a key that is absent. */
  optional(key: string, fallback: number): number
  flag(key: string, fallback: boolean): boolean
  text(key: string, fallback?: string): string
  object(key: string): ConfigReader
  /** A reader over values put together from several places. */
  nested(key: string, raw: Record<string, unknown>): ConfigReader
}

/** Each method throws HoneError E_CONFIG naming the file, the key, what it holds and what was expected. */
export function configReader(raw: Readonly<Record<string, unknown>>, where: string): ConfigReader {
  const has = (key: string) => raw[key] !== undefined && raw[key] !== null
  const read = <T>(key: string, fallback: T | undefined, expected: string, fits: (value: unknown) => boolean): T => {
    if (!has(key) && fallback !== undefined) return fallback
    if (fits(raw[key])) return raw[key] as T
    throw new HoneError('E_CONFIG', `${where}: ${key} is ${showValue(raw[key])}, expected ${expected}`)
  }
  const finite = (value: unknown) => typeof value === 'number' && Number.isFinite(value)
  const nested = (key: string, inner: Record<string, unknown>) => configReader(inner, `${where}, ${key}`)
  return {
    where,
    raw,
    has,
    nested,
    integer: (key, fallback, most = 2 ** 31 - 1) =>
      read(
        key,
        fallback,
        `a whole number from 1 to ${most}`,
        (value) => Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= most,
      ),
    number: (key, fallback) => read(key, fallback, 'a finite number', finite),
    numbers: (key, length) =>
      read<number[]>(
        key,
        undefined,
        `${length} numbers`,
        (value) => Array.isArray(value) && value.length === length && value.every(finite),
      ),
    optional: (key, fallback) => (raw[key] === null ? 0 : read(key, fallback, 'a finite number or null', finite)),
    flag: (key, fallback) => read(key, fallback, 'true or false', (value) => typeof value === 'boolean'),
    text: (key, fallback) => read(key, fallback, 'a text', (value) => typeof value === 'string'),
    object: (key) => nested(key, read<Record<string, unknown>>(key, undefined, 'an object', isRecord)),
  }
}
