/** Turns the bytes of a record into a row. */
import { HoneError } from '../base/index.ts'
import { isRecord, kindOf } from './json.ts'
import type { RowRecord } from './record.ts'
import { DELIMITERS } from './records.ts'
import type { RowFormat } from './row-format.ts'

export type RowValue = Record<string, unknown>

export interface RowParser {
  /** False for records that are no rows: blank ones and, the first time, the header of a table. */
  accept(record: RowRecord): boolean
  /** Throws `E_BAD_ROW` naming file and line. */
  parse(record: RowRecord): RowValue
}

export const badRow = (file: string, line: number, what: string, cause?: unknown) =>
  new HoneError('E_BAD_ROW', `${file}:${line}: ${what}`, {
    help: 'Correct the row, or skip bad rows and have them counted.',
    cause,
  })

/**
 * JSONL and JSON: a row is an object. CSV and TSV: every field a string, named by the header. TXT: `{ text }`, the line
 * without its end.
 */
export function rowParser(format: Exclude<RowFormat, 'parquet'>, file: string): RowParser {
  if (format === 'csv' || format === 'tsv') return tableParser(DELIMITERS[format], file)
  if (format === 'txt') {
    return { accept: notBlank, parse: (record) => ({ text: decode(record, file).replace(/\r?\n$/, '') }) }
  }
  return {
    accept: format === 'json' ? () => true : notBlank,
    parse(record) {
      const text = decode(record, file)
      let value: unknown
      try {
        value = JSON.parse(text)
      } catch (cause) {
        throw badRow(file, record.line, `not valid JSON: ${(cause as Error).message}`, cause)
      }
      if (!isRecord(value)) throw badRow(file, record.line, `the row is ${kindOf(value)}, expected an object`)
      return value
    },
  }
}

function notBlank({ bytes }: RowRecord): boolean {
  for (const byte of bytes) if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return true
  return false
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decode({ bytes, line }: RowRecord, file: string): string {
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    throw badRow(file, line, 'not UTF-8 text', cause)
  }
}

function tableParser(delimiter: string, file: string): RowParser {
  let names: string[] | null = null
  const cells = (record: RowRecord) =>
    splitRow(decode(record, file).replace(/\r?\n$/, ''), delimiter, (what) => badRow(file, record.line, what))
  return {
    accept(record) {
      if (!notEmpty(record)) return false
      if (names) return true
      names = cells(record)
      const twice = names.find((name, i) => names!.indexOf(name) !== i)
      if (twice !== undefined) throw new HoneError('E_FORMAT', `${file}: the header names the column '${twice}' twice`)
      return false
    },
    parse(record) {
      const values = cells(record)
      if (values.length !== names!.length)
        throw badRow(file, record.line, `${values.length} fields, the header has ${names!.length}`)
      return Object.fromEntries(names!.map((name, i) => [name, values[i]]))
    },
  }
}

/** A line of spaces or tabs is a row of empty fields; only one without any byte is none. */
function notEmpty({ bytes }: RowRecord): boolean {
  return bytes.some((byte) => byte !== 0x0a && byte !== 0x0d)
}

/** RFC 4180, with the delimiter of choice. A quote inside an unquoted field stands for itself. */
function splitRow(text: string, delimiter: string, bad: (what: string) => HoneError): string[] {
  const fields: string[] = []
  let at = 0
  for (;;) {
    if (text[at] === '"') {
      let value = ''
      let from = at + 1
      for (;;) {
        const quote = text.indexOf('"', from)
        if (quote < 0) throw bad('a quoted field does not close')
        value += text.slice(from, quote)
        at = quote + 1
        if (text[at] !== '"') break
        value += '"'
        from = at + 1
      }
      if (at < text.length && text[at] !== delimiter)
        throw bad(`field ${fields.length + 1} goes on after its closing quote`)
      fields.push(value)
    } else {
      const end = text.indexOf(delimiter, at)
      fields.push(text.slice(at, end < 0 ? text.length : end))
      at = end < 0 ? text.length : end
    }
    if (at >= text.length) return fields
    at++
  }
}
