/**
 * What is checked about a Parquet file before the decoder sees it. The decoder believes the counts it reads: a run
 * length of two billion in a file of a hundred bytes would make it fill memory. So the footer, the page headers and, page
 * by page after decompression, the run lengths are held against the file first.
 */
import type { Compressors, FileMetaData, RowGroup } from 'hyparquet'
import { compressors, decompressZstd } from 'hyparquet-compressors'
import { type Column, checkPage, walkPages } from './parquet-pages.ts'
import { readThrift } from './thrift.ts'

const MAX_FOOTER_BYTES = 64 << 20
const MAX_SCHEMA_ELEMENTS = 10_000
const MAX_LEVELS = 16

export type ReadRange = (offset: number, length: number) => Promise<Uint8Array>

/** Throws a plain `Error` when the footer is not there or not sound in itself. */
export async function checkFooter(size: number, read: ReadRange): Promise<void> {
  if (size < 12) throw new Error(`${size} bytes are too few`)
  const tail = await read(size - 8, 8)
  const length = new DataView(tail.buffer, tail.byteOffset, 8).getUint32(0, true)
  if (new TextDecoder().decode(tail.subarray(4)) !== 'PAR1')
    throw new Error('it does not end with "PAR1": it is truncated')
  if (length > Math.min(size - 12, MAX_FOOTER_BYTES)) throw new Error(`its footer claims ${length} of ${size} bytes`)
  readThrift(await read(size - 8 - length, length), 0)
}

/** What the decoder is given for a row group: its metadata, with a checking decompressor of its own for every column. */
export interface GuardedGroup {
  group: RowGroup
  compressors: Compressors
}

/**
 * Walks the page headers of a row group and returns it with decompressors that check each page's run lengths.
 * Throws a plain `Error` naming the column.
 */
export async function guardGroup(
  metadata: FileMetaData,
  group: RowGroup,
  size: number,
  read: ReadRange,
): Promise<GuardedGroup> {
  const leaves = leavesOf(metadata)
  if (leaves.length === 0 || leaves.length !== group.columns.length)
    throw new Error(`a row group of ${group.columns.length} columns, the schema has ${leaves.length}`)
  const checked: Compressors = {}
  const columns: RowGroup['columns'] = []
  const spent = { values: 0, bytes: 0 }
  for (const [index, chunk] of group.columns.entries()) {
    const meta = chunk.meta_data
    if (!meta) throw new Error('a column without its metadata')
    const { path, levels } = leaves[index]
    // The decoder would leave a column that it does not find unattended, and its failure would end the process.
    if (path.join('\0') !== meta.path_in_schema.join('\0'))
      throw new Error(`column ${meta.path_in_schema.join('.')} where the schema has ${path.join('.')}`)
    const column = await openColumn(levels, group, chunk, size, read)
    const pages = walkPages(column, spent)
    const codec = `${meta.codec} of column ${index}` as typeof meta.codec
    const unpack = decompressor(meta.codec) ?? column.fail(`unknown compression ${meta.codec}`)
    let next = 0
    checked[codec] = (input: Uint8Array, outputLength: number) => {
      const page = pages[next++] ?? column.fail('more pages than headers')
      const output = unpack(input, outputLength)
      if (output.length !== outputLength)
        column.fail(`a page of ${output.length} bytes, its header says ${outputLength}`)
      checkPage(output, page, column)
      return output
    }
    columns.push({ ...chunk, meta_data: { ...meta, codec } })
  }
  return { group: { ...group, columns }, compressors: checked }
}

async function openColumn(
  levels: string[],
  group: RowGroup,
  chunk: RowGroup['columns'][number],
  size: number,
  read: ReadRange,
): Promise<Column> {
  const meta = chunk.meta_data!
  const fail = (what: string): never => {
    throw new Error(`column ${meta.path_in_schema.join('.')}: ${what}`)
  }
  if (chunk.file_path) fail('its data stand in another file')
  const start = Number(meta.dictionary_page_offset || meta.data_page_offset)
  const length = Number(meta.total_compressed_size)
  if (!(start >= 4 && length >= 0 && start + length <= size)) fail(`bytes ${start}..${start + length} of ${size}`)
  return {
    bytes: await read(start, length),
    rows: Number(group.num_rows),
    flat: levels.length === 1,
    isBoolean: meta.type === 'BOOLEAN',
    repetition: levels.filter((type) => type === 'REPEATED').length,
    definition: levels.filter((type) => type !== 'REQUIRED').length,
    fail,
  }
}

function decompressor(codec: string): ((input: Uint8Array, length: number) => Uint8Array) | undefined {
  if (codec === 'UNCOMPRESSED') return (input) => input
  // Given its room, it does not believe the size that the frame claims.
  if (codec === 'ZSTD') return (input, length) => decompressZstd(input, new Uint8Array(length))
  return compressors[codec as keyof Compressors]
}

interface Leaf {
  path: string[]
  /** Repetition types on the way to it, outermost first. */
  levels: string[]
}

/** The schema's columns in their order: a depth-first walk, as it is stored. */
function leavesOf({ schema }: FileMetaData): Leaf[] {
  if (schema.length > MAX_SCHEMA_ELEMENTS) throw new Error(`a schema of ${schema.length} elements`)
  const leaves: Leaf[] = []
  let next = 1
  const visit = (children: number, path: string[], levels: string[]) => {
    if (path.length > MAX_LEVELS) throw new Error(`columns nested more than ${MAX_LEVELS} levels deep`)
    const names = new Set<string>()
    for (let i = 0; i < children; i++) {
      const element = schema[next++]
      if (!element) throw new Error('a schema that ends too early')
      if (names.has(element.name)) throw new Error(`two columns named ${element.name}`)
      names.add(element.name)
      const inner = { path: [...path, element.name], levels: [...levels, element.repetition_type ?? 'REQUIRED'] }
      if (element.num_children) visit(element.num_children, inner.path, inner.levels)
      else leaves.push(inner)
    }
  }
  visit(schema[0]?.num_children ?? 0, [], [])
  if (next !== schema.length) throw new Error('a schema with elements left over')
  return leaves
}
