import { expect, test } from 'vitest'
import { kernelCost, kernelShares, median } from './profile.ts'

test('the cost of a product, in operations and bytes', () => {
  const args = { a: 1, b: 2, y: 3, bias: null, m: 2, n: 3, k: 5, transA: 0, transB: 1, accumulate: 1, alpha: 1 }
  expect(kernelCost('matmul', { ...args, precision: 1, weight: 0 })).toEqual({
    flops: 60,
    bytes: 4 * (10 + 15 + 2 * 6),
    bf16: true,
  })
  expect(kernelCost('matmul', { ...args, precision: 1, weight: 1 }).bytes).toBe(2 * 15 + 4 * (10 + 2 * 6))
  const head = { rows: 2, width: 3, vocab: 5, softcap: 0, precision: 0 }
  expect(kernelCost('logprobs', head).flops).toBe(60)
  expect(kernelCost('logprobsWithGrad', { ...head, dw: 7 }).flops).toBe(180)
  expect(kernelCost('logprobsWithGrad', { ...head, dw: null }).flops).toBe(120)
  expect(kernelCost('axpy', { x: 1, y: 2, n: 10, alpha: 1 })).toEqual({ flops: null, bytes: 120, bf16: false })
})

test('shares are of the whole time, gaps included, and the roofline is the tighter ceiling', () => {
  const matmul = { m: 10, n: 10, k: 10, accumulate: 0, precision: 0 }
  const times = [
    { kernel: 'matmul' as const, args: matmul, begin: 0, seconds: 2 },
    { kernel: 'fill' as const, args: { n: 100 }, begin: 3, seconds: 1 },
  ]
  const [first, second] = kernelShares(times, { f32: 2000, bf16: 4000, read: 400 })
  expect(first).toMatchObject({ kernel: 'matmul', calls: 1, share: 0.5, gflops: 1e-6 })
  // 2000 operations take 1 s, 1200 bytes 3 s: memory is what holds it.
  expect(first.roofline).toBeCloseTo(1.5, 12)
  expect(second).toMatchObject({ kernel: 'fill', share: 0.25, gflops: null })
  expect(second.roofline).toBeCloseTo(1, 12)
})

test('the median of an even number is the middle of the two', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 2, 3])).toBe(2.5)
})
