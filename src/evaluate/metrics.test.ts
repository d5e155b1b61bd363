import { describe, expect, test } from 'vitest'
import { likeliest, perplexity } from './metrics.ts'

describe('likeliest', () => {
  const choices = [
    { logprob: -4, tokens: 2, characters: 20 },
    { logprob: -3, tokens: 1, characters: 2 },
    { logprob: -4.5, tokens: 3, characters: 12 },
  ]

  test('each normalisation has its own winner', () => {
    expect(likeliest(choices)).toBe(1)
    expect(likeliest(choices, 'per-token')).toBe(2)
    expect(likeliest(choices, 'per-character')).toBe(0)
  })

  test('the first of equals wins, also when all are impossible', () => {
    const equal = { logprob: Number.NEGATIVE_INFINITY, tokens: 1, characters: 1 }
    expect(likeliest([equal, equal])).toBe(0)
  })

  test('refuses nothing and nonsense', () => {
    expect(() => likeliest([])).toThrow('no choices')
    expect(() => likeliest([{ logprob: Number.NaN, tokens: 1, characters: 1 }])).toThrow('choice 0')
    expect(() => likeliest([{ logprob: -1, tokens: 0, characters: 1 }])).toThrow('0 tokens')
  })
})

describe('perplexity', () => {
  test('of uniform guesses among k is k, however the tokens lie in rows', () => {
    const rows = [1, 5, 10].map((tokens) => ({ tokens, logprob: -tokens * Math.log(50) }))
    expect(perplexity(rows)).toBeCloseTo(50, 10)
  })

  test('weighs rows by their tokens', () => {
    expect(
      perplexity([
        { logprob: -8, tokens: 1 },
        { logprob: 0, tokens: 7 },
      ]),
    ).toBeCloseTo(Math.E, 12)
  })

  test('refuses to divide by no tokens', () => {
    expect(() => perplexity([])).toThrow('no token')
  })
})
