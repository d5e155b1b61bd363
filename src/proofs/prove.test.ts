import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { z } from 'zod'
import { pilot, prove } from './prove.ts'
import { type Figures, type Proof, proof, recipe, type Settings } from './types.ts'
import { atLeast, less } from './verdict.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hone-prove-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Two arms that measure what they are told to, and a note of every run. */
function world(
  change: Partial<Proof<null>> = {},
  measure?: (arm: string, settings: Settings, seed: number) => Figures,
) {
  const runs: string[] = []
  const arm = (name: string, gain: number) => ({
    trials: [{ rate: 1 }, { rate: 2 }, { rate: 3 }],
    async run({ seed, isPilot }: { seed: number; isPilot: boolean }, settings: Settings) {
      runs.push(`${name} ${settings['rate']} ${seed}${isPilot ? ' pilot' : ''}`)
      // The best rate is 2 for both.
      const score = gain - (Number(settings['rate']) - 2) ** 2 + 0.01 * (seed % 3)
      return measure?.(name, settings, seed) ?? { score }
    },
  })
  const made = recipe({
    id: 'made-up',
    reads: { pairs: 'pairs' },
    settings: z.strictObject({}),
    run: async () => '',
    proof: proof<null>({
      claim: 'New is better.',
      baseline: 'old',
      seeds: 3,
      pilots: 2,
      goal: 'score',
      shrunk: 'all of it.',
      objectives: [],
      sizes: { full: null, smoke: null },
      arms: { old: arm('old', 0), new: arm('new', 1) },
      judge: ({ of }) => [atLeast('gain', less(of('new', 'score'), of('old', 'score')), 0.5, { beyond: 0 })],
      ...change,
    }),
  })
  return { made, runs }
}

test('every arm tries all its settings on the pilot seeds alone, then runs the best on the seeds of the proof', async () => {
  const { made, runs } = world()
  const proven = await prove(made, { folder })
  expect(proven).toMatchObject({ verdict: 'holds', seeds: [1, 2, 3], settings: { old: { rate: 2 }, new: { rate: 2 } } })
  expect(runs.filter((run) => run.endsWith('pilot'))).toHaveLength(2 * 3 * 2)
  expect(runs.filter((run) => !run.endsWith('pilot'))).toEqual(
    [1, 2, 3].flatMap((seed) => [`old 2 ${seed}`, `new 2 ${seed}`]),
  )
  expect(proven.figures['new']['score'].values).toEqual([1.01, 1.02, 1])
})

test('pilots alone never touch a seed of the proof', async () => {
  const { made, runs } = world()
  const trials = await pilot(made, { folder })
  expect(trials).toHaveLength(6)
  expect(trials[1]).toMatchObject({ arm: 'old', settings: { rate: 2 } })
  expect(trials[1].figures['score']).toBeCloseTo((0.02 + 0) / 2, 12)
  expect(runs.every((run) => run.endsWith('pilot'))).toBe(true)
})

test('what was finished is not run again, more seeds add to it', async () => {
  const { made, runs } = world()
  const first = await prove(made, { folder, seeds: 2 })
  const before = runs.length
  expect(await prove(made, { folder, seeds: 2 })).toEqual(first)
  expect(runs).toHaveLength(before)
  await prove(made, { folder, seeds: 4 })
  expect(runs.slice(before)).toEqual(['old 2 3', 'new 2 3', 'old 2 4', 'new 2 4'])
})

test('a run that is stopped leaves what was finished', async () => {
  const stop = new AbortController()
  const { made, runs } = world({}, (arm, _, seed) => {
    if (arm === 'new' && seed === 1) stop.abort()
    return { score: 1 }
  })
  await expect(prove(made, { folder, signal: stop.signal })).rejects.toThrow()
  const before = runs.length
  await prove(made, { folder })
  expect(runs.slice(before)[0]).toBe('old 1 2')
})

test('arms with unlike numbers of trials are refused, and so is what is no number', async () => {
  const { arms } = world().made.proof
  const unlike = { old: { ...arms['old'], trials: [{ rate: 1 }] }, new: arms['new'] }
  await expect(prove(world({ arms: unlike }).made, { folder })).rejects.toThrow(/old 1, new 3/)
  await expect(prove(world({ pilots: 0 }).made, { folder })).rejects.toThrow(/0 pilot seeds/)
  const broken = world({}, () => ({ score: Number.NaN })).made
  await expect(prove(broken, { folder })).rejects.toThrow(/score = NaN/)
})
