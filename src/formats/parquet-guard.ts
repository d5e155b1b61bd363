/**
 * What is checked about a Parquet file before the decoder sees it. The decoder believes the counts it reads: a run
 * length of two billion in a file of a hundred bytes would make it fill memory. So the footer, the page headers and, page
 * by page after decompression, the run lengths are held against the file first.
 */
import type { Compressors, FileMetaData, RowGroup } from 'hyparquet'
import { deltaBinaryUnpack } from 'hyparquet/src/delta.js'
import { compressors, decompressZstd } from 'hyparquet-compressors'
import { readThrift, type ThriftStruct } from './thrift.ts'

/** Bounds of what one row group may take in memory: honest files have row groups of about 10⁶ rows or 10⁸ bytes. */
const MAX_FOOTER_BYTES = 64 << 20
const MAX_GROUP_VALUES = 1 << 26
const MAX_GROUP_BYTES = 1 << 30
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

/** What is known of a column chunk while its pages are checked. */
interface Column {
  bytes: Uint8Array
  rows: number
  /** At the top of the schema, where the decoder stops at the last row instead of the last byte. */
  flat: boolean
  isBoolean: boolean
  /** Largest repetition and definition level. */
  repetition: number
  definition: number
  fail(what: string): never
}

interface Page {
  values: number
  encoding: number
  kind: 'v1' | 'v2' | 'dictionary'
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

const number = (struct: ThriftStruct | undefined, field: number): number => {
  const value = struct?.get(field)
  return typeof value === 'number' ? value : 0
}

/** The pages that will be decompressed, in order; those stored as they are have been checked. */
function walkPages(column: Column, spent: { values: number; bytes: number }): Page[] {
  const { bytes, rows, flat, repetition, definition, fail } = column
  const pages: Page[] = []
  let seen = 0
  for (let at = 0; at < bytes.length - 1 && (!flat || seen < rows); ) {
    const { value: head, end } = readThrift(bytes, at)
    const [type, unpacked, packed] = [number(head, 1), number(head, 2), number(head, 3)]
    if (packed < 0 || unpacked < 0 || end + packed > bytes.length)
      fail(`a page of ${packed} bytes where ${bytes.length - end} are left`)
    const kind = type === 2 ? 'dictionary' : type === 3 ? 'v2' : 'v1'
    const details = head.get({ v1: 5, dictionary: 7, v2: 8 }[kind]) as ThriftStruct | undefined
    if (!(details instanceof Map)) fail('a page header without its details')
    const values = number(details, 1)
    if (values < 0) fail(`a page of ${values} values`)
    // A value inside lists costs an array on each level.
    spent.values += kind === 'dictionary' || flat ? values : values * (2 + repetition + definition)
    spent.bytes += unpacked
    if (spent.values > MAX_GROUP_VALUES) fail(`more than ${MAX_GROUP_VALUES} values in a row group`)
    if (spent.bytes > MAX_GROUP_BYTES) fail(`a row group that unpacks to more than ${MAX_GROUP_BYTES} bytes`)
    const page: Page = { values, kind, encoding: number(details, kind === 'v2' ? 4 : 2) }
    if (kind !== 'dictionary') seen += values
    if (kind === 'v2') {
      const content = checkLevels(bytes.subarray(end, end + packed), details!, page, column)
      if (details!.get(7) === false) checkPage(content, page, column)
      else pages.push(page)
    } else pages.push(page)
    at = end + packed
  }
  if (seen < rows) fail(`${seen} values for ${rows} rows`)
  return pages
}

/** The levels of a page of version 2 stand uncompressed before its content, which is returned. */
function checkLevels(bytes: Uint8Array, details: ThriftStruct, { values }: Page, column: Column): Uint8Array {
  const [nulls, definitionBytes, repetitionBytes] = [number(details, 2), number(details, 5), number(details, 6)]
  const content = definitionBytes + repetitionBytes
  if (definitionBytes < 0 || repetitionBytes < 0 || content > bytes.length || nulls < 0 || nulls > values)
    column.fail('a page header that contradicts itself')
  if (column.repetition > 0) checkLevelRuns(bytes.subarray(0, repetitionBytes), column.repetition, values, column)
  if (column.definition > 0) checkLevelRuns(bytes.subarray(repetitionBytes, content), column.definition, values, column)
  return bytes.subarray(content)
}

/** Numbers of the encodings whose counts the decoder believes. */
const DICTIONARY = 2
const RLE = 3
const DELTA_BINARY_PACKED = 5
const DELTA_LENGTH_BYTE_ARRAY = 6
const DELTA_BYTE_ARRAY = 7
const RLE_DICTIONARY = 8

/** Checks what a page holds after decompression. */
function checkPage(page: Uint8Array, { values, encoding, kind }: Page, column: Column): void {
  if (kind === 'dictionary') return
  const { repetition, definition, isBoolean, fail } = column
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength)
  let at = 0
  const levels = (max: number) => {
    if (kind !== 'v1' || max === 0) return
    const length = view.getUint32(at, true)
    if (length > page.length - at - 4) fail('levels that are longer than their page')
    checkLevelRuns(page.subarray(at + 4, at + 4 + length), max, values, column)
    at += 4 + length
  }
  levels(repetition)
  levels(definition)
  if (at >= page.length) return
  const indexed = encoding === DICTIONARY || encoding === RLE_DICTIONARY
  if ((encoding === RLE && (isBoolean || kind === 'v2')) || (indexed && isBoolean && kind === 'v1'))
    checkRuns(page.subarray(at + 4), 1, values, column)
  else if (indexed || encoding === RLE) {
    const width = page[at]
    if (width > 32) fail(`dictionary indices of ${width} bits`)
    checkRuns(page.subarray(at + 1), width, values, column)
  } else if (encoding === DELTA_BINARY_PACKED || encoding === DELTA_LENGTH_BYTE_ARRAY) checkDelta(view, at, column)
  else if (encoding === DELTA_BYTE_ARRAY) {
    const reader = { view, offset: at }
    const prefixes = new Int32Array(values)
    checkDelta(view, reader.offset, column)
    deltaBinaryUnpack(reader, values, prefixes)
    checkDelta(view, reader.offset, column)
    const shared = prefixes.reduce((sum, length) => sum + Math.abs(length), 0)
    if (shared > MAX_GROUP_BYTES / 8) fail(`strings that share ${shared} bytes`)
  }
}

