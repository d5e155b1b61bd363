import { expect, test } from 'vitest'
import { atLeast, atMost, less, over, verdictOf } from './verdict.ts'

test('the mean has to reach the bound, and the interval to stay off no effect', () => {
  expect(atLeast('gain', [0.1, 0.11, 0.12], 0.05, { beyond: 0 })).toMatchObject({ holds: true, refuted: false })
  // As large on average, yet the seeds disagree.
  expect(atLeast('gain', [0.3, 0.11, -0.08], 0.05, { beyond: 0 })).toMatchObject({ holds: false, refuted: false })
  expect(atLeast('gain', [0.04, 0.04, 0.04], 0.05, { beyond: 0 }).holds).toBe(false)
  expect(atMost('ratio', [0.8, 0.82, 0.84], 0.85, { beyond: 1 }).holds).toBe(true)
  expect(atMost('ratio', [0.6, 0.82, 1.04], 0.85, { beyond: 1 }).holds).toBe(false)
})

test('no effect at all is no effect, however surely', () => {
  expect(atLeast('gain', [0, 0, 0], 0, { beyond: 0 }).holds).toBe(false)
})

test('a bound that is reached by counts is reached, whatever floating point makes of their fractions', () => {
  const shares = less([435 / 500, 471 / 500, 447 / 500], [449 / 500, 470 / 500, 464 / 500])
  expect(shares.reduce((a, b) => a + b, 0) / 3).toBeLessThan(-0.02)
  expect(atLeast('right', shares, -0.02)).toMatchObject({ holds: true })
  expect(atLeast('right', shares, 0, { refutedAt: -0.02 })).toMatchObject({ refuted: true })
  expect(atLeast('right', [-30.001 / 1500, -30.001 / 1500], -0.02).holds).toBe(false)
  expect(atLeast('gain', [0.1 + 0.2 - 0.3, 0.1 + 0.2 - 0.3], 0, { beyond: 0 }).holds).toBe(false)
})

test('what refutes is said apart from what fails to hold', () => {
  const refutes = { beyond: 0, refutedAt: 0 }
  expect(atLeast('gain', [-0.1, -0.2, 0.1], 0.05, refutes)).toMatchObject({ holds: false, refuted: true })
  expect(atLeast('gain', [0.01, 0.02, 0.01], 0.05, refutes)).toMatchObject({ holds: false, refuted: false })
  expect(atMost('loss', [0.2, 0.3], 0.1, { refutedAt: 0.2 }).refuted).toBe(true)
})

test('a verdict is that of its worst check', () => {
  const good = atLeast('a', [1, 1], 0)
  const weak = atLeast('b', [1, 1], 2)
  const bad = atLeast('c', [1, 1], 2, { refutedAt: 1 })
  expect(verdictOf([good])).toBe('holds')
  expect(verdictOf([good, weak])).toBe('not-shown')
  expect(verdictOf([good, weak, bad])).toBe('refuted')
})

test('where a premise fails, nothing is shown and nothing refuted', () => {
  const bad = atLeast('gain', [0, 0], 0.1, { refutedAt: 0 })
  const premise = (right: number) => atLeast('learnt at all', [right, right], 0.3, { premise: true })
  expect(verdictOf([bad, premise(0.1)])).toBe('not-shown')
  expect(verdictOf([bad, premise(0.5)])).toBe('refuted')
})

test('arms are compared seed by seed', () => {
  expect(less([3, 5], [1, 2])).toEqual([2, 3])
  expect(over([3, 5], [1, 2])).toEqual([3, 2.5])
})
