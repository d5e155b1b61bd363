import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { apportion, complement, feistel, heldOut, mixed, type Order, shuffled } from './order.ts'

const all = (order: Order) => Array.from({ length: order.length }, (_, i) => order.at(i))
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i)
const ascending = (a: number, b: number) => a - b

describe('permutations', () => {
  const sizes = fc.integer({ min: 1, max: 400 })

  test('each number once, stored or computed, at any size', () => {
    fc.assert(
      fc.property(sizes, fc.nat(), fc.nat(9), (n, seed, epoch) => {
        for (const order of [shuffled(n, seed, 'x', epoch), feistel(n, seed, 'x', epoch)]) {
          expect(all(order).sort(ascending)).toEqual(upTo(n))
        }
      }),
      { seed: 1 },
    )
  })

  test('seed, epoch, stream and lane each change the order; nothing else does', () => {
    for (const make of [shuffled, feistel]) {
      const base = all(make(100, 1, 'x', 0, 0))
      expect(all(make(100, 1, 'x', 0, 0))).toEqual(base)
      for (const other of [make(100, 2, 'x', 0), make(100, 1, 'x', 1), make(100, 1, 'y', 0), make(100, 1, 'x', 0, 1)]) {
        expect(all(other)).not.toEqual(base)
      }
      // Seeds that differ above 32 bits.
      expect(all(make(100, 1 + 2 ** 40, 'x', 0))).not.toEqual(base)
    }
  })

  test('a computed permutation looks like a shuffle', () => {
    const n = 100_000
    const order = shuffled(n, 7, 'shuffle', 3)
    const sample = Array.from({ length: 4000 }, (_, i) => order.at(i))
    expect(new Set(sample).size).toBe(4000)
    // The first places draw from everywhere (mean and quarters), and neighbours do not stay together.
    expect(sample.reduce((a, b) => a + b) / 4000 / n).toBeCloseTo(0.5, 1)
    for (let q = 0; q < 4; q++) {
      const share = sample.filter((x) => Math.floor((4 * x) / n) === q).length / 4000
      expect(Math.abs(share - 0.25)).toBeLessThan(0.03)
    }
    expect(sample.filter((x, i) => i > 0 && Math.abs(x - sample[i - 1]) <= 1).length).toBeLessThan(5)
    let ascents = 0
    for (let i = 1; i < sample.length; i++) ascents += Number(sample[i] > sample[i - 1])
    expect(Math.abs(ascents / 4000 - 0.5)).toBeLessThan(0.03)
  })

  test('large n take no memory to speak of', () => {
    const order = shuffled(3_000_000_000, 1, 'x', 0)
    const drawn = upTo(200).map((i) => order.at(i * 10_000_000))
    expect(new Set(drawn).size).toBe(200)
    expect(Math.max(...drawn)).toBeLessThan(3_000_000_000)
    expect(Math.max(...drawn)).toBeGreaterThan(2_800_000_000)
  })
})

describe('splits', () => {
  test('both parts together are all rows, in order', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.double({ min: 0, max: 0.99, noNaN: true }),
        fc.nat(),
        (n, f, seed) => {
          const held = heldOut(n, f, seed)
          expect(held.length).toBe(Math.min(Math.ceil(n * f), n - 1))
          const kept = upTo(n - held.length).map((i) => complement(held, i))
          expect(kept).toEqual([...kept].sort(ascending))
          expect([...held, ...kept].sort(ascending)).toEqual(upTo(n))
        },
      ),
      { seed: 1 },
    )
  })

  test('the choice depends on the seed', () => {
    expect(heldOut(1000, 0.1, 1)).toEqual(heldOut(1000, 0.1, 1))
    expect(heldOut(1000, 0.1, 1)).not.toEqual(heldOut(1000, 0.1, 2))
  })
})

describe('mixing by weight', () => {
  const sources = [
    { start: 0, length: 10, weight: 3 },
    { start: 10, length: 90, weight: 1 },
  ]
  const sourceOf = (row: number) => Number(row >= 10)

  test('an epoch has the shares of the weights, exactly', () => {
    for (const epoch of [0, 1, 5]) {
      const rows = all(mixed(sources, 1, epoch))
      expect(rows.length).toBe(100)
      expect(rows.filter((row) => sourceOf(row) === 0).length).toBe(75)
    }
  })

  test('the sources are interleaved, not one after the other', () => {
    const rows = all(mixed(sources, 1, 0))
    for (let first = 0; first < 100; first += 25) {
      const share = rows.slice(first, first + 25).filter((row) => sourceOf(row) === 0).length
      expect(share).toBeGreaterThan(12)
      expect(share).toBeLessThan(25)
    }
  })

  test('every source is read through in whole passes that go on across epochs', () => {
    const drawn = new Map<number, number[]>([0, 1].map((s) => [s, []]))
    for (let epoch = 0; epoch < 8; epoch++) {
      // Within an epoch a draw's number follows from its place before the interleaving: compare counts, not order.
      for (const row of all(mixed(sources, 1, epoch))) drawn.get(sourceOf(row))?.push(row)
      for (const [s, rows] of drawn) {
        const counts = upTo(sources[s].length).map((i) => rows.filter((row) => row === sources[s].start + i).length)
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
      }
    }
  })

  test('weights in proportion to the lengths give each row once', () => {
    const even = [
      { start: 0, length: 7, weight: 0.7 },
      { start: 7, length: 13, weight: 1.3 },
    ]
    expect(all(mixed(even, 5, 2)).sort(ascending)).toEqual(upTo(20))
  })

  test('quotas sum to the total and lie within one of their share', () => {
    const weights = fc.array(fc.double({ min: 1e-3, max: 1e3, noNaN: true }), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(fc.nat(10_000), weights, (total, weights) => {
        const quotas = apportion(total, weights)
        const sum = weights.reduce((a, b) => a + b)
        expect(quotas.reduce((a, b) => a + b)).toBe(total)
        const off = quotas.map((quota, s) => Math.abs(quota - (total * weights[s]) / sum))
        expect(Math.max(...off)).toBeLessThan(1 + 1e-9)
      }),
      { seed: 1 },
    )
  })
})
