import { HoneError, showValue } from '../../base/index.ts'
import { compilePattern } from './pattern.ts'

export type Schema = boolean | { readonly [keyword: string]: unknown }

type Json = Record<string, unknown>

/** Checks of one value, `$ref`s and choices included; and how deeply values or schemas may nest. */
const MAX_CHECKS = 200_000
const MAX_DEPTH = 200

interface Check {
  root: Schema
  left: number
  depth: number
  /** The first fault of a value by a schema, or null. */
  fault(value: unknown, schema: Schema, path: string): string | null
}

interface Keyword {
  /** Whether the keyword's own value is one. */
  takes(argument: unknown): boolean
  /** Schemas that the argument holds. */
  inner?(argument: unknown): unknown[]
  fault(value: unknown, argument: never, path: string, check: Check, schema: Json): string | null
}

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
const isSchema = (value: unknown) => typeof value === 'boolean' || isObject(value)
const isCount = (value: unknown) => Number.isInteger(value) && (value as number) >= 0
const isNumber = (value: unknown) => Number.isFinite(value)
const isText = (value: unknown) => typeof value === 'string'
const isList = (value: unknown): value is unknown[] => Array.isArray(value)

const types: Readonly<Record<string, (value: unknown) => boolean>> = {
  null: (value) => value === null,
  boolean: (value) => typeof value === 'boolean',
  number: (value) => typeof value === 'number',
  integer: (value) => Number.isInteger(value),
  string: isText,
  array: isList,
  object: isObject,
}

/** Equal values have equal texts: keys in order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner) =>
    isObject(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  )
}

const at = (path: string) => (path === '' ? 'the value' : path)
const limit = (
  applies: (value: unknown) => number | null,
  isWithin: (size: number, bound: number) => boolean,
  says: string,
  takes: (argument: unknown) => boolean = isCount,
): Keyword => ({
  takes,
  fault(value, bound: number, path) {
    const size = applies(value)
    return size === null || isWithin(size, bound) ? null : `${at(path)} has ${size}, expected ${says} ${bound}`
  },
})
const atLeast = (size: number, bound: number) => size >= bound
const atMost = (size: number, bound: number) => size <= bound
const numberOf = (value: unknown) => (typeof value === 'number' ? value : null)
/** Characters are counted, not UTF-16 units. */
const lengthOf = (value: unknown) => (typeof value === 'string' ? Array.from(value).length : null)
const itemsOf = (value: unknown) => (isList(value) ? value.length : null)
const keysOf = (value: unknown) => (isObject(value) ? Object.keys(value).length : null)

const choice = (says: (held: number, of: number) => string | null): Keyword => ({
  takes: (argument) => isList(argument) && argument.length > 0 && argument.every(isSchema),
  inner: (argument) => argument as unknown[],
  fault(value, schemas: Schema[], path, check) {
    const held = schemas.filter((schema) => check.fault(value, schema, path) === null).length
    const fault = says(held, schemas.length)
    return fault && `${at(path)} ${fault}`
  },
})

