import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { recipeSuite } from '../../test/recipe-suite.ts'
import { openModels, type Work } from '../proofs/index.ts'
import recipe, { choosePairs } from './self-reinforcement.ts'

recipeSuite('self-reinforcement')

const root = mkdtempSync(join(tmpdir(), 'hone-reinforcement-'))
afterAll(() => rmSync(root, { recursive: true }))
const models = openModels(root)
const base = await models.fresh({ texts: ['red'], vocabSize: 257, width: 32, layers: 1, context: 64, seed: 0 })
const says = (word: string) =>
  models.trained('sft', {
    ...{ model: base, steps: 60, batchSize: 4, learningRate: 1e-2 },
    data: ['a', 'b', 'c', 'd'].map((prompt) => ({ prompt, completion: word })),
  })
const [yes, no] = [await says(' yes'), await says(' no')]
const prompts = ['a', 'b', 'c', 'd']
const settings = { temperature: 0, maxTokens: 8, seed: 0, keep: 1, filtered: true }

test('answers of the later model stand before those of the earlier one', async () => {
  const pairs = await choosePairs({ later: yes, earlier: no }, prompts, settings)
  expect(pairs).toEqual(prompts.map((prompt) => ({ prompt, chosen: ' yes', rejected: ' no' })))
  expect(await choosePairs({ later: yes, earlier: no }, prompts, { ...settings, keep: 0.5 })).toHaveLength(2)
  const some = await choosePairs({ later: yes, earlier: no }, prompts, { ...settings, keep: 0.5, filtered: false })
  expect(some).toEqual(pairs.slice(0, 2))
})

test('two models that answer alike, and an answer that does not end, give no pair', async () => {
  expect(await choosePairs({ later: yes, earlier: yes }, prompts, settings)).toEqual([])
  expect(await choosePairs({ later: yes, earlier: no }, prompts, { ...settings, maxTokens: 2 })).toEqual([])
})

test('every round compares with the model that it begins with; the tuned one is the first', async () => {
  const trained: { objective: string; model: string; stage?: string; pairs: number }[] = []
  const train = async (
    objective: string,
    { model, stage, data }: { model: string; stage?: string; data: object[] },
  ) => {
    trained.push({ objective, model, stage, pairs: data.length })
    return objective === 'sft' ? yes : stage === 'round-1' ? no : 'end'
  }
  const data = { demonstrations: [{ prompt: 'a', completion: ' yes' }], prompts: prompts.map((prompt) => ({ prompt })) }
  const given = { train, model: no, data, settings: recipe.settings.parse({ ...settings, rounds: 2, temperature: 0 }) }
  expect(await recipe.run(given as unknown as Work)).toBe('end')
  expect(trained.map(({ objective, model }) => [objective, model])).toEqual([
    ['sft', no],
    ['dpo', yes],
    ['dpo', no],
  ])
  // Demonstrations that change nothing leave nothing to learn from.
  const useless = { ...given, train: async () => no }
  await expect(recipe.run(useless as unknown as Work)).rejects.toMatchObject({ code: 'E_EMPTY' })
  const bad = { ...given, data: { ...data, prompts: [{ text: 'a' }] } }
  await expect(recipe.run(bad as unknown as Work)).rejects.toMatchObject({ code: 'E_ROW_FORMAT' })
})
