/** Rows of a data file, one after another, whatever its format. */
import { HoneError, throwIfAborted } from '../base/index.ts'
import { readParquet } from './parquet.ts'
import { recordBatches } from './records.ts'
import { detectRows, type RowSource } from './row-format.ts'
import { type RowValue, rowParser } from './row-parser.ts'

export interface RawRow {
  value: RowValue
  file: string
  /** The line that the row begins on, from 1; in Parquet the number of the row. */
  line: number
}

export interface ReadRowsOptions {
  signal?: AbortSignal
  /** Told of every bad row, which is then left out; without it the first bad row throws. */
  onBadRow?: (error: HoneError, line: number) => void
  /** The key of a JSON document's object that holds the rows, where it has several arrays. */
  field?: string
}

/**
 * Streams the rows of JSONL, JSON, CSV, TSV, TXT or Parquet, each also as `.gz` or `.zst` (Parquet not), in constant
 * memory (Parquet: a row group). Throws `E_BAD_ROW` with file and line, `E_EMPTY` for a file without rows, `E_FORMAT` for
 * one that is not what its name says, `E_CORRUPT` for one that does not unpack.
 */
export async function* readRows(path: string, options: ReadRowsOptions = {}): AsyncGenerator<RawRow> {
  const source = await detectRows(path)
  let count = 0
  for await (const row of source.format === 'parquet' ? readParquet(source, options) : readText(source, options)) {
    count++
    yield row
  }
  if (count === 0) throw noRows(path)
}

export const noRows = (path: string) => new HoneError('E_EMPTY', `${path} holds no rows`)

async function* readText(source: RowSource, { signal, onBadRow, field }: ReadRowsOptions): AsyncGenerator<RawRow> {
  const { path, format } = source
  const parser = rowParser(format as Exclude<RowSource['format'], 'parquet'>, path)
  for await (const batch of recordBatches(source, { signal, field })) {
    for (const record of batch) {
      throwIfAborted(signal)
      if (!parser.accept(record)) continue
      let value: RowValue
      try {
        value = parser.parse(record)
      } catch (error) {
        if (!onBadRow || !(error instanceof HoneError) || error.code !== 'E_BAD_ROW') throw error
        onBadRow(error, record.line)
        continue
      }
      yield { value, file: path, line: record.line }
    }
  }
}
