/** Weights in blocks that share a scale: GGML's Q8_0, and NF4 of QLoRA. What a block holds is defined here alone. */
import { HoneError } from '../base/index.ts'

export type BlockType = 'q8_0' | 'nf4'

const Q8_BLOCK = 32
const Q8_BYTES = 34

/**
 * Q8_0: blocks of 32 values, a scale d = max|x| / 127 in f16 and 32 signed bytes round(x / d), halves away from zero.
 * The bytes are computed with the f32 scale before it is rounded to f16, as the reference does. A block with a NaN or an
 * infinity has no scale: throws `E_NOT_FINITE`.
 */
export function quantiseQ8(values: Float32Array): Uint8Array {
  if (values.length % Q8_BLOCK !== 0)
    throw new HoneError('E_SHAPE', `Q8_0 needs a multiple of ${Q8_BLOCK} values, got ${values.length}`)
  const blocks = values.length / Q8_BLOCK
  const out = new Uint8Array(blocks * Q8_BYTES)
  const view = new DataView(out.buffer)
  for (let block = 0; block < blocks; block++) {
    const from = block * Q8_BLOCK
    let largest = 0
    for (let i = from; i < from + Q8_BLOCK; i++) {
      const size = Math.abs(values[i])
      if (!(size < Infinity)) throw new HoneError('E_NOT_FINITE', `value ${i} is ${values[i]}, which Q8_0 cannot hold`)
      if (size > largest) largest = size
    }
    const scale = Math.fround(largest / 127)
    if (scale >= 65520) throw new HoneError('E_NOT_FINITE', `values up to ${largest} need a scale beyond f16`)
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale)
    const at = block * Q8_BYTES
    view.setFloat16(at, scale, true)
    for (let i = 0; i < Q8_BLOCK; i++) {
      const scaled = Math.fround(values[from + i] * inverse)
      view.setInt8(at + 2 + i, Math.sign(scaled) * Math.floor(Math.abs(scaled) + 0.5))
    }
  }
  return out
}

/** Blocks of Q8_0 → f32: scale × integer, which is exact. */
export function dequantiseQ8(bytes: Uint8Array): Float32Array<ArrayBuffer> {
  if (bytes.length % Q8_BYTES !== 0)
    throw new HoneError('E_SHAPE', `${bytes.length} bytes are no multiple of the ${Q8_BYTES} of a Q8_0 block`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const values = new Float32Array((bytes.length / Q8_BYTES) * Q8_BLOCK)
  for (let at = 0, i = 0; at < bytes.length; at += Q8_BYTES) {
    const scale = view.getFloat16(at, true)
    for (let j = 0; j < Q8_BLOCK; j++, i++) values[i] = scale * view.getInt8(at + 2 + j)
  }
  return values
}

const NF4_BLOCK = 64

/**
 * NormalFloat of 4 bits (Dettmers et al. 2023, arXiv:2305.14314, appendix E): quantiles of the normal distribution with
 * −1, 0 and 1 among them, as bitsandbytes' `nf4` has them, in f32.
 */
export const NF4_LEVELS = Float32Array.of(
  ...[-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453],
  ...[-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0],
  ...[0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224],
  ...[0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1],
)

/** Where a level gives way to the next: a value halfway takes the lower one. */
const NF4_BORDERS = NF4_LEVELS.subarray(1).map((level, i) => (NF4_LEVELS[i] + level) / 2)

/**
 * NF4: blocks of 64 values along a row, its last one perhaps shorter, each value the level nearest to x / max|x|. Scales
 * stay f32: QLoRA's second quantisation of them is left out (0.5 bits a weight instead of 0.127).
 */
export function quantiseNf4(values: Float32Array, width: number): { levels: Uint8Array; scales: Float32Array } {
  const blocks = Math.ceil(width / NF4_BLOCK)
  const rows = values.length / width
  const levels = new Uint8Array(values.length)
  const scales = new Float32Array(rows * blocks)
  for (let row = 0; row < rows; row++) {
    for (let block = 0; block < blocks; block++) {
      const from = row * width + block * NF4_BLOCK
      const to = Math.min(from + NF4_BLOCK, (row + 1) * width)
      let largest = 0
      for (let i = from; i < to; i++) {
        const size = Math.abs(values[i])
        if (!(size < Infinity)) throw new HoneError('E_NOT_FINITE', `value ${i} is ${values[i]}, which NF4 cannot hold`)
        if (size > largest) largest = size
      }
      scales[row * blocks + block] = largest
      const inverse = largest === 0 ? 0 : Math.fround(1 / largest)
      for (let i = from; i < to; i++) {
        const scaled = Math.fround(values[i] * inverse)
        levels[i] = NF4_BORDERS.findLastIndex((border) => scaled > border) + 1
      }
    }
  }
  return { levels, scales }
}

/** What blocks hold of values in rows `width` long: level × scale, in f32. Throws `E_NOT_FINITE` as quantising does. */
export function throughBlocks(type: BlockType, values: Float32Array, width: number): Float32Array {
  if (type === 'q8_0') return dequantiseQ8(quantiseQ8(values))
  const { levels, scales } = quantiseNf4(values, width)
  const blocks = Math.ceil(width / NF4_BLOCK)
  return Float32Array.from(levels, (level, i) => {
    const block = Math.floor(i / width) * blocks + Math.floor((i % width) / NF4_BLOCK)
    return NF4_LEVELS[level] * scales[block]
  })
}
