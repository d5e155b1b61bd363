import { expect, test } from 'vitest'
import { draws, many } from './draw.ts'
import { corrupted, drawTask, isResult, promptOf, resultOf, spokenFact, type Transform } from './transforms.ts'

const results: Record<Transform, string> = {
  cpy: 'badc',
  rev: 'cdab',
  srt: 'abcd',
  rot: 'adcb',
  dbl: 'bbaaddcc',
  swp: 'abcd',
}

test('each transform of one word, by hand', () => {
  for (const [transform, result] of Object.entries(results) as [Transform, string][]) {
    expect(resultOf({ transform, word: 'badc' }), transform).toBe(result)
  }
  expect(resultOf({ transform: 'swp', word: 'badce' })).toBe('abcde')
  expect(promptOf({ transform: 'rev', word: 'badc' })).toBe('rev badc=')
  expect(spokenFact({ transform: 'rev', word: 'badc' })).toBe('badc backwards is cdab')
})

test('a corrupted result has the letters of the right one and never its order', () => {
  for (const { task, wrong } of many(300, draws(1, 'transforms'), (draw) => {
    const task = drawTask(draw)
    return { task, wrong: corrupted(draw, task) }
  })) {
    expect([...wrong].sort()).toEqual([...resultOf(task)].sort())
    expect(isResult(task, wrong)).toBe(false)
    expect(isResult(task, ` ${resultOf(task)}`)).toBe(true)
    expect(isResult(task, `${resultOf(task)}~`)).toBe(false)
    expect(isResult(task, `${resultOf(task)}~`, '~')).toBe(true)
  }
})

test('longer words repeat letters', () => {
  const words = many(50, draws(3, 'transforms'), (draw) => drawTask(draw, ['srt'], [6, 7, 8])).map(({ word }) => word)
  expect(words.every((word) => /^[a-h]{6,8}$/.test(word))).toBe(true)
  expect(words.some((word) => new Set(word).size < word.length)).toBe(true)
})

test('words have different letters, 4 or 5 of them', () => {
  for (const { word } of many(100, draws(2, 'transforms'), (draw) => drawTask(draw))) {
    expect(word).toMatch(/^[a-h]{4,5}$/)
    expect(new Set(word).size).toBe(word.length)
  }
})
