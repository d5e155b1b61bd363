import fc from 'fast-check'
import { expect, test } from 'vitest'
import { random } from '../base/index.ts'
import { rejectionSample } from './rejection.ts'

const draw = random(1, 'rejection')

test('the chance of acceptance is exp((r − best) / β): the known values', () => {
  const count = 40_000
  const hits = [0, 0, 0]
  for (let i = 0; i < count; i++) {
    // The first pass alone: it ends with the best, which always passes.
    const found = rejectionSample([0.5, 0, 1], {
      keep: 3,
      temperature: 0.5,
      unit: (trial) => (trial > 2 ? 0.9999999 : draw.unit(i, trial)),
    })
    const passed = found.slice(0, found.indexOf(2) + 1)
    for (const place of passed) hits[place]++
  }
  expect(Math.abs(hits[0] / count - 0.367879)).toBeLessThan(0.01)
  expect(Math.abs(hits[1] / count - 0.135335)).toBeLessThan(0.01)
  expect(hits[2]).toBe(count)
})

test('after a pass the best of those that remain is what others are measured by', () => {
  // Never lucky: only the best of what remains passes, at each pass.
  const never = { keep: 3, temperature: 0.5, unit: () => 0.9999999 }
  expect(rejectionSample([0, 3, 1, 2], never)).toEqual([1, 3, 2])
})

test('a large β takes the first ones as they are, a small one the best ones', () => {
  const rewards = [0.3, 0.9, 0.1, 0.7, 0.5]
  const unit = (trial: number) => draw.unit(99, trial)
  expect(rejectionSample(rewards, { keep: 3, temperature: 1e9, unit })).toEqual([0, 1, 2])
  expect(rejectionSample(rewards, { keep: 3, temperature: 1e-9, unit })).toEqual([1, 3, 4])
  expect(rejectionSample(rewards, { keep: 9, temperature: 1, unit }).toSorted()).toEqual([0, 1, 2, 3, 4])
})

test('without replacement, as many as asked', () => {
  const rewards = fc.array(fc.double({ min: -50, max: 50, noNaN: true }), { maxLength: 20 })
  fc.assert(
    fc.property(
      rewards,
      fc.integer({ min: 0, max: 25 }),
      fc.double({ min: 0.01, max: 100, noNaN: true }),
      (rewards, keep, temperature) => {
        const found = rejectionSample(rewards, { keep, temperature, unit: (trial) => draw.unit(7, trial) })
        expect(new Set(found).size).toBe(found.length)
        expect(found.length).toBe(Math.min(keep, rewards.length))
      },
    ),
  )
})

/** How often each output is the first accepted of a pool of draws of `base`. */
function firstAccepted(base: readonly number[], rewards: readonly number[], draws: number): number[] {
  const ends = base.map((_, i) => base.slice(0, i + 1).reduce((a, b) => a + b))
  const source = random(5, 'rejection/pool')
  const found = new Array<number>(base.length).fill(0)
  for (let i = 0; i < draws; i++) {
    const drawn = Array.from({ length: 100 }, (_, k) => {
      const at = ends.findIndex((end) => source.unit(i, k) < end)
      return at < 0 ? base.length - 1 : at
    })
    const worth = drawn.map((one) => rewards[one])
    const unit = (trial: number) => source.unit(i, 1000 + trial)
    const [first] = rejectionSample(worth, { keep: 1, temperature: 0.5, unit })
    found[drawn[first]] += 1 / draws
  }
  return found
}

test('the first accepted of many draws is a draw of π*: within a total variation of 0.03', () => {
  const distance = (a: readonly number[], b: readonly number[]) =>
    a.reduce((sum, p, i) => sum + Math.abs(p - b[i]), 0) / 2
  const known = firstAccepted([0.5, 0.3, 0.2], [1, 0.5, 0], 10_000)
  expect(distance(known, [0.784399, 0.173139, 0.042463])).toBeLessThan(0.015)
  const normalised = (values: number[]) => {
    const total = values.reduce((a, b) => a + b)
    return values.map((value) => value / total)
  }
  const base = normalised(Array.from({ length: 20 }, (_, i) => Math.exp(draw.normal(1, i))))
  const rewards = base.map((_, i) => draw.normal(2, i))
  const found = firstAccepted(base, rewards, 20_000)
  const sought = normalised(base.map((p, i) => p * Math.exp(rewards[i] / 0.5)))
  expect(distance(found, sought)).toBeLessThan(0.03)
  expect(distance(found, base)).toBeGreaterThan(0.2)
})

test.each([
  ['a temperature of 0', [1], 0],
  ['a reward that is no number', [1, Number.NaN], 1],
])('%s is refused', (_, rewards, temperature) => {
  expect(() => rejectionSample(rewards, { keep: 1, temperature, unit: () => 0 })).toThrow(
    expect.objectContaining({ code: 'E_CONFIG' }),
  )
})
