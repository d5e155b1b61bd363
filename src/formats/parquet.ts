/** Rows of a Parquet file, a row group at a time, decoded by hyparquet behind the checks of `parquet-guard.ts`. */
import { type FileMetaData, parquetMetadataAsync, parquetReadObjects } from 'hyparquet'
import { HoneError, platform, throwIfAborted } from '../base/index.ts'
import { checkFooter, guardGroup, type ReadRange } from './parquet-guard.ts'
import type { RowValue } from './row-parser.ts'

export interface ParquetRow {
  value: RowValue
  file: string
  /** The number of the row, from 1. */
  line: number
}

/**
 * Integers beyond 2^53 become decimal strings, dates and times ISO 8601 strings; lists and structs are plain arrays and
 * objects; binary columns without a text annotation are bytes, unless they are UTF-8.
 * Throws `E_CORRUPT` naming the file and what is wrong.
 */
export async function* readParquet(
  { path }: { path: string },
  { signal }: { signal?: AbortSignal } = {},
): AsyncGenerator<ParquetRow> {
  const reader = await platform().open(path)
  const read: ReadRange = async (offset, length) => {
    const bytes = await reader.read(offset, length)
    if (bytes.length < length) throw new Error(`it ends at byte ${offset + bytes.length} of ${offset + length}`)
    return bytes
  }
  const file = {
    byteLength: reader.size,
    slice: (from: number, to = reader.size) => {
      const bytes = read(from, to - from).then(
        (given) => given.buffer.slice(given.byteOffset, given.byteOffset + given.length) as ArrayBuffer,
      )
      // The decoder may abandon a read after another one failed: that must not end the process.
      bytes.catch(() => {})
      return bytes
    },
  }
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (cause) {
      if (cause instanceof HoneError) throw cause
      throw new HoneError('E_CORRUPT', `${path} is not valid Parquet: ${(cause as Error).message}`, { cause })
    }
  }
  try {
    const metadata = await guarded(async () => {
      await checkFooter(reader.size, read)
      return parquetMetadataAsync(file, { geoparquet: false })
    })
    let line = 1
    for (const group of metadata.row_groups) {
      throwIfAborted(signal)
      for (const row of await guarded(() => readGroup(metadata, group, file, read))) {
        throwIfAborted(signal)
        yield { value: plain(row) as RowValue, file: path, line: line++ }
      }
    }
  } finally {
    await reader.close()
  }
}

async function readGroup(
  metadata: FileMetaData,
  group: FileMetaData['row_groups'][number],
  file: { byteLength: number; slice: (from: number, to?: number) => Promise<ArrayBuffer> },
  read: ReadRange,
): Promise<Record<string, unknown>[]> {
  const rows = Number(group.num_rows)
  if (rows === 0) return []
  const safe = await guardGroup(metadata, group, file.byteLength, read)
  const only = { ...metadata, num_rows: group.num_rows, row_groups: [safe.group] }
  const objects = await parquetReadObjects({ file, metadata: only, compressors: safe.compressors, utf8: false })
  if (objects.length !== rows) throw new Error(`a row group of ${rows} rows gave ${objects.length}`)
  return objects as Record<string, unknown>[]
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  if (value === undefined) return null
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (value instanceof Uint8Array) {
    try {
      return utf8.decode(value)
    } catch {
      return value
    }
  }
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return Array.from(value as ArrayLike<unknown>, plain)
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
}
