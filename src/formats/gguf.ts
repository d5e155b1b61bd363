/** Reader of GGUF versions 2 and 3 (ggml docs/gguf.md): metadata, tensor infos, and tensors as f32. */
import { HoneError, platform } from '../base/index.ts'
import {
  decodeGguf,
  GGUF_ALIGNMENT,
  GGUF_MAGIC,
  GGUF_TENSOR_TYPES,
  GGUF_VALUE_TYPES,
  type GgufFloatType,
  type GgufScalar,
  type GgufScalarType,
  type GgufValue,
  ggufBytes,
} from './gguf-types.ts'

export interface GgufTensor {
  name: string
  /** Row-major, outermost dimension first: the reverse of the order on disk. */
  shape: number[]
  /** A key of the GGML types: 'F32', 'Q8_0', 'Q4_K', … */
  type: string
  /** Where its bytes begin, counted from the start of the file. */
  offset: number
  bytes: number
  file: string
}

export interface GgufFile {
  path: string
  version: number
  metadata: Map<string, GgufValue>
  tensors: Map<string, GgufTensor>
}

/** Metadata and tensor infos above this size are refused; vocabularies of 256 000 tokens with merges take about 10 MB. */
const MAX_HEAD_BYTES = 64 << 20
const FIRST_READ = 1 << 20
const MAX_DIMENSIONS = 4

/**
 * Reads and checks all that precedes the tensors' data. Throws `E_NOT_FOUND`, `E_TOO_LARGE`, `E_UNSUPPORTED` (another
 * version, an unknown tensor type) or `E_CORRUPT`, naming the key or tensor.
 */
export async function openGguf(path: string): Promise<GgufFile> {
  const reader = await platform().open(path)
  try {
    for (let wanted = FIRST_READ; ; wanted *= 4) {
      const bytes = await reader.read(0, Math.min(wanted, MAX_HEAD_BYTES))
      const head = parseHead(path, bytes, reader.size)
      if (head) return head
      if (wanted >= MAX_HEAD_BYTES)
        throw new HoneError('E_TOO_LARGE', `${path}: metadata of more than ${MAX_HEAD_BYTES} bytes`)
    }
  } finally {
    await reader.close()
  }
}

/** A tensor's values as f32, row-major. Throws `E_UNSUPPORTED` for types other than F32, F16, BF16 and Q8_0. */
export async function readGgufTensor(tensor: GgufTensor): Promise<Float32Array<ArrayBuffer>> {
  const { name, type, file, offset, bytes } = tensor
  if (!['F32', 'F16', 'BF16', 'Q8_0'].includes(type))
    throw new HoneError('E_UNSUPPORTED', `tensor '${name}' of ${file} is ${type}, expected F32, F16, BF16 or Q8_0`)
  const reader = await platform().open(file)
  try {
    const stored = await reader.read(offset, bytes)
    if (stored.length < bytes)
      throw new HoneError('E_CORRUPT', `${file}: tensor '${name}' ends after ${stored.length} of ${bytes} bytes`)
    return decodeGguf(type as GgufFloatType, stored)
  } finally {
    await reader.close()
  }
}

/** Thrown by the cursor when the bytes read so far end, but the file goes on. */
const MORE = Symbol('more')

/** Null when `bytes`, the beginning of the file, are too few to hold the head. */
function parseHead(path: string, bytes: Uint8Array, size: number): GgufFile | null {
  try {
    return parse(path, cursor(path, bytes, size), size)
  } catch (error) {
    if (error === MORE) return null
    throw error
  }
}

function parse(path: string, at: Cursor, size: number): GgufFile {
  const corrupt = (what: string) => new HoneError('E_CORRUPT', `${path}: ${what}`)
  if (size < 24 || at.u32() !== GGUF_MAGIC) throw corrupt('not a GGUF file: it does not begin with "GGUF"')
  const version = at.u32()
  if (version !== 2 && version !== 3)
    throw new HoneError(
      'E_UNSUPPORTED',
      `${path}: GGUF version ${version}${version & 0xffff ? '' : ' (big-endian)'}, expected 2 or 3, little-endian`,
    )
  const tensorCount = at.count('tensors', 24)
  const keyCount = at.count('metadata keys', 13)
  const metadata = new Map<string, GgufValue>()
  for (let i = 0; i < keyCount; i++) {
    const key = at.string(`metadata key ${i}`)
    if (metadata.has(key)) throw corrupt(`the metadata key '${key}' stands twice`)
    metadata.set(key, at.value(key))
  }
  const infos = Array.from({ length: tensorCount }, (_, i) => readInfo(path, at, i))
  const alignment = readAlignment(path, metadata)
  const dataStart = Math.ceil(at.offset() / alignment) * alignment
  const tensors = new Map<string, GgufTensor>()
  for (const info of infos) {
    if (tensors.has(info.name)) throw corrupt(`the tensor '${info.name}' is described twice`)
    if (info.offset % alignment !== 0)
      throw corrupt(`tensor '${info.name}' begins at ${info.offset}, expected a multiple of ${alignment}`)
    if (info.offset + info.bytes > size - dataStart)
      throw corrupt(
        `tensor '${info.name}' ends ${dataStart + info.offset + info.bytes - size} bytes after the file does`,
      )
    tensors.set(info.name, { ...info, offset: dataStart + info.offset })
  }
  const placed = [...tensors.values()].sort((a, b) => a.offset - b.offset || a.bytes - b.bytes)
  for (let i = 1; i < placed.length; i++) {
    if (placed[i].offset < placed[i - 1].offset + placed[i - 1].bytes)
      throw corrupt(`the tensors '${placed[i - 1].name}' and '${placed[i].name}' overlap`)
  }
  return { path, version, metadata, tensors }
}