/** What a schema may say; all else but notes for people is refused. */
export const keywords: Readonly<Record<string, Keyword>> = {
  type: {
    takes: (argument) => [argument].flat().every((name) => isText(name) && Object.hasOwn(types, name as string)),
    fault(value, argument: string | string[], path) {
      const names = [argument].flat()
      return names.some((name) => types[name](value))
        ? null
        : `${at(path)} is ${showValue(value)}, expected ${names.join(' or ')}`
    },
  },
  enum: {
    takes: isList,
    fault: (value, options: unknown[], path) =>
      options.some((option) => canonical(option) === canonical(value))
        ? null
        : `${at(path)} is ${showValue(value)}, expected one of ${showValue(options)}`,
  },
  const: {
    takes: () => true,
    fault: (value, wanted: unknown, path) =>
      canonical(value) === canonical(wanted)
        ? null
        : `${at(path)} is ${showValue(value)}, expected ${showValue(wanted)}`,
  },
  properties: {
    takes: (argument) => isObject(argument) && Object.values(argument).every(isSchema),
    inner: (argument) => Object.values(argument as Json),
    fault(value, schemas: Record<string, Schema>, path, check) {
      if (!isObject(value)) return null
      const own = Object.entries(schemas).filter(([key]) => Object.hasOwn(value, key))
      return firstOf(own, ([key, schema]) => check.fault(value[key], schema, `${path}.${key}`))
    },
  },
  required: {
    takes: (argument) => isList(argument) && argument.every(isText),
    fault(value, keys: string[], path) {
      const missing = isObject(value) ? keys.find((key) => !Object.hasOwn(value, key)) : undefined
      return missing === undefined ? null : `${at(path)} has no ${JSON.stringify(missing)}`
    },
  },
  additionalProperties: {
    takes: isSchema,
    inner: (argument) => [argument],
    fault(value, schema: Schema, path, check, { properties }) {
      if (!isObject(value)) return null
      const others = Object.keys(value).filter((key) => !isObject(properties) || !Object.hasOwn(properties, key))
      if (schema === false && others.length > 0) return `${at(path)} has the unexpected ${JSON.stringify(others[0])}`
      return firstOf(others, (key) => check.fault(value[key], schema, `${path}.${key}`))
    },
  },
  items: {
    takes: isSchema,
    inner: (argument) => [argument],
    fault(value, schema: Schema, path, check, { prefixItems }) {
      if (!isList(value)) return null
      const first = isList(prefixItems) ? prefixItems.length : 0
      return firstOf(value.slice(first), (item, i) => check.fault(item, schema, `${path}[${first + i}]`))
    },
  },
  prefixItems: {
    takes: (argument) => isList(argument) && argument.every(isSchema),
    inner: (argument) => argument as unknown[],
    fault: (value, schemas: Schema[], path, check) =>
      isList(value)
        ? firstOf(schemas.slice(0, value.length), (schema, i) => check.fault(value[i], schema, `${path}[${i}]`))
        : null,
  },
  uniqueItems: {
    takes: (argument) => typeof argument === 'boolean',
    fault: (value, isUnique: boolean, path) =>
      isUnique && isList(value) && new Set(value.map(canonical)).size < value.length
        ? `${at(path)} has equal entries`
        : null,
  },
  minItems: limit(itemsOf, atLeast, 'entries: at least'),
  maxItems: limit(itemsOf, atMost, 'entries: at most'),
  minProperties: limit(keysOf, atLeast, 'keys: at least'),
  maxProperties: limit(keysOf, atMost, 'keys: at most'),
  minLength: limit(lengthOf, atLeast, 'characters: at least'),
  maxLength: limit(lengthOf, atMost, 'characters: at most'),
  minimum: limit(numberOf, atLeast, 'at least', isNumber),
  maximum: limit(numberOf, atMost, 'at most', isNumber),
  exclusiveMinimum: limit(numberOf, (size, bound) => size > bound, 'more than', isNumber),
  exclusiveMaximum: limit(numberOf, (size, bound) => size < bound, 'less than', isNumber),
  multipleOf: limit(
    numberOf,
    (size, unit) => Math.abs(size / unit - Math.round(size / unit)) < 1e-9,
    'a multiple of',
    (argument) => isNumber(argument) && (argument as number) > 0,
  ),
  pattern: {
    takes: (argument) => isText(argument) && compilePattern(argument as string) !== null,
    fault: (value, pattern: string, path) =>
      typeof value !== 'string' || compilePattern(pattern).find(value) !== null
        ? null
        : `${at(path)} is ${showValue(value)}, expected a match of ${pattern}`,
  },
  anyOf: choice((held) => (held > 0 ? null : 'is valid by none of anyOf')),
  oneOf: choice((held) => (held === 1 ? null : `is valid by ${held} of oneOf, expected one`)),
  allOf: choice((held, of) => (held === of ? null : `is valid by ${held} of the ${of} of allOf`)),
  not: {
    takes: isSchema,
    inner: (argument) => [argument],
    fault: (value, schema: Schema, path, check) =>
      check.fault(value, schema, path) === null ? `${at(path)} is valid by what it must not be` : null,
  },
  $ref: {
    takes: isText,
    fault: (value, target: string, path, check) => check.fault(value, targetOf(check.root, target), path),
  },
  $defs: {
    takes: (argument) => isObject(argument) && Object.values(argument).every(isSchema),
    inner: (argument) => Object.values(argument as Json),
    fault: () => null,
  },
}

