/** Rows of a file by their number, for shuffling: a table of byte offsets over a file of one row a record. */
import { type FileReader, HoneError, platform, throwIfAborted } from '../base/index.ts'
import type { RowRecord } from './record.ts'
import { MAX_ROW_BYTES } from './record.ts'
import { firstRecord, recordBatches } from './records.ts'
import { inCopy, type Layout } from './row-copy.ts'
import { detectRows, type RowSource } from './row-format.ts'
import { rowParser } from './row-parser.ts'
import { noRows, type RawRow, type ReadRowsOptions } from './rows.ts'

export interface RowIndex extends AsyncDisposable {
  readonly length: number
  /** Throws `E_RANGE` for a number that is no row, `E_BAD_ROW` for a row that does not parse. */
  read(index: number): Promise<RawRow>
  /** The rows in the order of `indices`; neighbours in the file are read together. */
  readMany(indices: readonly number[]): Promise<RawRow[]>
  close(): Promise<void>
}

/**
 * Opens a file of rows for random access. JSONL, CSV, TSV and TXT are passed once and indexed where they are, with 8 bytes
 * of memory a row (12 where rows span several lines). Compressed files, JSON and Parquet are unpacked once into the cache
 * folder and indexed there; the copy is found again as long as path, size and time of change stay the same.
 * A bad row throws when it is read, or, with `onBadRow`, is found on opening and has no number.
 * Throws as `readRows` does.
 */
export async function openRowIndex(path: string, options: ReadRowsOptions = {}): Promise<RowIndex> {
  const source = await detectRows(path)
  const direct = source.compression === 'none' && source.format !== 'json' && source.format !== 'parquet'
  return buildIndex(source, direct ? inPlace(source) : await inCopy(source, options), options)
}

function inPlace(source: RowSource): Layout {
  const parser = rowParser(source.format as 'jsonl', source.path)
  const parse = (record: RowRecord) => ({ value: parser.parse(record), file: source.path, line: record.line })
  return { source, accept: parser.accept, check: parse, parse }
}

/** Reads further apart than this are separate: skipping 64 kB costs about as much as another read. */
const MAX_GAP = 1 << 16
const MAX_READ = 4 << 20

async function buildIndex(
  { path }: RowSource,
  layout: Layout,
  { signal, onBadRow }: ReadRowsOptions,
): Promise<RowIndex> {
  const starts = growing(Float64Array)
  // Made only when a row is not on the line of its number plus the first one's.
  let lines: Growing | null = null
  let firstLine = 1
  let end = 0
  for await (const batch of recordBatches(layout.source, { signal })) {
    for (const record of batch) {
      end = record.offset + record.bytes.length
      if (!layout.accept(record)) continue
      if (onBadRow) {
        throwIfAborted(signal)
        const bad = badRowOf(() => layout.check(record), record.line)
        if (bad) {
          onBadRow(bad.error, bad.line)
          continue
        }
      }
      const index = starts.length()
      if (index === 0) firstLine = record.line
      if (!lines && record.line !== firstLine + index) {
        lines = growing(Uint32Array)
        for (let i = 0; i < index; i++) lines.push(firstLine + i)
      }
      lines?.push(record.line)
      starts.push(record.offset)
    }
  }
  if (starts.length() === 0) throw noRows(path)
  const reader = await platform().open(layout.source.path)
  return readerOf(path, reader, layout, starts, lines ? lines.at : (index) => firstLine + index, end)
}

/** The error of a bad row of a copy knows the line of the original. */
interface BadRow {
  error: HoneError
  line: number
}

function badRowOf(work: () => void, line: number): BadRow | null {
  try {
    work()
    return null
  } catch (error) {
    if (!(error instanceof HoneError) || error.code !== 'E_BAD_ROW') throw error
    return { error, line: (error.cause as { line?: number } | undefined)?.line ?? line }
  }
}

function readerOf(
  path: string,
  reader: FileReader,
  { source, parse }: Layout,
  starts: Growing,
  lineOf: (index: number) => number,
  end: number,
): RowIndex {
  const length = starts.length()
  /** Up to where the next row begins: what stands between, blank lines and rows left out, is cut off on reading. */
  const endOf = (index: number) => (index + 1 < length ? starts.at(index + 1) : end)
  const readMany = async (indices: readonly number[]): Promise<RawRow[]> => {
    for (const index of indices) {
      if (!Number.isInteger(index) || index < 0 || index >= length)
        throw new HoneError('E_RANGE', `row ${index} of ${path}, which has the rows 0 to ${length - 1}`)
    }
    const rows = new Map<number, RawRow>()
    const sorted = [...new Set(indices)].sort((a, b) => a - b)
    for (let from = 0; from < sorted.length; ) {
      const start = starts.at(sorted[from])
      let to = from + 1
      while (
        to < sorted.length &&
        starts.at(sorted[to]) - endOf(sorted[to - 1]) <= MAX_GAP &&
        endOf(sorted[to]) - start <= MAX_READ
      )
        to++
      const wanted = Math.min(endOf(sorted[to - 1]) - start, MAX_ROW_BYTES)
      const bytes = await reader.read(start, wanted)
      if (bytes.length < wanted) throw new HoneError('E_CORRUPT', `${path} has become shorter while it was in use`)
      for (const index of sorted.slice(from, to)) {
        const offset = starts.at(index)
        const own = firstRecord(source, bytes.subarray(offset - start, endOf(index) - start))
        rows.set(index, parse({ bytes: own, offset, line: lineOf(index) }))
      }
      from = to
    }
    return indices.map((index) => rows.get(index)!)
  }
  const close = () => reader.close()
  return {
    length,
    read: async (index) => (await readMany([index]))[0],
    readMany,
    close,
    [Symbol.asyncDispose]: close,
  }
}

type Growing = ReturnType<typeof growing>

/** A typed array that doubles as it fills. */
function growing(kind: Float64ArrayConstructor | Uint32ArrayConstructor) {
  let values: Float64Array | Uint32Array = new kind(1024)
  let length = 0
  return {
    push(value: number) {
      if (length === values.length) {
        const larger = new kind(length * 2)
        larger.set(values)
        values = larger
      }
      values[length++] = value
    },
    at: (index: number) => values[index],
    length: () => length,
  }
}
