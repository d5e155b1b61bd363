import { measureCeilings, openBackend } from 'hone-lm/tensor'

/** What the machine can do at most: GFLOP/s in each precision, and GB/s read. */
export interface Peak {
  f32: number
  bf16: number
  read: number
}

/** Measures two threads. */
export async function measurePeak(): Promise<Peak> {
  const backend = await openBackend({ threads: 2 })
  const { f32, bf16, read } = await measureCeilings(backend)
  backend.close()
  return { f32: f32 / 1e9, bf16: bf16 / 1e9, read: read / 1e9 }
}

/** The higher of two measurements, each for itself: other work on the machine only ever lowers them. */
export function highestPeak(a: Peak, b: Peak): Peak {
  return { f32: Math.max(a.f32, b.f32), bf16: Math.max(a.bf16, b.bf16), read: Math.max(a.read, b.read) }
}
