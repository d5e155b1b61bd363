import { expect, test } from 'vitest'
import { draws, many } from './draw.ts'
import { deepest, drawString, isGrammatical, stringClasses, stringsOf } from './grammar.ts'

test.each(stringClasses)('$name: the strings are listed once each, with probabilities that add up', (one) => {
  const all = stringsOf(one)
  expect(all).toHaveLength(3 * Array.from({ length: deepest + 1 }, (_, d) => 6 ** d).reduce((a, b) => a + b))
  expect(new Set(all.map(({ text }) => text)).size).toBe(all.length)
  expect(all.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 12)
  expect(all.every(({ text }) => isGrammatical(text))).toBe(true)
})

test('strings are drawn as often as their probabilities say', () => {
  const [one] = stringClasses
  const drawn = many(20_000, draws(1, 'test'), (draw) => drawString(draw, one))
  for (const { text, probability } of stringsOf(one).filter(({ probability }) => probability > 0.01)) {
    const share = drawn.filter((other) => other === text).length / drawn.length
    expect(Math.abs(share - probability)).toBeLessThan(4 * Math.sqrt(probability / drawn.length))
  }
  expect(drawn.every(isGrammatical)).toBe(true)
})

test('what does not match, goes too deep, or has no core is not of the grammar', () => {
  for (const text of ['', 'a', 'aA', 'axB', 'abxAB', 'xA', 'axxA', 'aaaaaxAAAAA', ' x', 'x ']) {
    expect(isGrammatical(text), text).toBe(false)
  }
})
