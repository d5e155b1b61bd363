import type { Backend, KernelTime } from './backend.ts'
import type { KernelName } from './kernels.ts'

/** What a call of a kernel must do at the least. */
export interface KernelCost {
  /** Floating-point operations of its products; null for kernels that only pass over memory. */
  flops: number | null
  /** Bytes read and written, each tensor once. */
  bytes: number
  /** The products are in bf16. */
  bf16: boolean
}

type Args = Readonly<Record<string, number | null>>

/** Passes over `size` numbers that a kernel of no products makes at the least. */
const passes: Partial<Record<KernelName, { size: (a: Record<string, number>) => number; count: number }>> = {
  fill: { size: (a) => a['n'], count: 1 },
  copy: { size: (a) => a['n'], count: 2 },
  axpy: { size: (a) => a['n'], count: 3 },
  unary: { size: (a) => a['n'], count: 2 },
  unaryGrad: { size: (a) => a['n'], count: 3 },
  binary: { size: (a) => a['n'], count: 3 },
  gated: { size: (a) => a['n'], count: 3 },
  gatedGrad: { size: (a) => a['n'], count: 5 },
  sumRows: { size: (a) => a['rows'] * a['columns'], count: 1 },
  sumColumns: { size: (a) => a['rows'] * a['columns'], count: 1 },
  sumSquares: { size: (a) => a['n'], count: 1 },
  gatherRows: { size: (a) => a['count'] * a['width'], count: 2 },
  scatterRows: { size: (a) => a['count'] * a['width'], count: 2 },
  scatterAddRows: { size: (a) => a['count'] * a['width'], count: 3 },
  sliceColumns: { size: (a) => a['rows'] * a['count'], count: 2 },
  addColumns: { size: (a) => a['rows'] * a['count'], count: 3 },
  rmsnorm: { size: (a) => a['rows'] * a['width'], count: 2 },
  rmsnormGrad: { size: (a) => a['rows'] * a['width'], count: 3 },
  layernorm: { size: (a) => a['rows'] * a['width'], count: 2 },
  layernormGrad: { size: (a) => a['rows'] * a['width'], count: 3 },
  ropeTable: { size: (a) => a['rows'] * a['half'], count: 2 },
  rope: { size: (a) => a['rows'] * a['heads'] * a['width'], count: 2 },
  dropout: { size: (a) => a['rows'] * a['width'], count: 2 },
  adamw: { size: (a) => a['n'], count: 7 },
  sgd: { size: (a) => a['n'], count: 5 },
  lion: { size: (a) => a['n'], count: 5 },
  sampleTokens: { size: (a) => a['rows'] * a['vocab'], count: 1 },
  topTokens: { size: (a) => a['rows'] * a['vocab'], count: 1 },
  logitsLogprobs: { size: (a) => a['rows'] * a['vocab'], count: 1 },
}

/** The cost of one call. `pairs`: how many keys the queries of an attention see in all, which its numbers do not tell. */
export function kernelCost(kernel: KernelName, given: Args, pairs = 0): KernelCost {
  const a = given as Record<string, number>
  const bf16 = a['precision'] === 1
  const head = a['rows'] * a['width'] * a['vocab']
  switch (kernel) {
    case 'matmul': {
      const { m, n, k } = a
      // A weight is read as it was packed, once an update.
      const weightBytes = a['weight'] && bf16 ? 2 : 4
      return { flops: 2 * m * n * k, bytes: weightBytes * n * k + 4 * (m * k + (1 + a['accumulate']) * m * n), bf16 }
    }
    case 'attention':
      return { flops: 4 * pairs * a['heads'] * a['width'], bytes: 0, bf16 }
    case 'attentionGrad':
      return { flops: 10 * pairs * a['heads'] * a['width'], bytes: 0, bf16 }
    case 'logits':
    case 'logprobs':
      return { flops: 2 * head, bytes: 4 * (a['vocab'] + a['rows']) * a['width'], bf16 }
    case 'logprobsWithGrad':
      return { flops: (given['dw'] ? 6 : 4) * head, bytes: 16 * (a['vocab'] + a['rows']) * a['width'], bf16 }
    case 'logprobsGrad':
      return { flops: (given['dw'] ? 6 : 4) * head, bytes: 12 * (a['vocab'] + a['rows']) * a['width'], bf16 }
    default: {
      const pass = passes[kernel]
      return { flops: null, bytes: pass ? 4 * pass.count * pass.size(a) : 0, bf16: false }
    }
  }
}

