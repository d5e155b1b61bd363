import { expect, test } from 'vitest'
import { compareAnswers, makeBandit } from './bandit.ts'

const bandit = makeBandit(1, 8, 4)
const reward = (prompt: number, answer: number) => bandit.rewards[prompt * 4 + answer]

test('the same seed gives the same world and the same comparisons', () => {
  expect(makeBandit(1, 8, 4)).toEqual(bandit)
  expect(makeBandit(2, 8, 4).rewards).not.toEqual(bandit.rewards)
  const options = { seed: 3, count: 500, flips: 0.2 }
  expect(compareAnswers(bandit, options)).toEqual(compareAnswers(bandit, options))
})

test('all comparisons are counted, of different answers, within what is covered', () => {
  const found = compareAnswers(bandit, { seed: 3, count: 2000, covered: 3 })
  expect(found.reduce((sum, { count }) => sum + count, 0)).toBe(2000)
  for (const { better, worse } of found) {
    expect(better).not.toBe(worse)
    expect(Math.max(better, worse)).toBeLessThan(3)
  }
})

test('a sure judge always prefers the larger reward; flips turn the share asked for', () => {
  const sure = { seed: 5, count: 4000, sharpness: Number.POSITIVE_INFINITY }
  for (const { prompt, better, worse } of compareAnswers(bandit, sure))
    expect(reward(prompt, better)).toBeGreaterThan(reward(prompt, worse))
  const flipped = compareAnswers(bandit, { ...sure, flips: 0.4 })
    .filter(({ prompt, better, worse }) => reward(prompt, better) < reward(prompt, worse))
    .reduce((sum, { count }) => sum + count, 0)
  expect(Math.abs(flipped / 4000 - 0.4)).toBeLessThan(0.03)
})

test('an unsure judge follows Bradley and Terry', () => {
  const found = compareAnswers(bandit, { seed: 7, count: 60_000 })
  const [a, b] = [0, 1]
  const wins = (better: number, worse: number) =>
    found.find((one) => one.prompt === 2 && one.better === better && one.worse === worse)?.count ?? 0
  const expected = 1 / (1 + Math.exp(reward(2, b) - reward(2, a)))
  expect(Math.abs(wins(a, b) / (wins(a, b) + wins(b, a)) - expected)).toBeLessThan(0.06)
})
