import { expect, test } from 'vitest'
import { exploitability, gameStart, playDpo, playInpo, preferences, winRates } from './game.ts'

const rounds = (share: number) => {
  let policy = [...gameStart]
  for (let t = 0; t < 100; t++) policy = playInpo(policy, { eta: 1, share })
  return exploitability(policy)
}

test('either of two answers is preferred, and the first three go in a circle', () => {
  for (const [i, row] of preferences.entries()) {
    for (const [j, chance] of row.entries()) expect(chance + preferences[j][i]).toBeCloseTo(1, 12)
  }
  for (const i of [0, 1, 2]) expect(preferences[i][(i + 1) % 3]).toBeGreaterThan(0.5)
})

test('the even mixture of the three is the equilibrium', () => {
  const equilibrium = [1 / 3, 1 / 3, 1 / 3, 0, 0]
  expect(exploitability(equilibrium)).toBeCloseTo(0, 12)
  for (const wins of winRates(equilibrium).slice(0, 3)) expect(wins).toBeCloseTo(0.5, 12)
  expect(exploitability(gameStart)).toBeGreaterThan(0.1)
})

test('exact INPO comes close to the equilibrium; without the start in it, it circles farther out', () => {
  expect(rounds(0.05)).toBeCloseTo(0.01, 3)
  expect(rounds(0)).toBeCloseTo(0.139, 3)
})

test('a round does not move the equilibrium when no part of the start is mixed in', () => {
  const policy = [1 / 3, 1 / 3, 1 / 3, 0, 0].map((p) => p + 1e-300)
  expect(playInpo(policy, { eta: 1, share: 0 }).slice(0, 3)).toEqual(
    Array.from({ length: 3 }, () => expect.closeTo(1 / 3, 12)),
  )
})

test('iterative DPO goes round the circle', () => {
  let policy = [...gameStart]
  const late: number[] = []
  for (let t = 0; t < 100; t++) {
    policy = playDpo(policy, { eta: 1 })
    if (t >= 90) late.push(exploitability(policy))
  }
  expect(late.reduce((a, b) => a + b) / 10).toBeCloseTo(0.394, 3)
})

test('the scores that iterative DPO fits are those of Bradley and Terry where two answers are all there is', () => {
  // r beats p with 0.9, so that their odds rise by 9 at β = 1.
  const [r, p] = playDpo([0.5, 0.5, 0, 0, 0], { eta: 1 })
  expect(r / p).toBeCloseTo(9, 6)
})
