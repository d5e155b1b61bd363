import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { microBatches, planBatches } from './batches.ts'
import { shuffled } from './order.ts'

const upTo = (n: number) => Array.from({ length: n }, (_, i) => i)
const ordered = (n: number) => (epoch: number) => shuffled(n, 3, 'shuffle', epoch)

describe('planBatches', () => {
  test('by hand: 10 rows, 2 epochs, updates of 4', () => {
    const order = (epoch: number) => ({ length: 10, at: (i: number) => 100 * epoch + i })
    const plan = planBatches(order, { batchSize: 4, epochs: 2 })
    expect(plan.updates).toBe(5)
    expect(upTo(5).map(plan.rows)).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9, 100, 101],
      [102, 103, 104, 105],
      [106, 107, 108, 109],
    ])
    expect([0, 1, 5].map(plan.epochAfter)).toEqual([0, 0.4, 2])
  })

  test('the last update of epochs is partial, those of steps are full', () => {
    expect(planBatches(ordered(10), { batchSize: 4 }).rows(2).length).toBe(2)
    const steps = planBatches(ordered(3), { batchSize: 4, steps: 2 })
    expect(steps.updates).toBe(2)
    expect(upTo(2).map((u) => steps.rows(u).length)).toEqual([4, 4])
    expect(planBatches(ordered(30), { batchSize: 1, epochs: 0.1 }).updates).toBe(3)
    expect(planBatches(ordered(30), { batchSize: 1, steps: 0 }).updates).toBe(0)
  })

  test('whole epochs hold every row once, in any update size', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 70 }),
        fc.integer({ min: 1, max: 3 }),
        (n, batchSize, epochs) => {
          const plan = planBatches(ordered(n), { batchSize, epochs })
          expect(plan.updates).toBe(Math.ceil((n * epochs) / batchSize))
          const stream = upTo(plan.updates).flatMap(plan.rows)
          expect(stream.length).toBe(n * epochs)
          for (let e = 0; e < epochs; e++) {
            expect(stream.slice(e * n, (e + 1) * n).sort((a, b) => a - b)).toEqual(upTo(n))
          }
        },
      ),
      { seed: 1 },
    )
  })

  test('any update can be asked for first: resuming gives the same stream', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 9 }), fc.nat(), (n, batchSize, pick) => {
        const unbroken = planBatches(ordered(n), { batchSize, epochs: 3 })
        const stream = upTo(unbroken.updates).map(unbroken.rows)
        const from = pick % unbroken.updates
        const resumed = planBatches(ordered(n), { batchSize, epochs: 3 })
        expect(upTo(unbroken.updates - from).map((u) => resumed.rows(from + u))).toEqual(stream.slice(from))
      }),
      { seed: 1 },
    )
  })

  test.each([
    [{ batchSize: 0 }, 'batchSize is 0, expected a whole number of at least 1'],
    [{ batchSize: 1.5 }, 'batchSize is 1.5, expected a whole number of at least 1'],
    [{ batchSize: 1, epochs: -1 }, 'epochs is -1, expected a number above 0'],
    [{ batchSize: 1, steps: -1 }, 'steps is -1, expected a whole number of at least 0'],
  ])('%j', (options, message) => {
    expect(() => planBatches(ordered(3), options)).toThrow(message)
  })

  test('no rows, no such update', () => {
    expect(() => planBatches(() => ({ length: 0, at: () => 0 }), { batchSize: 1 })).toThrow('no rows to train on')
    expect(() => planBatches(ordered(4), { batchSize: 2 }).rows(2)).toThrow('update 2 is asked for, expected 0 … 1')
  })
})

describe('microBatches', () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 40 })

  test('by hand', () => {
    expect(microBatches([3, 9, 4, 20, 1], 10)).toEqual([[3], [1, 4], [0, 2]])
  })

  test('every row once; within the budget unless alone; never two that would fit in one', () => {
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 80 }), (rows, budget) => {
        const batches = microBatches(rows, budget)
        expect(batches.flat().sort((a, b) => a - b)).toEqual(upTo(rows.length))
        const sums = batches.map((batch) => batch.reduce((sum, i) => sum + rows[i], 0))
        expect(batches.every((batch, b) => batch.length === 1 || sums[b] <= budget)).toBe(true)
        for (const [b, sum] of sums.entries())
          for (const other of sums.slice(b + 1)) expect(sum + other > budget).toBe(true)
      }),
      { seed: 1 },
    )
  })

  test('a budget below 1 is refused', () => {
    expect(() => microBatches([1], 0)).toThrow('microTokens is 0, expected at least 1')
  })
})
