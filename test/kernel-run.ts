import { random } from '../src/base/index.ts'
import { type Backend, type DType, isQuantised, type QuantisedType, type Values } from '../src/tensor/backend.ts'
import type { BufferId, KernelArgs, KernelName } from '../src/tensor/kernels.ts'

/** One call of a kernel with its inputs, for tests that run it on several backends. */
export interface KernelCase {
  kernel: KernelName
  label: string
  buffers: Record<string, CaseBuffer | null>
  numbers: Record<string, number>
  /** Outputs that are compared, with the error allowed, relative to the output's largest magnitude. */
  outputs: Record<string, number>
}
export interface CaseBuffer {
  dtype: DType
  /** Of a quantised buffer the f32 values that it is made of. */
  values: Values
  /** Length of a quantised buffer's rows. */
  width?: number
}

export const f32 = (values: ArrayLike<number>): CaseBuffer => ({ dtype: 'f32', values: Float32Array.from(values) })
export const i32 = (values: ArrayLike<number>): CaseBuffer => ({ dtype: 'i32', values: Int32Array.from(values) })

/** Draws of one case: normal floats, whole numbers, storage types. */
export function draws(seed: number) {
  const source = random(seed, 'kernel cases')
  let count = 0
  const below = (n: number) => source.below(n, count++)
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]
  // Four bytes added are near enough to normal, and a draw gives four words.
  const normals = (n: number, scale = 1) => {
    const values = new Float32Array(n)
    for (let i = 0; i < n; i += 4) {
      const words = source.words(count++)
      for (let j = 0; j < 4 && i + j < n; j++) {
        const word = words[j]
        const bytes = (word & 255) + ((word >>> 8) & 255) + ((word >>> 16) & 255) + (word >>> 24)
        values[i + j] = (scale * (bytes - 510)) / 147.8
      }
    }
    return f32(values)
  }
  return {
    below,
    pick,
    normals,
    positive: (n: number) => f32((normals(n).values as Float32Array).map((x) => 0.1 + Math.abs(x))),
    ids: (n: number, bound: number) => i32(Int32Array.from({ length: n }, () => below(bound))),
    /** A weight in any storage type; quantised too, where `width` is the length of its rows and they may be. */
    weights(n: number, dtype?: DType, scale = 1, width = 0): CaseBuffer {
      const { values } = normals(n, scale)
      const blocks: QuantisedType[] = width > 0 && width % 32 === 0 ? ['q8_0', 'nf4'] : []
      dtype ??= pick(['f32', 'bf16', 'f16', ...blocks, ...blocks])
      if (isQuantised(dtype)) return { dtype, values, width }
      if (dtype === 'f32') return { dtype, values }
      if (dtype === 'f16') return { dtype, values: new Uint16Array(Float16Array.from(values).buffer) }
      const bits = new Uint32Array((values as Float32Array).buffer)
      return { dtype, values: Uint16Array.from(bits, (word) => word >>> 16) }
    },
  }
}

export type Draws = ReturnType<typeof draws>

/** A new buffer with these values. */
export function filled(backend: Backend, { dtype, values, width }: CaseBuffer): BufferId {
  const id = backend.alloc(dtype, values.length, width)
  if (!isQuantised(dtype)) {
    backend.write(id, values)
    return id
  }
  const staged = filled(backend, { dtype: 'f32', values })
  backend.run('copy', { x: staged, y: id, n: values.length, xOffset: 0, yOffset: 0 })
  backend.free(staged)
  return id
}

/** What a buffer holds; of a quantised one as f32. */
export async function contentOf(backend: Backend, id: BufferId, { dtype, values }: CaseBuffer): Promise<Values> {
  const n = values.length
  if (!isQuantised(dtype)) return backend.read(id, 0, n)
  const staged = backend.alloc('f32', n)
  backend.run('copy', { x: id, y: staged, n, xOffset: 0, yOffset: 0 })
  const content = await backend.read(staged, 0, n)
  backend.free(staged)
  return content
}

/** Runs a case and reads its outputs back. */
export async function runCase(backend: Backend, test: KernelCase): Promise<Record<string, Values>> {
  const ids: Record<string, BufferId | null> = {}
  for (const [name, buffer] of Object.entries(test.buffers)) {
    if (buffer === null) {
      ids[name] = null
      continue
    }
    ids[name] = filled(backend, buffer)
  }
  backend.run(test.kernel, { ...ids, ...test.numbers } as unknown as KernelArgs<KernelName>)
  const results: Record<string, Values> = {}
  try {
    for (const name of Object.keys(test.outputs)) {
      results[name] = await contentOf(backend, ids[name] as BufferId, test.buffers[name]!)
    }
  } finally {
    for (const id of Object.values(ids)) if (id !== null) backend.free(id)
  }
  return results
}
