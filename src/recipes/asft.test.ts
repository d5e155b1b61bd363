import { expect, test } from 'vitest'
import { recipeSuite } from '../../test/recipe-suite.ts'
import { draws, many } from '../envs/draw.ts'
import { drawPair } from './asft.ts'

recipeSuite('asft')

test('the worse answer has the form and the letters of the better one, two of them in each other’s place', () => {
  for (const { chosen, rejected } of many(200, draws(7, 'test'), drawPair)) {
    expect(rejected).toHaveLength(chosen.length)
    expect([...rejected].sort()).toEqual([...chosen].sort())
    expect([...chosen].filter((letter, at) => letter !== rejected[at])).toHaveLength(2)
  }
})