/** For people; they say nothing of a value. */
const notes = ['title', 'description', 'default', 'examples', '$schema', '$id', '$comment', 'deprecated']

function firstOf<T>(list: readonly T[], fault: (item: T, i: number) => string | null): string | null {
  for (const [i, item] of list.entries()) {
    const found = fault(item, i)
    if (found !== null) return found
  }
  return null
}

function targetOf(root: Schema, target: string): Schema {
  if (target === '#') return root
  const name = /^#\/(?:\$defs)\/([^/]+)$/.exec(target)?.[1].replaceAll('~1', '/').replaceAll('~0', '~')
  const defs = isObject(root) ? root.$defs : undefined
  if (name !== undefined && isObject(defs) && Object.hasOwn(defs, name)) return defs[name] as Schema
  throw new HoneError('E_REFERENCE', `the schema refers to ${showValue(target)}, expected "#" or one of its own $defs`)
}

/**
 * Refuses a schema with a keyword that is not known or has no such value: a check that is skipped would pass wrong answers.
 * @throws HoneError E_REFERENCE
 */
export function checkSchema(schema: unknown): asserts schema is Schema {
  const walk = (part: unknown, depth: number): void => {
    if (typeof part === 'boolean') return
    if (!isObject(part) || depth > MAX_DEPTH) {
      throw new HoneError('E_REFERENCE', `the schema has ${showValue(part)}, expected an object, true or false`)
    }
    for (const [name, argument] of Object.entries(part)) {
      if (notes.includes(name)) continue
      if (!Object.hasOwn(keywords, name)) {
        throw new HoneError('E_REFERENCE', `the schema has the keyword ${showValue(name)}, which is not known`, {
          help: `Known: ${[...Object.keys(keywords), ...notes].join(', ')}.`,
        })
      }
      const keyword = keywords[name]
      if (!keyword.takes(argument)) {
        throw new HoneError('E_REFERENCE', `the schema has ${name}: ${showValue(argument)}, which it does not take`)
      }
      if (name === '$ref') targetOf(schema as Schema, argument as string)
      for (const inner of keyword.inner?.(argument) ?? []) walk(inner, depth + 1)
    }
  }
  walk(schema, 0)
}

/** What is wrong with a value by a schema that `checkSchema` has passed, in one sentence; null where nothing is. */
export function faultOf(value: unknown, schema: Schema): string | null {
  if (isDeeper(value, MAX_DEPTH)) return `the value is nested more than ${MAX_DEPTH} deep`
  const check: Check = {
    root: schema,
    left: MAX_CHECKS,
    depth: 0,
    fault(inner, part, path) {
      if (part === true) return null
      if (part === false) return `${at(path)} is not allowed`
      if (check.depth > MAX_DEPTH || check.left <= 0) {
        check.left = 0
        return `${at(path)} is nested too deeply, or takes more than ${MAX_CHECKS} checks`
      }
      check.depth++
      const fault = firstOf(Object.entries(part), ([name, argument]) => {
        check.left--
        return keywords[name]?.fault(inner, argument as never, path, check, part) ?? null
      })
      check.depth--
      return fault
    },
  }
  const fault = check.fault(value, schema, '')
  // A check that was cut short inside a negation says nothing.
  return check.left <= 0 ? `takes more than ${MAX_CHECKS} checks, or is nested too deeply` : fault
}

/** Level by level: a recursion would end the process's stack before it ended the value. */
function isDeeper(value: unknown, depth: number): boolean {
  let level = [value]
  for (let at = 0; level.length > 0; at++) {
    if (at > depth) return true
    level = level.flatMap((item) => (typeof item === 'object' && item !== null ? Object.values(item) : []))
  }
  return false
}
