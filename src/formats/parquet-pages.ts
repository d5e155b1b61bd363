/** The pages of a Parquet column, checked before they are decoded: headers first, then, unpacked, the counts inside. */
import { deltaBinaryUnpack } from 'hyparquet/src/delta.js'
import { readThrift, type ThriftStruct } from './thrift.ts'

/** Bounds of what one row group may take in memory: honest files have row groups of about 10⁶ rows or 10⁸ bytes. */
const MAX_GROUP_VALUES = 1 << 26
const MAX_GROUP_BYTES = 1 << 30

/** What is known of a column chunk while its pages are checked. */
export interface Column {
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

export interface Page {
  values: number
  encoding: number
  kind: 'v1' | 'v2' | 'dictionary'
}

const number = (struct: ThriftStruct | undefined, field: number): number => {
  const value = struct?.get(field)
  return typeof value === 'number' ? value : 0
}

/** The pages that will be decompressed, in order; those stored as they are have been checked. */
export function walkPages(column: Column, spent: { values: number; bytes: number }): Page[] {
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
export function checkPage(page: Uint8Array, { values, encoding, kind }: Page, column: Column): void {
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
