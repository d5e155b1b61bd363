import { expect, test } from 'vitest'
import {
  answerOf,
  type Composition,
  drawComposition,
  drawWord,
  isRight,
  isStepwise,
  type orders,
  questionOf,
  solve,
} from './compositions.ts'
import { draws, many } from './draw.ts'

const asked: Composition = { word: 'badc', transforms: ['rev', 'rot', 'swp'] }

test('by hand: backwards cdab, turned dabc, swapped adcb', () => {
  expect(questionOf(asked)).toBe('rev rot swp badc=')
  expect(answerOf(asked)).toBe('adcb')
  expect(solve(asked, 'direct')).toBe('adcb')
  expect(solve(asked, 'steps')).toBe('rev badc=cdab;rot cdab=dabc;swp dabc=adcb;adcb')
  expect(solve({ ...asked, transforms: ['srt'] }, 'checked')).toBe('srt badc=abcd;so abcd;abcd')
})

test('every manner of a right solution is right, and only written steps are stepwise', () => {
  for (const [i, drawn] of many(200, draws(1, 'compositions'), (draw) => drawComposition(draw, 3, 5)).entries()) {
    for (const manner of ['direct', 'steps', 'checked'] as const) {
      expect(isRight(drawn, ` ${solve(drawn, manner)}`)).toBe(true)
      expect(isStepwise(drawn, solve(drawn, manner))).toBe(manner === 'steps')
    }
    expect(drawComposition(draws(1, 'compositions')(i), 3, 5)).toEqual(drawn)
    expect(new Set(drawn.transforms).size).toBe(3)
    expect(isRight(drawn, solve(drawn, 'steps').slice(0, -1))).toBe(false)
  }
  expect(isRight(asked, '')).toBe(false)
  expect(isStepwise(asked, solve({ ...asked, transforms: ['rev', 'rot'] }, 'steps'))).toBe(false)
  expect(isStepwise(asked, solve({ ...asked, transforms: ['rot', 'rev', 'swp'] }, 'steps'))).toBe(false)
})

test('a slip is in one step alone and is followed from there; only a later sorting mends it', () => {
  const kinds = { result: 0, transform: 0 }
  for (const draw of Array.from({ length: 300 }, (_, i) => draws(2, 'compositions')(i))) {
    const drawn = drawComposition(draw, 3, 5)
    const step = draw.below(3)
    const [right, wrong] = [solve(drawn, 'steps').split(';'), solve(drawn, 'steps', { step, draw }).split(';')]
    expect(wrong).toHaveLength(right.length)
    expect(wrong.slice(0, step)).toEqual(right.slice(0, step))
    expect(wrong[step]).not.toBe(right[step])
    for (const [i, line] of wrong.slice(0, -1).entries()) {
      const [, name, word, result] = /^(\w+) (\w+)=(\w+)$/.exec(line) ?? []
      const follows = answerOf({ word, transforms: [name as (typeof orders)[number]] }) === result
      if (i !== step) expect(follows, line).toBe(true)
      else kinds[follows ? 'transform' : 'result']++
      expect(wrong[i + 1], line).toContain(result)
    }
    const isMended = drawn.transforms.slice(step + 1).includes('srt')
    if (isMended) expect(isRight(drawn, wrong.join(';'))).toBe(true)
  }
  expect(kinds.result).toBeGreaterThan(100)
  expect(kinds.transform).toBeGreaterThan(100)
})

test('words have different letters, and as many as are asked for', () => {
  for (const length of [1, 4, 8]) {
    const word = drawWord(draws(3, 'compositions')(length), length)
    expect(word).toMatch(new RegExp(`^[a-h]{${length}}$`))
    expect(new Set(word).size).toBe(length)
  }
})
