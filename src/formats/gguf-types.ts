/** What GGUF files are made of (ggml docs/gguf.md): value types, tensor types, and the blocks of quantised ones. */
import { HoneError } from '../base/index.ts'
import { dequantiseQ8, quantiseQ8 } from './blocks.ts'
import { elementCount, fromFloat32, toFloat32 } from './dtype.ts'

export const GGUF_MAGIC = 0x46554747
/** Tensor data begin at multiples of this unless the key `general.alignment` says otherwise. */
export const GGUF_ALIGNMENT = 32

/** Value types in the order of their numbers; 9 is 'array'. */
export const GGUF_VALUE_TYPES = [
  'u8',
  'i8',
  'u16',
  'i16',
  'u32',
  'i32',
  'f32',
  'bool',
  'string',
  'array',
  'u64',
  'i64',
  'f64',
] as const

export type GgufScalarType = Exclude<(typeof GGUF_VALUE_TYPES)[number], 'array'>
export type GgufScalar = number | bigint | boolean | string
/** One metadata value. 64-bit integers are numbers where these are exact, else bigint. */
export type GgufValue =
  | { type: GgufScalarType; value: GgufScalar }
  | { type: 'array'; of: GgufScalarType; value: readonly GgufScalar[] }

/** Tensor types: their number, and elements and bytes of a block. */
export const GGUF_TENSOR_TYPES: Record<string, { id: number; elements: number; bytes: number }> = {
  F32: { id: 0, elements: 1, bytes: 4 },
  F16: { id: 1, elements: 1, bytes: 2 },
  Q4_0: { id: 2, elements: 32, bytes: 18 },
  Q4_1: { id: 3, elements: 32, bytes: 20 },
  Q5_0: { id: 6, elements: 32, bytes: 22 },
  Q5_1: { id: 7, elements: 32, bytes: 24 },
  Q8_0: { id: 8, elements: 32, bytes: 34 },
  Q2_K: { id: 10, elements: 256, bytes: 84 },
  Q3_K: { id: 11, elements: 256, bytes: 110 },
  Q4_K: { id: 12, elements: 256, bytes: 144 },
  Q5_K: { id: 13, elements: 256, bytes: 176 },
  Q6_K: { id: 14, elements: 256, bytes: 210 },
  IQ2_XXS: { id: 16, elements: 256, bytes: 66 },
  IQ2_XS: { id: 17, elements: 256, bytes: 74 },
  IQ3_XXS: { id: 18, elements: 256, bytes: 98 },
  IQ1_S: { id: 19, elements: 256, bytes: 50 },
  IQ4_NL: { id: 20, elements: 32, bytes: 18 },
  IQ3_S: { id: 21, elements: 256, bytes: 110 },
  IQ2_S: { id: 22, elements: 256, bytes: 82 },
  IQ4_XS: { id: 23, elements: 256, bytes: 136 },
  I8: { id: 24, elements: 1, bytes: 1 },
  I16: { id: 25, elements: 1, bytes: 2 },
  I32: { id: 26, elements: 1, bytes: 4 },
  I64: { id: 27, elements: 1, bytes: 8 },
  F64: { id: 28, elements: 1, bytes: 8 },
  IQ1_M: { id: 29, elements: 256, bytes: 56 },
  BF16: { id: 30, elements: 1, bytes: 2 },
}

/** The tensor types that we encode and decode. */
export type GgufFloatType = 'F32' | 'F16' | 'BF16' | 'Q8_0'

/**
 * Bytes of a tensor of this type and (row-major) shape. Throws `E_SHAPE` when rows do not divide into whole blocks: a
 * block never spans two rows.
 */
export function ggufBytes(type: string, shape: readonly number[]): number {
  const { elements, bytes } = GGUF_TENSOR_TYPES[type]
  const count = elementCount(shape)
  if ((shape.at(-1) ?? 1) % elements !== 0)
    throw new HoneError('E_SHAPE', `${type} needs rows that are a multiple of ${elements} long, got [${shape}]`)
  const total = (count / elements) * bytes
  if (!Number.isSafeInteger(total)) throw new HoneError('E_SHAPE', `${type} [${shape}] takes more than 2^53 bytes`)
  return total
}

/** f32 → stored bytes of the type, as llama.cpp's reference quantisation gives them. */
export function encodeGguf(type: GgufFloatType, values: Float32Array): Uint8Array {
  return type === 'Q8_0' ? quantiseQ8(values) : fromFloat32(values, type)
}

/** Stored bytes → f32: exact for F32, F16 and BF16; scale × integer for Q8_0. */
export function decodeGguf(type: GgufFloatType, bytes: Uint8Array): Float32Array<ArrayBuffer> {
  return type === 'Q8_0' ? dequantiseQ8(bytes) : toFloat32(bytes, type)
}
