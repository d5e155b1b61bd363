import { type Command, Option } from 'commander'
import type { z } from 'zod'
import { HoneError, mergeConfig, parseConfig, parseOverrides } from '../base/index.ts'
import type { Json, Verb } from './verb.ts'

/** How a key is written on the command line, as far as its schema tells. */
interface Shape {
  kind: 'boolean' | 'text' | 'texts' | 'value'
  placeholder: string
  choices?: readonly string[]
  fallback: unknown
  required: boolean
}

interface Definition {
  type: string
  innerType?: Schema
  options?: Schema[]
  entries?: Record<string, string>
  defaultValue?: unknown
}
interface Schema {
  def: Definition
  description?: string
}

const wrappers = new Set(['default', 'prefault', 'nullable', 'optional', 'readonly'])

export function shapeOf(schema: unknown): Shape {
  let current = schema as Schema
  let fallback: unknown
  let required = true
  while (wrappers.has(current.def.type) && current.def.innerType) {
    if (current.def.type === 'default') fallback = current.def.defaultValue
    if (current.def.type !== 'nullable') required = false
    current = current.def.innerType
  }
  const common = { fallback, required }
  const { type, entries, options } = current.def
  if (type === 'boolean') return { kind: 'boolean', placeholder: '', ...common }
  if (type === 'enum') {
    const choices = Object.values(entries ?? {})
    return { kind: 'text', placeholder: choices.join('|'), choices, ...common }
  }
  if (type === 'string') return { kind: 'text', placeholder: 'TEXT', ...common }
  if (type === 'array') return { kind: 'texts', placeholder: 'TEXT', ...common }
  if (type === 'number') return { kind: 'value', placeholder: 'NUMBER', ...common }
  const isList = options?.some((option) => shapeOf(option).kind === 'texts')
  return { kind: isList ? 'texts' : 'value', placeholder: 'VALUE', ...common }
}

const kebab = (key: string) => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

const otherKeys = 'Keys (key=VALUE, also as a flag --in-words VALUE, or in the file of --config):'

/** Puts a verb's keys and the flags that all verbs share on a command. */
export function addFlags(command: Command, verb: Verb): void {
  const { shape: schemas } = verb.options
  for (const key of new Set([...verb.main, ...Object.keys(schemas)])) {
    if (key === verb.words) continue
    const schema = schemas[key]
    const shape = shapeOf(schema)
    const placeholder = verb.placeholders?.[key] ?? shape.placeholder
    const flags = shape.kind === 'boolean' ? `--${kebab(key)}` : `--${kebab(key)} <${placeholder}>`
    const option = new Option(flags, describe(schema as unknown as Schema, shape))
    if (shape.kind === 'texts') option.argParser((text: string, before: string[] = []) => [...before, text])
    if (!verb.main.includes(key)) option.helpGroup(otherKeys)
    command.addOption(option)
  }
  command.configureHelp({
    optionTerm: (option) =>
      option.helpGroupHeading === otherKeys ? `${option.attributeName()}=${placeholderOf(option)}` : option.flags,
  })
  if (!('seed' in verb.options.shape)) command.option('--seed <NUMBER>', 'of everything that is drawn')
  command
    .option('--config <FILE.yaml>', 'read keys from a file; what stands on the command line wins')
    .option('--json', 'print one JSON document on stdout; all else goes to stderr')
    .option('--quiet', 'no progress')
    .option('--debug', 'show where an error arose')
}

const placeholderOf = ({ flags }: Option) => /<(.*)>/.exec(flags)?.[1] ?? 'true'

function describe(schema: Schema, { fallback, kind }: Shape): string {
  const text = schema.description ?? ''
  const shown = fallback === undefined || fallback === null || fallback === false || kind === 'boolean' ? '' : fallback
  const isEmpty = shown === '' || (Array.isArray(shown) && shown.length === 0)
  return isEmpty ? text : `${text}${text && ' '}(default ${Array.isArray(shown) ? shown.join(' ') : shown})`
}

/** Flags that belong to the command line itself. */
const shared = new Set(['config', 'json', 'quiet', 'debug'])

export interface Given {
  /** What commander read. */
  flags: Json
  /** Words that are no flags. */
  words: readonly string[]
  /** The content of the file of `--config` and its name. */
  file?: { name: string; content: Json }
}

/**
 * One verb's options out of all the places in which they may be given: defaults, then the file, then words, then flags.
 * @throws HoneError E_CONFIG naming the place, E_USAGE for what is missing
 */
export function collectOptions(name: string, verb: Verb, { flags, words, file }: Given): Json {
  const schema = verb.options
  const partial = schema.partial() as z.ZodObject
  const known = (content: Json, what: string): Json => {
    // A seed is taken by every verb, also by those that draw nothing.
    const { seed, ...rest } = content
    const kept = asLists(verb, 'seed' in schema.shape && seed !== undefined ? { ...rest, seed } : rest)
    parseConfig(partial, kept, { what })
    return kept
  }
  const isOverride = (word: string) => !verb.words || /^[A-Za-z][\w.]*=/.test(word)
  const plain = words.filter((word) => !isOverride(word))
  const fromFile = file ? known(file.content, file.name) : {}
  const fromLine = known(
    mergeConfig(
      parseOverrides(words.filter(isOverride)),
      readFlags(verb, flags),
      plain.length > 0 ? { [verb.words as string]: plain } : {},
    ),
    'the command line',
  )
  const merged = mergeConfig(fromFile, fromLine)
  const missing = Object.entries(schema.shape)
    .filter(([key, value]) => shapeOf(value).required && merged[key] === undefined)
    .map(([key]) => (key === verb.words ? `a ${verb.placeholders?.[key] ?? key}` : `--${kebab(key)}`))
  if (missing.length > 0) {
    throw new HoneError('E_USAGE', `hone ${name} needs ${missing.join(' and ')}`, {
      help: `Example: ${verb.example.at(-1)}`,
    })
  }
  return parseConfig(schema, merged, { what: 'the command line' }) as Json
}

/** A single text stands for a list of one, and a list of one for a text, where the key takes only the other. */
function asLists({ options }: Verb, content: Json): Json {
  const change = ([key, value]: [string, unknown]) => {
    const schema = options.shape[key] as z.ZodType | undefined
    if (!schema || shapeOf(schema).kind !== 'texts') return [key, value]
    const [single] = Array.isArray(value) && value.length === 1 ? value : [value]
    const takesText = typeof single === 'string' && schema.safeParse(single).success
    return [key, takesText ? single : typeof value === 'string' ? [value] : value]
  }
  return Object.fromEntries(Object.entries(content).map(change))
}

function readFlags(verb: Verb, flags: Json): Json {
  const result: Json = {}
  for (const [key, value] of Object.entries(flags)) {
    if (shared.has(key) || value === undefined) continue
    const schema = verb.options.shape[key]
    const kind = schema ? shapeOf(schema).kind : 'value'
    const isRaw = kind !== 'value' || typeof value !== 'string'
    result[key] = isRaw ? value : parseOverrides([`${key}=${value}`])[key]
  }
  return result
}
