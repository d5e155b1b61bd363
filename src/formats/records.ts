/** Cuts a stream of bytes into records, the bytes of one row each, without ever holding more than one of them. */
import { HoneError, platform, throwIfAborted } from '../base/index.ts'
import { jsonRecords } from './json-records.ts'
import { collector, type RecordMachine, type RowRecord } from './record.ts'
import type { RowSource } from './row-format.ts'

export interface RecordOptions {
  signal?: AbortSignal
  /** The key of a JSON document's object that holds the rows. */
  field?: string
}

/**
 * The records of a text format, in batches as the stream gives them. Blank lines are records too.
 * Throws `E_BAD_ROW` for one longer than 64 MB or a quote that never closes.
 */
export async function* recordBatches(
  { path, format, compression }: RowSource,
  { signal, field }: RecordOptions = {},
): AsyncGenerator<RowRecord[]> {
  const start = (offset: number) =>
    format === 'json' ? jsonRecords(path, offset, field) : lineRecords(path, offset, DELIMITERS[format])
  let machine: RecordMachine | null = null
  for await (const chunk of atLeast(3, platform().stream(path, compression))) {
    throwIfAborted(signal)
    const mark = !machine && chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf ? 3 : 0
    machine ??= start(mark)
    const records = machine.push(mark ? chunk.subarray(mark) : chunk)
    if (records.length > 0) yield records
  }
  const records = machine?.end() ?? []
  if (records.length > 0) yield records
}

/** Joins the first chunks of a stream until these hold the bytes of a byte order mark. */
async function* atLeast(bytes: number, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let first: Uint8Array | null = new Uint8Array(0)
  for await (const chunk of chunks) {
    if (!first) yield chunk
    else {
      const joined: Uint8Array = new Uint8Array(first.length + chunk.length)
      joined.set(first)
      joined.set(chunk, first.length)
      first = joined
      if (joined.length < bytes) continue
      yield joined
      first = null
    }
  }
  if (first && first.length > 0) yield first
}

/** The bytes of the first of the records of a line-based format. */
export function firstRecord({ format }: RowSource, bytes: Uint8Array): Uint8Array {
  const end = lineEnds(DELIMITERS[format], () => {}).find(bytes, 0)
  return end < 0 ? bytes : bytes.subarray(0, end + 1)
}

/** The delimiter of the formats whose fields may hold quoted line ends. */
export const DELIMITERS: Record<string, string> = { csv: ',', tsv: '\t' }

const LF = 0x0a
const QUOTE = 0x22

function lineRecords(path: string, firstOffset: number, delimiter?: string): RecordMachine {
  const held = collector(path)
  let offset = firstOffset
  let start = firstOffset
  let line = 1
  let startLine = 1
  const ends = lineEnds(delimiter, () => line++)
  const finish = (): RowRecord => ({ bytes: held.take(), offset: start, line: startLine })
  return {
    push(chunk) {
      const records: RowRecord[] = []
      let from = 0
      while (from < chunk.length) {
        const end = ends.find(chunk, from)
        held.add(chunk.subarray(from, end < 0 ? chunk.length : end + 1), startLine)
        if (end < 0) break
        records.push(finish())
        from = end + 1
        start = offset + from
        startLine = line
      }
      offset += chunk.length
      return records
    },
    end() {
      if (ends.open()) throw new HoneError('E_BAD_ROW', `${path}:${startLine}: the row opens a quote that never closes`)
      return held.size() > 0 ? [finish()] : []
    },
  }
}

interface LineEnds {
  /** The place of the line feed that ends the record, or −1; `onLine` has been told of every line feed passed. */
  find(chunk: Uint8Array, from: number): number
  /** Whether the stream may not end here. */
  open(): boolean
}

function lineEnds(delimiter: string | undefined, onLine: () => void): LineEnds {
  return delimiter ? quotedEnds(delimiter.charCodeAt(0), onLine) : plainEnds(onLine)
}

function plainEnds(onLine: () => void): LineEnds {
  return {
    find(chunk, from) {
      const end = chunk.indexOf(LF, from)
      if (end >= 0) onLine()
      return end
    },
    open: () => false,
  }
}

/** RFC 4180: a quote opens a quoted field only at the field's start; inside, two quotes stand for one. */
function quotedEnds(delimiter: number, onLine: () => void): LineEnds {
  let state: 'start' | 'bare' | 'quoted' | 'closed' = 'start'
  return {
    find(chunk, from) {
      for (let at = from; at < chunk.length; at++) {
        const byte = chunk[at]
        if (byte === LF) onLine()
        if (state === 'quoted') {
          if (byte === QUOTE) state = 'closed'
        } else if (byte === QUOTE && state !== 'bare') state = 'quoted'
        else if (byte === LF) {
          state = 'start'
          return at
        } else state = byte === delimiter ? 'start' : 'bare'
      }
      return -1
    },
    open: () => state === 'quoted',
  }
}
