import { expect, test } from 'vitest'
import { sweepOf } from './scaling.ts'
import { shapes } from './shapes.ts'

test('time is that of a whole step, and its exponent stands beside that of the operations', () => {
  const points = [1, 2, 4].map((rows) => ({ ...shapes.a, rows, size: 256 * rows }))
  // Twice the tokens at half the rate: four times the time.
  const outcomes = [1000, 500, 250].map((rate) => ({
    name: String(rate),
    rate,
    low: rate,
    high: rate,
    rounds: 1,
    disturbed: 0,
    more: {},
  }))
  const { points: measured, time, operations } = sweepOf('tokens', points, outcomes)
  expect(measured.map(({ seconds }) => seconds)).toEqual([0.256, 1.024, 4.096])
  expect(time.exponent).toBeCloseTo(2, 10)
  expect(operations.exponent).toBeCloseTo(1, 10)
})
