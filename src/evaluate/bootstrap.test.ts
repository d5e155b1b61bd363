import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { random } from '../base/index.ts'
import { bootstrapDifference, bootstrapMean, mean, normalQuantile, quantile, wilson } from './bootstrap.ts'

describe('bootstrapMean', () => {
  test('has the same bits for the same values and seed, others for another seed', () => {
    const values = Array.from({ length: 60 }, (_, i) => i % 3)
    expect(bootstrapMean(values, { seed: 4 })).toEqual(bootstrapMean(values, { seed: 4 }))
    expect(bootstrapMean(values, { seed: 4 })).not.toEqual(bootstrapMean(values, { seed: 5 }))
  })

  test('agrees with the exact bootstrap distribution of two values', () => {
    // Resamples of {0, 1} have means 0, ½, 1 with probabilities ¼, ½, ¼: at level 0.4 both ends lie at ½, at 0.6 at 0 and 1.
    expect(bootstrapMean([0, 1], { level: 0.4 })).toEqual({ value: 0.5, low: 0.5, high: 0.5 })
    expect(bootstrapMean([0, 1], { level: 0.6 })).toEqual({ value: 0.5, low: 0, high: 1 })
  })

  test('nears the normal interval for many values', () => {
    const source = random(1, 'values')
    const values = Array.from({ length: 800 }, (_, i) => source.normal(i))
    const centre = mean(values)
    const deviation = Math.sqrt(mean(values.map((value) => (value - centre) ** 2)))
    const half = (1.959963985 * deviation) / Math.sqrt(values.length)
    const { low, high } = bootstrapMean(values, { resamples: 4000 })
    expect(Math.abs(low - (centre - half))).toBeLessThan(0.1 * half)
    expect(Math.abs(high - (centre + half))).toBeLessThan(0.1 * half)
  })

  test('covers the true mean about as often as its level says', () => {
    const source = random(2, 'coverage')
    const trials = 400
    let covered = 0
    for (let trial = 0; trial < trials; trial++) {
      const values = Array.from({ length: 50 }, (_, i) => Number(source.unit(trial, i) < 0.6))
      const { low, high } = bootstrapMean(values, { seed: trial, resamples: 300, level: 0.9 })
      covered += Number(low <= 0.6 && 0.6 <= high)
    }
    // Nominal 0.9; the percentile interval of 50 Bernoulli trials falls a little short, and 400 trials scatter by 0.015.
    expect(covered / trials).toBeGreaterThan(0.84)
    expect(covered / trials).toBeLessThan(0.95)
  })

  test('holds low ≤ high within the range of the values, and widens with its level', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 30 }),
        (values) => {
          const narrow = bootstrapMean(values, { resamples: 100, level: 0.5 })
          const wide = bootstrapMean(values, { resamples: 100, level: 0.99 })
          const slack = 1e-9 * Math.max(1, ...values.map(Math.abs))
          expect(wide.low).toBeLessThanOrEqual(narrow.low)
          expect(narrow.low).toBeLessThanOrEqual(narrow.high)
          expect(narrow.high).toBeLessThanOrEqual(wide.high)
          expect(wide.low).toBeGreaterThanOrEqual(Math.min(...values) - slack)
          expect(wide.high).toBeLessThanOrEqual(Math.max(...values) + slack)
        },
      ),
      { numRuns: 60 },
    )
  })

  test('refuses no values, values that are not finite, and levels that are none', () => {
    expect(() => bootstrapMean([])).toThrow('no values')
    expect(() => bootstrapMean([1, Number.NaN])).toThrow('value 1 is NaN')
    expect(() => bootstrapMean([1], { level: 1 })).toThrow('level of 1')
    expect(() => bootstrapMean([1], { level: 95 })).toThrow('level of 95')
  })
})

describe('bootstrapDifference', () => {
  test('sees a gain on every question that two separate intervals would blur', () => {
    const before = Array.from({ length: 40 }, (_, i) => (i % 10) / 10)
    const after = before.map((value) => value + 0.05)
    const { value, low, high } = bootstrapDifference(before, after)
    expect(value).toBeCloseTo(0.05, 12)
    expect(low).toBeCloseTo(0.05, 12)
    expect(high).toBeCloseTo(0.05, 12)
    expect(bootstrapMean(before).high).toBeGreaterThan(bootstrapMean(after).low)
  })

  test('changes its sign with the order, and refuses unequal lengths', () => {
    expect(bootstrapDifference([1, 1, 0], [0, 0, 0]).value).toBeCloseTo(-2 / 3, 15)
    expect(() => bootstrapDifference([1], [1, 2])).toThrow('expected pairs')
  })
})

describe('wilson', () => {
  test('reproduces published intervals', () => {
    // Newcombe 1998, Statistics in Medicine 17:857, table I, method 3.
    const published = [
      [81, 263, 0.2553, 0.3662],
      [15, 148, 0.0624, 0.1605],
      [0, 20, 0, 0.1611],
      [1, 29, 0.0061, 0.1718],
    ]
    for (const [successes, n, low, high] of published) {
      const interval = wilson(successes, n)
      expect(interval.low).toBeCloseTo(low, 4)
      expect(interval.high).toBeCloseTo(high, 4)
    }
  })

  test('mirrors, stays in [0, 1] and holds the share', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.double({ min: 0, max: 1, noNaN: true }), (n, share) => {
        const successes = Math.round(share * n)
        const { low, high, value } = wilson(successes, n)
        const mirror = wilson(n - successes, n)
        expect(low).toBeCloseTo(1 - mirror.high, 10)
        expect(low).toBeGreaterThanOrEqual(0)
        expect(high).toBeLessThanOrEqual(1)
        expect(low).toBeLessThanOrEqual(value + 1e-12)
        expect(high).toBeGreaterThanOrEqual(value - 1e-12)
      }),
    )
  })

  test('refuses what is no proportion', () => {
    for (const [successes, n] of [
      [-1, 5],
      [6, 5],
      [0, 0],
      [Number.NaN, 5],
    ]) {
      expect(() => wilson(successes, n)).toThrow('successes of')
    }
  })
})

test('normalQuantile gives the tabled values', () => {
  expect(normalQuantile(0.5)).toBe(0)
  expect(normalQuantile(0.975)).toBeCloseTo(1.959963984540054, 12)
  expect(normalQuantile(0.95)).toBeCloseTo(1.6448536269514722, 12)
  expect(normalQuantile(0.9995)).toBeCloseTo(3.2905267314919255, 10)
})

test('quantile is linear between neighbours', () => {
  expect(quantile([1, 2, 4], 0)).toBe(1)
  expect(quantile([1, 2, 4], 0.75)).toBe(3)
  expect(quantile([1, 2, 4], 1)).toBe(4)
  expect(quantile([7], 0.3)).toBe(7)
})
