/** Files without random access of their own (compressed, JSON, Parquet) are unpacked once, as one JSON text a line. */
import { HoneError, isAbsolute, joinPath, platform } from '../base/index.ts'
import type { RowRecord } from './record.ts'
import type { RowSource } from './row-format.ts'
import { type RawRow, type ReadRowsOptions, readRows } from './rows.ts'

/** How the rows of a file are found and read. */
export interface Layout {
  /** The file that is indexed: the given one, or its unpacked copy. */
  source: RowSource
  accept(record: RowRecord): boolean
  /** Throws `E_BAD_ROW` where `parse` would. */
  check(record: RowRecord): void
  parse(record: RowRecord): RawRow
}

/** Part of the copies' names: raised when what stands in them changes. */
const VERSION = 1
const BAD = '!'

/** A line of a copy: the row's line in the original, and the row; or, behind a mark, why it is none. */
type CopiedRow = [line: number, value: Record<string, unknown>]
type CopiedFault = [line: number, message: string]

/** Unpacks the file unless a copy of this path, size and time of change is there, and says how the copy is read. */
export async function inCopy(original: RowSource, options: ReadRowsOptions): Promise<Layout> {
  const path = await copyOf(original, options)
  const isBad = ({ bytes }: RowRecord) => bytes[0] === BAD.charCodeAt(0)
  const parse = ({ bytes }: RowRecord): RawRow => {
    const text = new TextDecoder().decode(bytes)
    if (!isBad({ bytes } as RowRecord)) {
      const [line, value] = JSON.parse(text) as CopiedRow
      return { value, file: original.path, line }
    }
    const [line, message] = JSON.parse(text.slice(1)) as CopiedFault
    throw new HoneError('E_BAD_ROW', message, { cause: { line } })
  }
  return {
    source: { path, format: 'jsonl', compression: 'none' },
    accept: () => true,
    check: (record) => void (isBad(record) && parse(record)),
    parse,
  }
}

async function copyOf(original: RowSource, options: ReadRowsOptions): Promise<string> {
  const { path } = original
  const info = await platform().stat(path)
  const place = isAbsolute(path) ? path : joinPath(platform().workingFolder(), path)
  const identity = JSON.stringify([VERSION, place, info?.size, info?.modified, options.field ?? null])
  const folder = joinPath(platform().cacheFolder(), 'rows')
  const copy = joinPath(folder, `${platform().sha256().update(identity).digest()}.jsonl`)
  if (await platform().stat(copy)) return copy
  await platform().makeFolder(folder)
  await platform().writeAtomic(copy, encode(copyLines(path, options)))
  return copy
}

async function* copyLines(path: string, { signal, field, onBadRow }: ReadRowsOptions): AsyncGenerator<string> {
  const faults: { error: HoneError; line: number }[] = []
  let first: HoneError | null = null
  const written = () =>
    faults.splice(0).map(({ error, line }) => `${BAD}${JSON.stringify([line, error.message] satisfies CopiedFault)}\n`)
  const noteBad = (error: HoneError, line: number) => {
    first ??= error
    faults.push({ error, line })
  }
  try {
    for await (const { line, value } of readRows(path, { signal, field, onBadRow: noteBad })) {
      yield* written()
      yield `${JSON.stringify([line, value] satisfies CopiedRow, refuseBytes(path, line))}\n`
    }
    yield* written()
  } catch (error) {
    // Where nobody skips bad rows, a file of nothing else is bad, not empty.
    throw first && !onBadRow && error instanceof HoneError && error.code === 'E_EMPTY' ? first : error
  }
}

const refuseBytes = (path: string, line: number) => (key: string, value: unknown) => {
  if (!(value instanceof Uint8Array)) return value
  throw new HoneError('E_FORMAT', `${path}:${line}: the column '${key}' holds bytes that are no text`)
}

/** Joins lines into pieces worth a write. */
async function* encode(lines: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder()
  let parts: string[] = []
  let size = 0
  for await (const line of lines) {
    parts.push(line)
    size += line.length
    if (size < 1 << 20) continue
    yield encoder.encode(parts.join(''))
    parts = []
    size = 0
  }
  if (parts.length > 0) yield encoder.encode(parts.join(''))
}
