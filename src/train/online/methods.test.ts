import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { random } from '../../base/index.ts'
import { onlineConfig } from './config.ts'
import { choosePair, onlineMethods } from './methods.ts'
import type { Judged, LearnKeys } from './types.ts'

const chance = (place: number) => random(1, 'test').unit(place)
const keys: LearnKeys = { pairing: 'best-worst', threshold: 0.5, accept: null, acceptTemperature: 0.5, perPrompt: null }

const judged = (scores: readonly number[]): Judged => ({
  prompt: '',
  row: null,
  index: 0,
  scores,
  demonstration: [1],
  opponents: [],
  opponentScores: scores.map(() => 0),
  answers: scores.map((_, i) => ({ tokens: [i], text: String(i), finish: 'eos' as const })),
})

describe('a pair', () => {
  test('is the best and the worst, and none where all are equal', () => {
    expect(choosePair({ scores: [0.1, 0.9, 0.4] }, keys, chance)).toEqual([1, 0])
    expect(choosePair({ scores: [0.1, 0.9, 0.4] }, { pairing: 'best-second' }, chance)).toEqual([1, 2])
    expect(choosePair({ scores: [2, 2, 2] }, keys, chance)).toBeNull()
    expect(choosePair({ scores: [2] }, keys, chance)).toBeNull()
  })

  test.each(['best-worst', 'best-random', 'best-second', 'random'] as const)(
    '%s: the first is the better one',
    (pairing) => {
      const scores = fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 1, maxLength: 8 })
      const draw = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
      fc.assert(
        fc.property(scores, draw, draw, (scores, a, b) => {
          const pair = choosePair({ scores }, { pairing }, (place) => (place === 0 ? a : b))
          if (pair) expect(scores[pair[0]]).toBeGreaterThan(scores[pair[1]])
          else if (pairing === 'best-worst') expect(new Set(scores).size).toBe(1)
          if (pair && pairing !== 'random') expect(scores[pair[0]]).toBe(Math.max(...scores))
        }),
      )
    },
  )
})

describe('plum', () => {
  const lessons = (id: string, answers: readonly [text: string, score: number][], perPrompt: number | null = null) => {
    const given = judged(answers.map(([, score]) => score))
    const told = given.answers.map((answer, i) => ({ ...answer, text: answers[i][0] }))
    return onlineMethods[id].learn({ ...given, answers: told }, { ...keys, perPrompt }, chance)
  }
  const answer = fc.tuple(fc.constantFrom('a', 'b', 'c ', 'c', 'd', 'e'), fc.constantFrom(0, 1))

  test('each pair is a good answer before a bad one; a prompt whose answers are all the same teaches nothing', () => {
    fc.assert(
      fc.property(
        fc.array(answer, { minLength: 1, maxLength: 10 }),
        fc.option(fc.integer({ min: 1, max: 4 })),
        (all, most) => {
          // A text has one score: the first that was drawn with it.
          const scores = new Map(all.map(([text, score]) => [text.trim(), score]))
          const one = all.map(([text]): [string, number] => [text, scores.get(text.trim()) ?? 0])
          const pairs = lessons('plum', one, most).map(({ sequences }) => sequences.map(Number))
          for (const [good, bad] of pairs) expect([one[good][1], one[bad][1]]).toEqual([1, 0])
          const count = (score: number) => [...scores.values()].filter((other) => other === score).length
          const contrast = count(0) > 0 && count(1) > 0
          expect(pairs).toHaveLength(contrast ? Math.min(most ?? 99, Math.max(count(0), count(1))) : 0)
          expect(new Set(pairs.map(String)).size).toBe(pairs.length)
          const rated = lessons('plum-kto', one, most)
          expect(rated.map(({ values }) => values?.['label'])).toEqual(pairs.flatMap(() => [[1], [0]]))
          expect(rated.flatMap(({ sequences }) => sequences)).toEqual(pairs.flat())
        },
      ),
    )
  })

  test('answers that differ by spaces alone are one', () => {
    expect(
      lessons('plum', [
        ['c', 1],
        ['c ', 1],
        [' c', 1],
        ['d', 0],
      ]),
    ).toHaveLength(1)
    expect(
      lessons('rft', [
        ['c', 1],
        ['c ', 1],
        ['d', 0],
      ]).map(({ sequences }) => sequences),
    ).toEqual([[0]])
  })
})

