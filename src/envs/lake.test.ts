import { expect, test } from 'vitest'
import { draws, many } from './draw.ts'
import { after, expertWalk, failedWalk, promptOf, starts, succeeds } from './lake.ts'

test('borders hold, and steps go where they say', () => {
  expect(after(0, 'L')).toBe(0)
  expect(after(0, 'U')).toBe(0)
  expect(after(5, 'R')).toBe(6)
  expect(after(5, 'D')).toBe(9)
  expect(after(15, 'D')).toBe(15)
  expect(promptOf(2)).toBe('from c:')
})

test('experts reach the goal from every safe field in the fewest steps, others never do', () => {
  expect(starts).toHaveLength(11)
  for (const start of starts) {
    const [row, column] = [Math.floor(start / 4), start % 4]
    for (const walk of many(20, draws(start, 'lake'), (draw) => expertWalk(draw, start))) {
      expect(succeeds(start, walk)).toBe(true)
      expect(walk.length / 2).toBeGreaterThanOrEqual(6 - row - column)
    }
    for (const walk of many(20, draws(start, 'falls'), (draw) => failedWalk(draw, start))) {
      expect(succeeds(start, walk)).toBe(false)
    }
  }
  expect(succeeds(0, 'DeDiRjRkDoRp')).toBe(true)
  expect(succeeds(0, 'RbDf')).toBe(false)
  expect(succeeds(0, '')).toBe(false)
})
