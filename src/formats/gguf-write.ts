/**
 * Writer of GGUF version 3 (ggml docs/gguf.md): header, metadata, tensor infos, then the tensors' data, each padded to
 * the alignment. Tensors are asked for their values one at a time, so memory holds one of them.
 */
import { HoneError, platform } from '../base/index.ts'
import { elementCount } from './dtype.ts'
import {
  encodeGguf,
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

export interface GgufTensorToWrite {
  name: string
  /** Row-major, outermost dimension first, as in PyTorch. On disk GGML's order is the reverse: innermost first. */
  shape: readonly number[]
  type: GgufFloatType
  /** Called once, when its turn has come; row-major values. */
  data: () => Float32Array | Promise<Float32Array>
}

export interface GgufContent {
  metadata: Readonly<Record<string, GgufValue>>
  tensors: readonly GgufTensorToWrite[]
}

/** GGML's limits: bytes of a tensor name without its closing zero, and dimensions of a tensor. */
const MAX_NAME = 63
const MAX_DIMENSIONS = 4

/**
 * Writes one file, all of it or nothing. Throws `E_SHAPE`, `E_DUPLICATE` or `E_VALUE` naming the tensor or key.
 * `general.alignment` is ours to decide and refused as a key.
 */
export async function writeGguf(path: string, { metadata, tensors }: GgufContent): Promise<void> {
  await platform().writeAtomic(path, chunks(tensors, header(metadata, tensors)))
}

const align = (bytes: number) => Math.ceil(bytes / GGUF_ALIGNMENT) * GGUF_ALIGNMENT

function header(metadata: GgufContent['metadata'], tensors: GgufContent['tensors']): Uint8Array {
  const out = byteWriter()
  out.u32(GGUF_MAGIC)
  out.u32(3)
  out.u64(tensors.length)
  out.u64(Object.keys(metadata).length)
  for (const [key, value] of Object.entries(metadata)) writeEntry(out, key, value)
  const names = new Set<string>()
  let offset = 0
  for (const { name, shape, type } of tensors) {
    checkTensor(name, shape, names)
    const bytes = named(name, () => ggufBytes(type, shape))
    out.string(name)
    out.u32(shape.length)
    for (const size of shape.toReversed()) out.u64(size)
    out.u32(GGUF_TENSOR_TYPES[type].id)
    out.u64(offset)
    offset += align(bytes)
  }
  out.pad(align(out.length()))
  return out.bytes()
}

function named<T>(name: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof HoneError)) throw error
    throw new HoneError(error.code, `tensor '${name}': ${error.message}`, { help: error.help, cause: error })
  }
}

function checkTensor(name: string, shape: readonly number[], names: Set<string>): void {
  if (names.has(name)) throw new HoneError('E_DUPLICATE', `the tensor name '${name}' is already taken`)
  names.add(name)
  if (new TextEncoder().encode(name).length > MAX_NAME)
    throw new HoneError('E_VALUE', `the tensor name '${name}' is longer than the ${MAX_NAME} bytes that GGML allows`)
  if (shape.length < 1 || shape.length > MAX_DIMENSIONS)
    throw new HoneError('E_SHAPE', `tensor '${name}' has shape [${shape}], expected 1 to ${MAX_DIMENSIONS} dimensions`)
}

async function* chunks(tensors: readonly GgufTensorToWrite[], head: Uint8Array): AsyncGenerator<Uint8Array> {
  yield head
  for (const { name, shape, type, data } of tensors) {
    const values = await data()
    if (values.length !== elementCount(shape))
      throw new HoneError('E_SHAPE', `tensor '${name}' gave ${values.length} values for the shape [${shape}]`)
    const bytes = named(name, () => encodeGguf(type, values))
    yield bytes
    if (align(bytes.length) > bytes.length) yield new Uint8Array(align(bytes.length) - bytes.length)
  }
}

type Writer = ReturnType<typeof byteWriter>

function writeEntry(out: Writer, key: string, entry: GgufValue): void {
  if (key === 'general.alignment') throw new HoneError('E_VALUE', `the key ${key} is set by the writer`)
  out.string(key)
  out.u32(GGUF_VALUE_TYPES.indexOf(entry.type))
  if (entry.type !== 'array') {
    writeScalar(out, key, entry.type, entry.value)
    return
  }
  out.u32(GGUF_VALUE_TYPES.indexOf(entry.of))
  out.u64(entry.value.length)
  for (const item of entry.value) writeScalar(out, key, entry.of, item)
}

const INTEGER_BITS: Partial<Record<GgufScalarType, number>> = {
  u8: 8,
  i8: 8,
  u16: 16,
  i16: 16,
  u32: 32,
  i32: 32,
  u64: 64,
  i64: 64,
}

function writeScalar(out: Writer, key: string, type: GgufScalarType, value: GgufScalar): void {
  const bad = () => new HoneError('E_VALUE', `the metadata key '${key}' has ${typeof value} ${value}, expected ${type}`)
  if (type === 'string') {
    if (typeof value !== 'string') throw bad()
    out.string(value)
  } else if (type === 'bool') {
    if (typeof value !== 'boolean') throw bad()
    out.integer(value ? 1n : 0n, 8)
  } else if (type === 'f32' || type === 'f64') {
    if (typeof value !== 'number') throw bad()
    out.float(value, type === 'f32' ? 4 : 8)
  } else {
    const bits = INTEGER_BITS[type]!
    if (typeof value !== 'bigint' && !Number.isSafeInteger(value)) throw bad()
    const whole = BigInt(value)
    const wrapped = type.startsWith('u') ? BigInt.asUintN(bits, whole) : BigInt.asIntN(bits, whole)
    if (wrapped !== whole) throw bad()
    out.integer(whole, bits)
  }
}

/** A growing little-endian buffer. */
function byteWriter() {
  let buffer = new Uint8Array(1 << 12)
  let view = new DataView(buffer.buffer)
  let at = 0
  const room = (bytes: number) => {
    if (at + bytes > buffer.length) {
      const larger = new Uint8Array(Math.max(buffer.length * 2, at + bytes))
      larger.set(buffer)
      buffer = larger
      view = new DataView(buffer.buffer)
    }
    at += bytes
    return at - bytes
  }
  const integer = (value: bigint, bits: number) => {
    const start = room(bits / 8)
    for (let i = 0; i < bits / 8; i++) buffer[start + i] = Number(BigInt.asUintN(8, value >> BigInt(8 * i)))
  }
  return {
    integer,
    u32(value: number) {
      // Room first: it may put a larger view in place.
      const start = room(4)
      view.setUint32(start, value, true)
    },
    u64(value: number) {
      const start = room(8)
      view.setBigUint64(start, BigInt(value), true)
    },
    float(value: number, bytes: 4 | 8) {
      const start = room(bytes)
      if (bytes === 4) view.setFloat32(start, value, true)
      else view.setFloat64(start, value, true)
    },
    string(text: string) {
      const encoded = new TextEncoder().encode(text)
      const start = room(8 + encoded.length)
      view.setBigUint64(start, BigInt(encoded.length), true)
      buffer.set(encoded, start + 8)
    },
    pad: (length: number) => void room(length - at),
    length: () => at,
    bytes: () => buffer.subarray(0, at),
  }
}
