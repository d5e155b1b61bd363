import fc from 'fast-check'
import { expect, test } from 'vitest'
import { backoff } from './backoff.ts'

const options = { backoffMs: 100, maxBackoffMs: 5000, seed: 1 }
const hashes = Array.from({ length: 500 }, (_, i) =>
  (i * 8_589_000 + 5).toString(16).padStart(64, '0').slice(-8).padEnd(64, '7'),
)

test('pauses double, within a half and one and a half, up to the longest', () => {
  fc.assert(
    fc.property(fc.constantFrom(...hashes), fc.nat(12), (hash, repetition) => {
      const pause = backoff(hash, repetition, options)
      const middle = 100 * 2 ** repetition
      expect(pause).toBeGreaterThanOrEqual(Math.min(5000, middle / 2))
      expect(pause).toBeLessThanOrEqual(Math.min(5000, middle * 1.5))
    }),
  )
})

test('requests spread, and each has the same pause for the same seed', () => {
  const pauses = hashes.map((hash) => backoff(hash, 0, options))
  const mean = pauses.reduce((sum, value) => sum + value, 0) / pauses.length
  expect(Math.abs(mean - 100)).toBeLessThan(6)
  expect(new Set(pauses.map((value) => Math.floor(value / 10))).size).toBe(10)
  expect(hashes.map((hash) => backoff(hash, 0, options))).toEqual(pauses)
  expect(backoff(hashes[0], 0, { ...options, seed: 2 })).not.toBe(pauses[0])
  expect(backoff(hashes[0], 1, options)).not.toBe(2 * pauses[0])
})