function readAlignment(path: string, metadata: Map<string, GgufValue>): number {
  const given = metadata.get('general.alignment')
  if (!given) return GGUF_ALIGNMENT
  const value = given.value
  if (typeof value !== 'number' || value < 1 || value > 1 << 20 || (value & (value - 1)) !== 0)
    throw new HoneError(
      'E_CORRUPT',
      `${path}: general.alignment is ${String(value).slice(0, 40)}, expected a power of two`,
    )
  return value
}

function readInfo(path: string, at: Cursor, index: number): GgufTensor {
  const name = at.string(`the name of tensor ${index}`)
  const dimensions = at.u32()
  if (dimensions > MAX_DIMENSIONS)
    throw new HoneError(
      'E_CORRUPT',
      `${path}: tensor '${name}' has ${dimensions} dimensions, expected at most ${MAX_DIMENSIONS}`,
    )
  const shape = Array.from({ length: dimensions }, () => at.u64()).reverse()
  const id = at.u32()
  const type = Object.keys(GGUF_TENSOR_TYPES).find((key) => GGUF_TENSOR_TYPES[key].id === id)
  if (!type) throw new HoneError('E_UNSUPPORTED', `${path}: tensor '${name}' has the unknown type ${id}`)
  const offset = at.u64()
  try {
    return { name, shape, type, offset, bytes: ggufBytes(type, shape), file: path }
  } catch (cause) {
    throw new HoneError('E_CORRUPT', `${path}: tensor '${name}': ${(cause as Error).message}`, { cause })
  }
}

type Cursor = ReturnType<typeof cursor>

/** Reads little-endian values one after another; nothing is allocated for a length that the file cannot hold. */
function cursor(path: string, bytes: Uint8Array, size: number) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true })
  let at = 0
  const corrupt = (what: string) => new HoneError('E_CORRUPT', `${path}: ${what}`)
  const take = (length: number, what: string) => {
    if (at + length > size) throw corrupt(`${what} needs ${length} bytes at ${at}, but the file has only ${size}`)
    if (at + length > bytes.length) throw MORE
    at += length
    return at - length
  }
  const exact = (value: bigint): number | bigint =>
    BigInt(Number(value)) === value && Number.isSafeInteger(Number(value)) ? Number(value) : value
  const u32 = () => view.getUint32(take(4, 'a number'), true)
  const u64 = () => {
    const value = view.getBigUint64(take(8, 'a number'), true)
    // Whatever a count or an offset above 2^53 means, it is beyond the end of the file.
    return Number(value)
  }
  /** A number of things that take at least `least` bytes each. */
  const count = (what: string, least: number) => {
    const value = u64()
    if (value * least > size - at) throw corrupt(`it claims ${value} ${what}, more than its ${size} bytes can hold`)
    return value
  }
  const string = (what: string) => {
    const length = u64()
    const start = take(length, what)
    // Byte-level vocabularies hold pieces that are no UTF-8: these are replaced, as every other reader does.
    return decoder.decode(bytes.subarray(start, start + length))
  }
  const scalars: Record<GgufScalarType, { least: number; read: (key: string) => GgufScalar }> = {
    u8: { least: 1, read: (key) => view.getUint8(take(1, key)) },
    i8: { least: 1, read: (key) => view.getInt8(take(1, key)) },
    u16: { least: 2, read: (key) => view.getUint16(take(2, key), true) },
    i16: { least: 2, read: (key) => view.getInt16(take(2, key), true) },
    u32: { least: 4, read: (key) => view.getUint32(take(4, key), true) },
    i32: { least: 4, read: (key) => view.getInt32(take(4, key), true) },
    f32: { least: 4, read: (key) => view.getFloat32(take(4, key), true) },
    f64: { least: 8, read: (key) => view.getFloat64(take(8, key), true) },
    u64: { least: 8, read: (key) => exact(view.getBigUint64(take(8, key), true)) },
    i64: { least: 8, read: (key) => exact(view.getBigInt64(take(8, key), true)) },
    string: { least: 8, read: (key) => string(`the value of '${key}'`) },
    bool: {
      least: 1,
      read: (key) => {
        const byte = view.getUint8(take(1, key))
        if (byte > 1) throw corrupt(`the metadata key '${key}' holds the byte ${byte}, expected a bool`)
        return byte === 1
      },
    },
  }
  const value = (key: string): GgufValue => {
    const type = typeName(key)
    if (type !== 'array') return { type, value: scalars[type].read(key) }
    const of = typeName(key)
    if (of === 'array') throw new HoneError('E_UNSUPPORTED', `${path}: the metadata key '${key}' holds nested arrays`)
    const { least, read } = scalars[of]
    const length = count(`items of '${key}'`, least)
    // The whole array must be here before it is begun: a retry with more bytes starts from the beginning.
    if (at + length * least > bytes.length) throw MORE
    return { type, of, value: Array.from({ length }, () => read(key)) }
  }
  const typeName = (key: string) => {
    const id = u32()
    const name = GGUF_VALUE_TYPES[id]
    if (!name) throw corrupt(`the metadata key '${key}' has the unknown value type ${id}`)
    return name
  }
  return { u32, u64, count, string, value, offset: () => at }
}
