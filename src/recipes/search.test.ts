import { expect, test } from 'vitest'
import { search, words } from './search.ts'

const ranked = (documents: string[], query: string) => search(documents, (text) => text, query)

test('the score is BM25, by hand', () => {
  // N = 2, one holder: idf = ln(1 + 1.5/1.5) = ln 2. The word comes twice in 3 of on average 2 words.
  const [{ item, score }] = ranked(['red red lamp', 'stone'], 'red')
  expect(item).toBe('red red lamp')
  expect(score).toBeCloseTo((Math.LN2 * 2 * 2.2) / (2 + 1.2 * (0.25 + (0.75 * 3) / 2)), 12)
})

test('rare words weigh more, repetition saturates, length discounts', () => {
  const documents = ['loss of pairs', 'loss of ranking', 'loss of loss', 'a loss over many long lists of other things']
  expect(ranked(documents, 'loss ranking')[0].item).toBe('loss of ranking')
  expect(ranked(documents, 'loss').at(-1)?.item).toBe(documents[3])
  const [one, two, three] = [1, 2, 3].map(
    (n) => ranked([`${'red '.repeat(n)}${'x '.repeat(3 - n)}`, 'blue y z'], 'red')[0].score,
  )
  expect(two - one).toBeGreaterThan(three - two)
})

test('nothing in common, nothing found; ties keep the order', () => {
  expect(ranked(['red', 'blue'], 'green')).toEqual([])
  expect(ranked([], 'red')).toEqual([])
  expect(ranked(['red a', 'red b'], 'red').map(({ item }) => item)).toEqual(['red a', 'red b'])
})

test('words are compared without case, accents, plural and hyphens', () => {
  expect(words('Reward-Models: naïve')).toEqual(['reward-model', 'reward', 'model', 'naive'])
  expect(ranked(['KL-regularised losses'], 'kl')).toHaveLength(1)
  expect(words('losses pairs corpus loss')).toEqual(['loss', 'pair', 'corpus', 'loss'])
})
