import { expect, test } from 'vitest'
import { prompts, useOnline } from '../../test/online-runs.ts'
import { recipeSuite } from '../../test/recipe-suite.ts'
import { openModel } from '../engine/index.ts'
import { draws, many } from '../envs/draw.ts'
import { drawPlace } from '../envs/trees.ts'
import { logprobGrader } from '../evaluate/index.ts'
import type { Work } from '../proofs/index.ts'
import recipe from './sharpening.ts'

recipeSuite('sharpening')

const run = useOnline()

test.each([
  [1, 0.2],
  [4, 0.5904],
  [16, 0.971853],
])('a mode of probability 0.2 is among %d draws with probability %f', (n, chance) => {
  expect(1 - 0.8 ** n).toBeCloseTo(chance, 5)
  const found = many(3000, draws(n, 'mode'), (draw) =>
    Array.from({ length: n }, () => drawPlace(draw, [0.15, 0.2, 0.65])).includes(1),
  )
  expect(Math.abs(found.filter(Boolean).length / 3000 - chance)).toBeLessThan(0.03)
})

test('the likeliest of the n answers is what is imitated, and the start judges', async () => {
  await using open = await openModel('tiny')
  const seen: { method: string; options: Record<string, unknown> }[] = []
  const online = async (method: string, options: Record<string, unknown>) => {
    seen.push({ method, options })
    const { rounds, samples } = await run(method, { ...options, maxTokens: 4, stepsPerRound: 1 })
    for (const one of rounds) expect(one.rows).toBe(6)
    return JSON.stringify(samples)
  }
  const work = (settings: Record<string, unknown>) =>
    ({ online, model: 'tiny', data: { prompts }, settings: recipe.settings.parse(settings) }) as unknown as Work
  const samples = JSON.parse(await recipe.run(work({ n: 3 })))
  expect(samples).toHaveLength(18)
  for (const { prompt } of prompts) {
    const own = samples.filter((one: { prompt: string }) => one.prompt === prompt)
    const best = Math.max(...own.map(({ score }: { score: number }) => score))
    const chosen = own.filter(({ role }: { role: string }) => role !== null)
    for (const { score } of chosen) expect(score).toBe(best)
  }
  await recipe.run(work({ learner: 'pairs', rounds: 2, optimism: 0.1 }))
  expect(seen.map(({ method }) => method)).toEqual(['raft', 'sharpening'])
  expect(seen[1].options).toMatchObject({ n: 1, rounds: 2, optimism: 0.1, model: 'tiny' })
  expect(logprobGrader(open).id).toBe('own logprob')
})
