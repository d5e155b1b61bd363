import { expect, test } from 'vitest'
import { random } from '../base/index.ts'
import { studentInterval } from './student.ts'

test('three values, by hand', () => {
  const { value, low, high } = studentInterval([1, 2, 3])
  expect(value).toBe(2)
  expect(high - value).toBeCloseTo(4.303 / Math.sqrt(3), 12)
  expect(value - low).toBeCloseTo(high - value, 12)
})

test('equal values leave no doubt, a single one leaves all', () => {
  expect(studentInterval([0.5, 0.5, 0.5])).toEqual({ value: 0.5, low: 0.5, high: 0.5 })
  expect(studentInterval([1])).toEqual({ value: 1, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY })
})

test('it holds the true mean of normal draws as often as it says', () => {
  const draw = random(3, 'student')
  let hits = 0
  for (let round = 0; round < 2000; round++) {
    const { low, high } = studentInterval([0, 1, 2, 3].map((i) => draw.normal(round, i)))
    if (low <= 0 && 0 <= high) hits++
  }
  expect(Math.abs(hits / 2000 - 0.95)).toBeLessThan(0.015)
})

test('no values and no numbers are refused', () => {
  expect(() => studentInterval([])).toThrow(/none/)
  expect(() => studentInterval([1, Number.NaN])).toThrow(/finite/)
})