const MAX_DELTA_BLOCK = 1 << 20

/** Sizes of blocks that the format forbids would send the decoder backwards, for ever. */
function checkDelta(view: DataView, offset: number, { fail }: Column): void {
  let at = offset
  const varint = () => {
    let value = 0
    for (let shift = 0; shift <= 28; shift += 7) {
      const byte = view.getUint8(at++)
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    return fail('a block size of more than five bytes')
  }
  const block = varint()
  const miniblocks = varint()
  if (
    block === 0 ||
    block % 128 !== 0 ||
    block > MAX_DELTA_BLOCK ||
    miniblocks === 0 ||
    (block / miniblocks) % 32 !== 0
  )
    fail(`delta blocks of ${block} values in ${miniblocks} parts`)
}

/** A writer may close a page with a whole bit-packed run of 63 groups. */
const MAX_PADDING = 63 * 8

/** Every value has its levels: where these are too few, the decoder would take what follows for more of them. */
function checkLevelRuns(bytes: Uint8Array, max: number, values: number, column: Column): void {
  const seen = checkRuns(bytes, 32 - Math.clz32(max), values, column)
  if (seen < values) column.fail(`levels of ${seen} values in a page of ${values}`)
}

/**
 * Adds up the runs of the hybrid of run lengths and bit packing, until these are the page's values: clearly more of them
 * is a lie.
 */
function checkRuns(bytes: Uint8Array, width: number, values: number, { fail }: Column): number {
  let seen = 0
  for (let at = 0; at < bytes.length && seen < values; ) {
    let header = 0
    for (let shift = 0; ; shift += 7) {
      if (at >= bytes.length || shift > 28) fail('a run without its length')
      header += (bytes[at] & 0x7f) * 2 ** shift
      if (bytes[at++] < 0x80) break
    }
    const packed = header % 2 === 1
    const count = Math.floor(header / 2) * (packed ? 8 : 1)
    seen += count
    if (seen > values + MAX_PADDING) fail(`runs of ${seen} values in a page of ${values}`)
    at += packed ? (count / 8) * width : Math.ceil(width / 8)
  }
  return seen
}
