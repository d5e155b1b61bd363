/** The formats that rows come in, as a table: how each looks, what tells it apart, and how it becomes a `Row`. */
import { closest, HoneError, showValue } from '../base/index.ts'
import {
  answersKey,
  CONVERSATIONS,
  type Convert,
  type ConvertOptions,
  completionKey,
  has,
  promptKey,
  stepsKey,
  toAlpaca,
  toChat,
  toCompletion,
  toExploration,
  toPreference,
  toRanking,
  toText,
  toTokens,
  toTriple,
  toUnpaired,
  turnsKey,
  usualKey,
} from './convert.ts'
import { type Fields, isFields, keyList, parseJsonText } from './messages.ts'
import { atRow, type RawRow, type Row, type RowSource, rowError } from './row.ts'
import { toSteps } from './steps.ts'
import { readValues } from './values.ts'

interface Format {
  /** How a row looks, for the error that lists what is understood. */
  shape: string
  matches(row: Fields): boolean
  convert: Convert
}

const speaksFrom = (row: Fields) => {
  const first = (row[turnsKey(row) ?? ''] as unknown[] | undefined)?.[0]
  return isFields(first) && 'from' in first
}

/** The first format that matches wins: what is said explicitly (tokens, pairs) before what can stand beside it. */
const FORMATS = {
  tokens: {
    shape: '{"tokens": […], "loss": […]} or {"input_ids": […], "labels": […]}',
    matches: (row) => Array.isArray(row.tokens) || Array.isArray(row.input_ids),
    convert: toTokens,
  },
  triple: {
    shape: '{"prompt"?, "gold", "chosen", "rejected"}, each a text or turns',
    matches: (row) => has(row, 'chosen') && has(row, 'rejected') && has(row, 'gold'),
    convert: toTriple,
  },
  exploration: {
    shape: '{"prompt"?, "chosen", "rejected", "usual"}, each a text or turns',
    matches: (row) => has(row, 'chosen') && has(row, 'rejected') && usualKey(row) !== undefined,
    convert: toExploration,
  },
  preference: {
    shape: '{"prompt"?, "chosen", "rejected"}, each a text or turns',
    matches: (row) => has(row, 'chosen') && has(row, 'rejected'),
    convert: toPreference,
  },
  steps: {
    shape: '{"prompt", "steps": […], "labels": [true or false or 0 … 1, …]}',
    matches: (row) => stepsKey(row) !== undefined && (promptKey(row) ?? turnsKey(row)) !== undefined,
    convert: toSteps,
  },
  ranking: {
    shape: '{"prompt", "responses": [the best, …, the worst]} or with "scores": […]',
    matches: (row) => answersKey(row) !== undefined && (promptKey(row) ?? turnsKey(row)) !== undefined,
    convert: toRanking,
  },
  unpaired: {
    shape: '{"prompt", "completion", "label": true or false}, each a text or turns',
    matches: (row) => typeof row.label === 'boolean' && (turnsKey(row) ?? completionKey(row)) !== undefined,
    convert: toUnpaired,
  },
  messages: {
    shape: '{"messages": [{"role", "content"}, …], "tools"?}',
    matches: (row) => turnsKey(row) !== undefined && !speaksFrom(row),
    convert: toChat,
  },
  sharegpt: {
    shape: '{"conversations": [{"from", "value"}, …], "system"?, "tools"?}',
    matches: speaksFrom,
    convert: toChat,
  },
  alpaca: {
    shape: '{"instruction", "input"?, "output", "system"?, "history"?}',
    matches: (row) => typeof row.instruction === 'string' && typeof row.output === 'string',
    convert: toAlpaca,
  },
  completion: {
    shape: '{"prompt", "completion"}, each a text or turns, or {"question", "answer"}, on two lines',
    matches: (row) => promptKey(row) !== undefined && completionKey(row) !== undefined,
    convert: toCompletion,
  },
  text: { shape: '{"text"}', matches: (row) => typeof row.text === 'string', convert: toText },
} satisfies Record<string, Format>

/** What a file's rows look like; several give the same kind of `Row` (messages, ShareGPT and Alpaca give chats). */
export type FormatName = keyof typeof FORMATS

export const FORMAT_NAMES = Object.keys(FORMATS) as FormatName[]

export interface RowOptions extends ConvertOptions {
  /** hone's key → the file's: `{ prompt: 'question', completion: 'answer' }`. The other keys keep their names. */
  columns?: Record<string, string>
  /** Reads every row as this format instead of telling it apart. */
  format?: FormatName
}

/** The format of a row, or null when it is none that is known. */
export function detectFormat(value: unknown): FormatName | null {
  if (!isFields(value)) return null
  const fields = unpack(value)
  return FORMAT_NAMES.find((name) => FORMATS[name].matches(fields)) ?? null
}

/** A table (CSV) holds texts only: turns come as their JSON, a label as a word. */
function unpack(row: Fields): Fields {
  const result = { ...row }
  for (const key of CONVERSATIONS) {
    const value = row[key]
    if (typeof value === 'string' && value.trimStart().startsWith('[')) result[key] = parseJsonText(value) ?? value
  }
  const label = typeof row.label === 'string' ? row.label.toLowerCase() : null
  if (label === 'true' || label === 'false') result.label = label === 'true'
  return result
}

/**
 * A raw row in its canonical form, beside the name of the format it was in.
 *
 * @throws HoneError E_ROW_FORMAT naming file and line, what was found and what was expected.
 */
export function toRow(raw: RawRow, options: RowOptions = {}): { row: Row; format: FormatName } {
  const source: RowSource = { file: raw.file, line: raw.line }
  return atRow(source, () => {
    if (!isFields(raw.value)) throw rowError(`the row is ${showValue(raw.value)}, expected an object`, knownFormats())
    const fields = unpack(options.columns ? rename(raw.value, options.columns) : raw.value)
    const format = options.format ?? detectFormat(fields)
    if (!format) throw rowError(`the row has the keys ${keyList(fields)}, which is no known format`, knownFormats())
    if (!Object.hasOwn(FORMATS, format)) {
      throw new HoneError('E_CONFIG', `format is ${showValue(format)}, expected one of ${FORMAT_NAMES.join(', ')}`)
    }
    const row = FORMATS[format].convert(fields, source, options)
    const values = readValues(row, fields)
    return { row: values ? { ...row, values } : row, format }
  })
}

function rename(row: Fields, columns: Record<string, string>): Fields {
  const taken = new Set(Object.values(columns))
  const result: Fields = {}
  for (const [key, value] of Object.entries(row)) if (!taken.has(key)) result[key] = value
  for (const [key, column] of Object.entries(columns)) {
    if (!Object.hasOwn(row, column)) {
      const near = closest(column, Object.keys(row))
      throw rowError(
        `the row has the keys ${keyList(row)}, expected "${column}", which columns.${key} names`,
        near ? `did you mean "${near}"?` : undefined,
      )
    }
    result[key] = row[column]
  }
  return result
}

function knownFormats(): string {
  const shapes = FORMAT_NAMES.map((name) => `  ${name}: ${FORMATS[name].shape}`)
  return `Known formats:\n${shapes.join('\n')}\nOther keys can be renamed with columns, e.g. columns.prompt=question.`
}
