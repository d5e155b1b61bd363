import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatCount, formatDuration, formatNumber, formatShare } from './format.ts'

test.each([
  [0, '0'],
  [1.23456, '1.235'],
  [0.0123456, '0.01235'],
  [2e-5, '2e-5'],
  [1.2345e-5, '1.23e-5'],
  [12345.6, '12346'],
  [999.96, '1000'],
  [-0.5, '-0.5'],
  [1e7, '1e7'],
  [1.5e12, '1.5e12'],
  [Number.NaN, '–'],
  [Number.POSITIVE_INFINITY, '–'],
])('formatNumber(%d) is %s', (value, text) => expect(formatNumber(value)).toBe(text))

test.each([
  [0, '0'],
  [950, '950'],
  [999.6, '1k'],
  [1234, '1.2k'],
  [34_499, '34.5k'],
  [999_999, '1M'],
  [5.6e6, '5.6M'],
  [7.84e9, '7.8G'],
  [-1500, '-1.5k'],
  [1e16, '10000T'],
  [Number.NaN, '–'],
])('formatCount(%d) is %s', (value, text) => expect(formatCount(value)).toBe(text))

test.each([
  [0, '0s'],
  [0.44, '0.4s'],
  [9.96, '10s'],
  [59.4, '59s'],
  [59.6, '1m00s'],
  [185, '3m05s'],
  [3599.6, '1h00m'],
  [7620, '2h07m'],
  [86_399, '1d00h'],
  [356_400, '4d03h'],
  [-1, '–'],
  [Number.NaN, '–'],
])('formatDuration(%d) is %s', (value, text) => expect(formatDuration(value)).toBe(text))

test('formatShare', () => {
  expect(formatShare(0.12345)).toBe('12.3\u00a0%')
  expect(formatShare(null)).toBe('–')
})

test('what formatNumber gives reads back within its precision', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, min: -1e300, max: 1e300 }), (value) => {
      expect(Math.abs(Number(formatNumber(value)) - value)).toBeLessThanOrEqual(
        Math.max(Math.abs(value) * 5.1e-3, 1e-300),
      )
    }),
  )
})
