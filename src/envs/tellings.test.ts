import { expect, test } from 'vitest'
import { draws, many } from './draw.ts'
import {
  answerOf,
  composed,
  drawWork,
  isRight,
  otherwise,
  plainly,
  questionOf,
  retellingOf,
  tasks,
} from './tellings.ts'

const work = { word: 'badce', steps: composed }

test('by hand: backwards ecdab, in pairs ceadb', () => {
  expect(questionOf(work)).toBe('rev swp badce: ')
  expect(answerOf(work)).toBe('ceadb')
  expect(plainly(work)).toBe('rev badce=ecdab;swp ecdab=ceadb;so ceadb')
  expect(otherwise(work)).toBe('[ecdab] back [ceadb] pairs > ceadb')
  expect(retellingOf(work, otherwise(work))).toBe('rev swp badce: [ecdab] back [ceadb] pairs > ceadb / ')
})

test('either telling is right, and one that stops after the first of two steps is not', () => {
  for (const one of many(100, draws(2, 'tellings'), (draw) =>
    drawWork(draw, draw.pick([composed, ...tasks.map((task) => [task])])),
  )) {
    for (const told of [plainly(one), otherwise(one)]) {
      expect(isRight(one, ` ${told}\n`)).toBe(true)
      expect(isRight(one, told.slice(0, -1))).toBe(false)
    }
  }
  expect(isRight(work, plainly({ ...work, steps: ['rev'] }))).toBe(false)
})
