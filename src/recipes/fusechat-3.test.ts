import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { recipeSuite } from '../../test/recipe-suite.ts'
import { openVerbs, type StageOptions, stageFolder } from '../proofs/index.ts'
import type { Grader } from '../rewards/index.ts'
import recipe, { best, bestAndWorst, demonstrations, pairs, type Scored, split } from './fusechat-3.ts'

recipeSuite('fusechat-3')

const folder = mkdtempSync(join(tmpdir(), 'hone-fusechat-'))
afterAll(() => rmSync(folder, { recursive: true }))

const scored = (source: string, ...scores: number[]): Scored[] =>
  scores.map((score, i) => ({ source, text: `${source}${i}`, score }))
const settings = recipe.settings.parse({}) as Parameters<typeof pairs>[1]
const checked = { threshold: 1, minGap: 0.01, maxGap: 0.1 }
const judged = { ...checked, threshold: null }

test('where answers are checked the best is right and the worst wrong, or there is no pair', () => {
  expect(bestAndWorst(scored('a', 0, 1, -2, 3), checked)).toMatchObject({
    chosen: { text: 'a3' },
    rejected: { text: 'a2' },
  })
  expect(bestAndWorst(scored('a', 0, 0.5), checked)).toBeNull()
  expect(bestAndWorst(scored('a', 1, 2), checked)).toBeNull()
  expect(best(scored('a', 0, 0.5), checked)).toBeNull()
  expect(best([...scored('a', 0, 1), ...scored('b', 1, 2)], checked)).toMatchObject({ text: 'b1' })
})

test('where they are not, the two differ as much as is wanted; equal scores make no pair', () => {
  expect(bestAndWorst(scored('a', 0.5, 0.55), judged)).toMatchObject({
    chosen: { text: 'a1' },
    rejected: { text: 'a0' },
  })
  expect(bestAndWorst(scored('a', 0.5, 0.505), judged)).toBeNull()
  expect(bestAndWorst(scored('a', 0.5, 0.7), judged)).toBeNull()
  expect(bestAndWorst(scored('a', 0.5, 0.5), { ...judged, minGap: 0 })).toBeNull()
  expect(bestAndWorst(scored('a', 1), checked)).toBeNull()
  expect(bestAndWorst([], checked)).toBeNull()
  expect(best(scored('a', -3), judged)).toMatchObject({ score: -3 })
})

test('both sides of every pair are of one source, which is drawn among those that have a pair', () => {
  const answers = [...scored('a', 0, 1), ...scored('b', 1, 1), ...scored('c', 1, 0)]
  const sampled = Array.from({ length: 60 }, (_, i) => ({ prompt: `${i}`, answers }))
  const found = pairs(sampled, settings)
  expect(found).toHaveLength(60)
  for (const { chosen, rejected } of found) {
    expect(chosen.source).toBe(rejected.source)
    expect([chosen.score, rejected.score]).toEqual([1, 0])
  }
  expect(new Set(found.map(({ chosen }) => chosen.source))).toEqual(new Set(['a', 'c']))
  // Across sources there is one, within each of them there is none.
  expect(pairs([{ prompt: 'x', answers: [...scored('a', 1), ...scored('b', 0)] }], settings)).toEqual([])
})

test('of answers that are equally good a drawn one is taken, for imitation and in pairs', () => {
  const answers = [...scored('a', 1, 1, 0, 0), ...scored('b', 1), ...scored('c', 0, 1)]
  const sampled = Array.from({ length: 60 }, (_, i) => ({ prompt: `${i}`, answers }))
  const imitated = demonstrations(sampled, settings)
  expect(imitated).toHaveLength(60)
  expect(new Set(imitated.map(({ completion }) => completion))).toEqual(new Set(['a0', 'a1', 'b0', 'c1']))
  expect(demonstrations(sampled, settings)).toEqual(imitated)
  const ofA = pairs(sampled, settings).filter(({ chosen }) => chosen.source === 'a')
  expect(new Set(ofA.map(({ chosen }) => chosen.text))).toEqual(new Set(['a0', 'a1']))
  expect(new Set(ofA.map(({ rejected }) => rejected.text))).toEqual(new Set(['a2', 'a3']))
  expect(demonstrations([{ prompt: 'x', answers: scored('a', 0) }], settings)).toEqual([])
})

test('no prompt is both for SFT and for DPO, even if it comes twice', () => {
  const rows = ['a', 'b', 'c', 'd', 'e', 'a', 'b', 'c', 'd', 'e'].map((prompt, i) => ({ prompt, i }))
  const { sft, dpo } = split(rows, { sftShare: 0.6, seed: 3 })
  expect([sft.length, dpo.length]).toEqual([6, 4])
  const told = new Set(sft.map(({ prompt }) => prompt))
  expect(dpo.some(({ prompt }) => told.has(prompt))).toBe(false)
})

const prompts = ['red', 'blue', 'green', 'white', 'black', 'brown'].map((word) => ({ prompt: `Say ${word}.` }))
const byLength: Grader = {
  id: 'length',
  grade: async (asked) => asked.map(({ answers }) => answers.map(({ text }) => text.length)),
}

test('its stages run with the models and prompts of a user, and each learns what it is given', async () => {
  const out = join(folder, 'out')
  const verbs = openVerbs({ folderOf: (stage) => stageFolder(out, stage) })
  const seen: { objective: string; data: readonly Record<string, string>[]; model: string }[] = []
  const train: typeof verbs.train = async (objective, options) => {
    const { data, model } = options as unknown as StageOptions<'sft'>
    seen.push({ objective, data: data as never, model })
    return verbs.train(objective, options)
  }
  const given = {
    sources: ['tiny', 'tiny'],
    n: 3,
    maxTokens: 96,
    threshold: null,
    minGap: 0,
    maxGap: 1000,
    batchSize: 2,
  }
  const own = recipe.settings.parse({ ...given, sftEpochs: 1, temperature: 2.5 })
  const result = await recipe.run({
    ...verbs,
    train,
    model: 'tiny',
    data: { prompts },
    settings: own,
    grader: byLength,
  })
  expect(result).toBe(out)
  expect(seen.map(({ objective }) => objective)).toEqual(['sft', 'ln-dpo'])
  expect(seen[1].model).toBe(join(`${out}.stages`, 'sft'))
  const asked = seen.map(({ data }) => new Set(data.map(({ prompt }) => prompt)))
  for (const prompt of asked[1]) expect(asked[0].has(prompt)).toBe(false)
  for (const { chosen, rejected } of seen[1].data) expect(chosen.length).toBeGreaterThan(rejected.length)
})

test.each([
  [{ sources: [] }, prompts, 'E_CONFIG'],
  [{ sources: ['tiny'] }, [{ prompt: ['no text'] }], 'E_ROW_FORMAT'],
  [{ sources: ['tiny'], n: 1, maxTokens: 96, threshold: null }, prompts, 'E_EMPTY'],
])('what nothing can be learnt from is refused: %j', async (given, data, code) => {
  const own = recipe.settings.parse(given)
  const never = async () => expect.unreachable()
  const verbs = { train: never, online: never, merge: never }
  await expect(
    recipe.run({ ...verbs, model: 'tiny', data: { prompts: data }, settings: own, grader: byLength }),
  ).rejects.toMatchObject({ code })
})
