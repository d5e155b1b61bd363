const scratch = new DataView(new ArrayBuffer(4))

/** 16-bit patterns to numbers. */
export function widen(patterns: Uint16Array, dtype: 'bf16' | 'f16'): Float64Array {
  if (dtype === 'f16') return Float64Array.from(new Float16Array(patterns.buffer, patterns.byteOffset, patterns.length))
  return Float64Array.from(patterns, (bits) => {
    scratch.setUint32(0, bits << 16)
    return scratch.getFloat32(0)
  })
}

/** The nearest bf16 of a number (ties to even), as a number. */
export function toBf16(value: number): number {
  scratch.setFloat32(0, value)
  const bits = scratch.getUint32(0)
  if ((bits & 0x7fffffff) > 0x7f800000) return Number.NaN
  scratch.setUint32(0, ((bits + 0x7fff + ((bits >>> 16) & 1)) & 0xffff0000) >>> 0)
  return scratch.getFloat32(0)
}

/** Rounds every value in place to what the storage type can hold. */
export function narrow(values: Float64Array, dtype: 'bf16' | 'f16'): void {
  for (let i = 0; i < values.length; i++) values[i] = dtype === 'bf16' ? toBf16(values[i]) : Math.f16round(values[i])
}
