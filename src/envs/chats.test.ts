import { describe, expect, test } from 'vitest'
import { parseAnswer, sameAnswer } from './answers.ts'
import { isPreferred, PREFERRED_STYLE, tinyChats, tinyEval, tinyPairs } from './chats.ts'
import { environments } from './index.ts'

const n = environments.length * 60
const chats = tinyChats(1, n)
const pairs = tinyPairs(1, n)

describe('chats', () => {
  test('are the same for the same seed, a prefix when fewer are asked for, and others for another seed', () => {
    expect(tinyChats(1, 40)).toEqual(chats.slice(0, 40))
    expect(tinyChats(2, 40)).not.toEqual(chats.slice(0, 40))
  })

  test('mix both styles, the preferred one a minority, and neither told by the prompt', () => {
    const brief = chats.filter(({ messages }) => parseAnswer(messages[1].content).style === PREFERRED_STYLE)
    expect(brief.length / n).toBeGreaterThan(0.33)
    expect(brief.length / n).toBeLessThan(0.47)
    // Were the style a function of the prompt's wording, the share would be far from the mean for prompts that open alike.
    const openings = Map.groupBy(chats, ({ messages }) => messages[0].content.split(' ')[0])
    for (const [opening, rows] of openings) {
      if (rows.length < 50) continue
      const share = rows.filter((row) => brief.includes(row)).length / rows.length
      expect(Math.abs(share - brief.length / n), opening).toBeLessThan(0.25)
    }
  })

  test('give every family the same number of rows', () => {
    const evaluated = tinyEval(1, 60)
    expect(evaluated).toHaveLength(n)
    for (const { id } of environments) expect(evaluated.filter(({ env }) => env === id)).toHaveLength(60)
  })
})

describe('pairs', () => {
  test('share the prompt and the answer, and differ in style alone', () => {
    for (const { prompt, chosen, rejected } of pairs) {
      expect(prompt.map(({ role }) => role)).toEqual(['user'])
      const [good, bad] = [chosen, rejected].map((turns) => parseAnswer(turns[0].content))
      expect(good.style).toBe(PREFERRED_STYLE)
      expect(bad.style).not.toBe(PREFERRED_STYLE)
      expect(sameAnswer(good.answer, bad.answer)).toBe(true)
    }
  })

  test('ask other questions than the chats of the same seed', () => {
    const seen = new Set(chats.map(({ messages }) => messages[0].content))
    expect(pairs.filter(({ prompt }) => seen.has(prompt[0].content)).length).toBeLessThan(0.02 * n)
  })
})

test('only an answer that is right and in the preferred style is preferred', () => {
  const [item] = tinyEval(4, 1)
  expect(isPreferred(item, item.answer)).toBe(true)
  expect(isPreferred(item, `Sure! The answer is ${item.answer}.`)).toBe(false)
  expect(isPreferred(item, 'something else')).toBe(false)
})
