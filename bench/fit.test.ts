import { expect, test } from 'vitest'
import { fitPowerLaw } from './fit.ts'

test('a power law is found again', () => {
  const { exponent, factor, r2 } = fitPowerLaw([1, 2, 5, 30].map((x) => [x, 7 * x ** 1.5]))
  expect(exponent).toBeCloseTo(1.5, 10)
  expect(factor).toBeCloseTo(7, 8)
  expect(r2).toBeCloseTo(1, 10)
})

test('a constant has the exponent 0', () => {
  expect(fitPowerLaw([1, 2, 4].map((x) => [x, 3]))).toMatchObject({ exponent: 0, r2: 1 })
})

test('what a power law does not explain is missing in r²', () => {
  // In logarithms of 2: (0, 0), (1, 2), (2, 1). The line of slope 1/2 explains a quarter of the variance.
  const { exponent, r2 } = fitPowerLaw([
    [1, 1],
    [2, 4],
    [4, 2],
  ])
  expect(exponent).toBeCloseTo(0.5, 10)
  expect(r2).toBeCloseTo(0.25, 10)
})
