import { expect, test } from 'vitest'
import { recipeSuite } from '../../test/recipe-suite.ts'
import { draws, many } from '../envs/draw.ts'
import { drawPair } from './ln-dpo.ts'

recipeSuite('ln-dpo')

test('better replies are 1.6 times as long on average, and often the shorter of their pair', () => {
  const pairs = many(2000, draws(7, 'test'), drawPair)
  const lengths = pairs.map(({ chosen, rejected }) => [chosen, rejected].map((reply) => reply.trim().split(' ').length))
  const sum = (side: number) => lengths.reduce((total, pair) => total + pair[side], 0)
  expect(sum(0) / sum(1)).toBeGreaterThan(1.5)
  expect(sum(0) / sum(1)).toBeLessThan(1.75)
  expect(lengths.filter(([chosen, rejected]) => chosen < rejected).length).toBeGreaterThan(700)
})