/** What the machine can do at most, per second, with the threads of a backend. */
export interface Ceilings {
  /** Floating-point operations in f32, and with bf16 factors. */
  f32: number
  bf16: number
  /** Bytes read from memory. */
  read: number
}

/** Measures the ceilings with loops that do nothing else: medians of `rounds`. Takes about a second. */
export async function measureCeilings(backend: Backend, rounds = 5): Promise<Ceilings> {
  const lanes = 256 * backend.threads * 8
  const values = 64 * 2 ** 20
  const y = backend.alloc('f32', lanes)
  const x = backend.alloc('f32', values)
  const sums = backend.alloc('f32', values / 65_536)
  backend.run('fill', { y, n: lanes, value: 1 })
  backend.run('fill', { y: x, n: values, value: 1 })
  const steps = 200_000
  const profile = backend.profile()
  for (let round = 0; round <= rounds; round++) {
    backend.run('multiplyAdds', { y, n: lanes, steps, precision: 0 })
    backend.run('multiplyAdds', { y, n: lanes, steps, precision: 1 })
    backend.run('blockSums', { x, y: sums, n: values })
  }
  const times = await profile.stop()
  for (const buffer of [y, x, sums]) backend.free(buffer)
  const rate = (work: number, which: number) => {
    // The first round warms up.
    const seconds = times.filter((_, i) => i % 3 === which).slice(1)
    return work / median(seconds.map((time) => time.seconds))
  }
  return { f32: rate(2 * lanes * steps, 0), bf16: rate(4 * lanes * steps, 1), read: rate(4 * values, 2) }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** A kernel's part of a profile. */
export interface KernelShare {
  kernel: KernelName
  calls: number
  seconds: number
  /** Of the profile's whole time, gaps between kernels included. */
  share: number
  gflops: number | null
  gigabytes: number
  /** Of what the roofline (Williams et al. 2009) allows: the time that the ceilings ask for, over the time taken. */
  roofline: number
}

/** Sums a profile by kernel, the costliest first. */
export function kernelShares(times: readonly KernelTime[], ceilings: Ceilings, pairs = 0): KernelShare[] {
  const groups = new Map<KernelName, { calls: number; seconds: number; flops: number; bytes: number; least: number }>()
  for (const { kernel, args, seconds } of times) {
    const { flops, bytes, bf16 } = kernelCost(kernel, args, pairs)
    const group = groups.get(kernel) ?? { calls: 0, seconds: 0, flops: 0, bytes: 0, least: 0 }
    groups.set(kernel, group)
    group.calls++
    group.seconds += seconds
    group.flops += flops ?? 0
    group.bytes += bytes
    group.least += Math.max((flops ?? 0) / (bf16 ? ceilings.bf16 : ceilings.f32), bytes / ceilings.read)
  }
  const last = times.at(-1)
  const whole = last ? last.begin + last.seconds - times[0].begin : 0
  return [...groups]
    .map(([kernel, { calls, seconds, flops, bytes, least }]) => ({
      kernel,
      calls,
      seconds,
      share: seconds / whole,
      gflops: flops > 0 ? flops / seconds / 1e9 : null,
      gigabytes: bytes / seconds / 1e9,
      roofline: least / seconds,
    }))
    .sort((a, b) => b.seconds - a.seconds)
}
