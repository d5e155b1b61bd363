import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { recipeSuite } from '../../test/recipe-suite.ts'
import { openVerbs, stageFolder } from '../proofs/index.ts'
import { recipeOf } from './index.ts'

recipeSuite('rlhf-workflow')

const folder = mkdtempSync(join(tmpdir(), 'hone-workflow-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('all of its stages run on data of a user; every round asks prompts of its own', async () => {
  const { run, settings } = await recipeOf('rlhf-workflow')
  const out = join(folder, 'out')
  const words = ['red', 'blue', 'green', 'white', 'black', 'brown']
  const prompts = words.map((word) => ({ prompt: `Say ${word}.` }))
  await run({
    ...openVerbs({ folderOf: (stage) => stageFolder(out, stage) }),
    model: 'tiny',
    data: {
      demonstrations: words.map((word) => ({ prompt: `Say ${word}.`, completion: word })),
      pairs: words.map((word) => ({ prompt: `Say ${word}.`, chosen: word, rejected: 'no' })),
      prompts,
    },
    settings: settings.parse({ rounds: 2, n: 2, maxTokens: 3, batchSize: 3, stepsPerRound: 1, rate: 1e-4 }),
  })
  const events = readFileSync(join(out, 'run/events.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const asked = [1, 2].map(
    (round) => new Set(events.filter((one) => one.round === round && one.type === 'sample').map((one) => one.prompt)),
  )
  expect(asked.map(({ size }) => size)).toEqual([3, 3])
  expect(new Set([...asked[0], ...asked[1]]).size).toBe(6)
  const scores = events.filter((one) => one.type === 'sample').map((one) => one.score)
  expect(new Set(scores).size).toBeGreaterThan(6)
})
