import { expect, test } from 'vitest'
import { ensemble } from './index.ts'

const members = [
  [1, 4, -2],
  [3, 4, 0],
]

test('the mean, the worst case, and the mean less λ times the variance', () => {
  expect(ensemble(members)).toEqual([2, 4, -1])
  expect(ensemble(members, { rule: 'worst' })).toEqual([1, 4, -2])
  expect(ensemble(members, { rule: 'variance', lambda: 0.5 })).toEqual([1.5, 4, -1.5])
  expect(ensemble(members, { rule: 'variance', lambda: 0 })).toEqual(ensemble(members))
})

test('a model alone is its own ensemble by every rule', () => {
  for (const rule of ['mean', 'worst', 'variance'] as const)
    expect(ensemble([members[0]], { rule })).toEqual(members[0])
})

test('no members, or members over other answers, are refused', () => {
  expect(() => ensemble([])).toThrow(/an ensemble of 0 models/)
  expect(() => ensemble([[1], [1, 2]])).toThrow(/with 1, 2 scores/)
})
