/**
 * Bytes of the floating-point storage types ↔ Float32Array. All formats of this room are little-endian, as is every
 * machine that runs JavaScript engines today, so typed arrays may be laid over file bytes.
 */
import { HoneError } from '../base/index.ts'

/** Bits of one element of each dtype that safetensors knows; sub-byte types are packed. */
export const DTYPE_BITS = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const

export type Dtype = keyof typeof DTYPE_BITS
/** The dtypes that convert to and from f32. */
export type FloatDtype = 'F32' | 'F16' | 'BF16' | 'F64'

export function isDtype(name: unknown): name is Dtype {
  return typeof name === 'string' && Object.hasOwn(DTYPE_BITS, name)
}

export function isFloatDtype(name: string): name is FloatDtype {
  return name === 'F32' || name === 'F16' || name === 'BF16' || name === 'F64'
}

/**
 * Number of elements of a shape; a shape of no dimensions holds one.
 * Throws `E_SHAPE` where a dimension is no whole number ≥ 0 or the product leaves the exact integers.
 */
export function elementCount(shape: readonly number[]): number {
  let count = 1
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0)
      throw new HoneError('E_SHAPE', `dimension ${size}, expected a whole number ≥ 0`)
    count *= size
    if (!Number.isSafeInteger(count)) throw new HoneError('E_SHAPE', `a tensor of more than 2^53 elements`)
  }
  return count
}

/** Bytes that a tensor of this dtype and shape takes. Throws `E_SHAPE` where it is no whole, exact number. */
export function tensorBytes(dtype: Dtype, shape: readonly number[]): number {
  const bytes = (elementCount(shape) * DTYPE_BITS[dtype]) / 8
  if (!Number.isSafeInteger(bytes))
    throw new HoneError('E_SHAPE', `${dtype} [${shape}] does not fill a whole, countable number of bytes`)
  return bytes
}

/** A typed array may only start at a multiple of its element size: where the bytes do not, they are copied. */
function aligned(bytes: Uint8Array, size: number): { buffer: ArrayBuffer; byteOffset: number; length: number } {
  if (bytes.byteLength % size !== 0)
    throw new HoneError('E_SHAPE', `${bytes.byteLength} bytes are no multiple of the ${size} bytes of an element`)
  const source = bytes.byteOffset % size === 0 ? bytes : bytes.slice()
  return { buffer: source.buffer as ArrayBuffer, byteOffset: source.byteOffset, length: source.byteLength / size }
}

const widen: Record<FloatDtype, (bytes: Uint8Array) => Float32Array<ArrayBuffer>> = {
  F32(bytes) {
    const { buffer, byteOffset, length } = aligned(bytes, 4)
    return new Float32Array(buffer, byteOffset, length)
  },
  F64(bytes) {
    const { buffer, byteOffset, length } = aligned(bytes, 8)
    return new Float32Array(new Float64Array(buffer, byteOffset, length))
  },
  F16(bytes) {
    const { buffer, byteOffset, length } = aligned(bytes, 2)
    return new Float32Array(new Float16Array(buffer, byteOffset, length))
  },
  BF16(bytes) {
    const { buffer, byteOffset, length } = aligned(bytes, 2)
    const halves = new Uint16Array(buffer, byteOffset, length)
    const words = new Uint32Array(length)
    for (let i = 0; i < length; i++) words[i] = halves[i] << 16
    return new Float32Array(words.buffer)
  },
}

const narrow: Record<FloatDtype, (values: Float32Array) => Uint8Array<ArrayBuffer>> = {
  F32: (values) => new Uint8Array(values.buffer as ArrayBuffer, values.byteOffset, values.byteLength),
  F64: (values) => new Uint8Array(new Float64Array(values).buffer),
  F16: (values) => new Uint8Array(new Float16Array(values).buffer),
  BF16(values) {
    const words = new Uint32Array(values.buffer, values.byteOffset, values.length)
    const halves = new Uint16Array(words.length)
    for (let i = 0; i < words.length; i++) {
      const word = words[i]
      // Rounding a NaN could carry into infinity or drop its only set bit: it is cut and kept quiet instead.
      const notANumber = (word & 0x7fffffff) > 0x7f800000
      halves[i] = notANumber ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16
    }
    return new Uint8Array(halves.buffer)
  },
}

/**
 * Stored bytes as f32: exact for F32, F16 and BF16, rounded to nearest for F64. F32 bytes are looked at in place, not
 * copied, where they are aligned. Throws `E_DTYPE` for a dtype that holds no floating-point numbers, `E_SHAPE` for a
 * number of bytes that does not fit.
 */
export function toFloat32(bytes: Uint8Array, dtype: string): Float32Array<ArrayBuffer> {
  if (!isFloatDtype(dtype)) throw new HoneError('E_DTYPE', `${dtype} cannot be read as f32, expected ${floatNames}`)
  return widen[dtype](bytes)
}

/** f32 values as stored bytes, rounded to nearest, ties to even; NaN stays NaN. F32 is a view, not a copy. */
export function fromFloat32(values: Float32Array, dtype: string): Uint8Array<ArrayBuffer> {
  if (!isFloatDtype(dtype)) throw new HoneError('E_DTYPE', `f32 cannot be stored as ${dtype}, expected ${floatNames}`)
  return narrow[dtype](values)
}

const floatNames = Object.keys(widen).join(', ')