describe('what is learnt', () => {
  const learnt = (id: string, scores: readonly number[]) =>
    onlineMethods[id].learn(judged(scores), keys, chance).map(({ sequences }) => sequences)

  test('raft: the best one; star: all that are good enough; spin: the demonstration before each of its own', () => {
    expect(learnt('raft', [0.2, 0.7, 0.6])).toEqual([[1]])
    expect(learnt('raft', [0.2, 0.4])).toEqual([])
    expect(learnt('star', [0.2, 0.7, 0.6])).toEqual([[1], [2]])
    expect(learnt('star', [0.2, 0.1, 0.4])).toEqual([])
    expect(learnt('rft', [0.2, 0.7, 0.6]).flat().toSorted()).toEqual([1, 2])
    expect(learnt('spin', [0, 0])).toEqual([
      ['demonstration', 0],
      ['demonstration', 1],
    ])
  })

  test('kto: every answer, rated by the threshold', () => {
    expect(onlineMethods['kto'].learn(judged([0.2, 0.7]), keys, chance)).toEqual([
      { sequences: [0], values: { label: [0] } },
      { sequences: [1], values: { label: [1] } },
    ])
  })

  test('nash-md: every answer, with how often it is preferred to the opponent', () => {
    expect(onlineMethods['nash-md'].learn(judged([0, Math.log(3)]), keys, chance)).toEqual([
      { sequences: [0], values: { score: [0.5] } },
      { sequences: [1], values: { score: [expect.closeTo(0.75, 12)] } },
    ])
  })

  test('dpo in twos: every answer in one pair, the better one first; none of equals', () => {
    const twos = (scores: number[], more: Partial<LearnKeys> = {}) =>
      onlineMethods['dpo'].learn(judged(scores), { ...keys, pairing: 'in-twos', ...more }, chance)
    const pairs = twos([5, 3, 8, 1, 9, 2, 7]).map(({ sequences }) => sequences as number[])
    expect(pairs).toHaveLength(3)
    expect(new Set(pairs.flat()).size).toBe(6)
    for (const { values } of twos([5, 3, 8, 1, 9, 2, 7]))
      expect(values?.['score'][0]).toBeGreaterThan(values?.['score'][1] ?? 9)
    expect(twos([1, 1, 1, 1])).toEqual([])
    // Of four answers rejection sampling at a low temperature keeps the two best.
    const [only, ...others] = twos([5, 3, 8, 1], { accept: 2, acceptTemperature: 1e-6 })
    expect([only.sequences, others]).toEqual([[2, 0], []])
  })

  test('selm: the pair may hold the usual answer, which comes last in any case; an even pair moves it alone', () => {
    const learnt = (scores: number[], usual: number) =>
      onlineMethods['selm'].learn({ ...judged(scores), opponentScores: [usual] }, keys, chance)[0].sequences
    const own = { opponent: 0 }
    expect(learnt([0.2, 0.7], 0.5)).toEqual([1, 0, own])
    expect(learnt([0.2, 0.7], 0.9)).toEqual([own, 0, own])
    expect(learnt([0.2, 0.7], 0.1)).toEqual([1, own, own])
    expect(learnt([0.5, 0.5], 0.5)).toEqual([own, own, own])
  })

  test('rankings: all answers, the best first, with their scores', () => {
    const [lesson] = onlineMethods['plackett-luce'].learn(judged([0.2, 0.7, 0.6]), keys, chance)
    expect(lesson).toEqual({ sequences: [1, 2, 0], values: { score: [0.7, 0.6, 0.2] } })
    expect(learnt('plackett-luce', [1, 1])).toEqual([])
  })
})

test('every method has keys with defaults, its own among them', () => {
  for (const method of Object.values(onlineMethods)) {
    const config = onlineConfig(method).parse({}) as Record<string, unknown>
    expect(config, method.id).toMatchObject({ rounds: 3, ...method.defaults })
  }
  expect(Object.keys(onlineMethods)).toEqual(
    expect.arrayContaining(['dpo', 'ipo', 'simpo', 'kto', 'raft', 'star', 'spin', 'inpo']),
  )
})
