import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { recipeSuite } from '../../test/recipe-suite.ts'
import { type OnlineStage, openVerbs, stageFolder } from '../proofs/index.ts'
import type { Grader } from '../rewards/index.ts'
import recipe, { majority, pools, scoreOf } from './self-rationalizing-judge.ts'

recipeSuite('self-rationalizing-judge')

const folder = mkdtempSync(join(tmpdir(), 'hone-judge-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('what hits is chosen and what misses by the margin rejected; a judgment without a score is neither', () => {
  const scores = [4, 4, 2, 5, 1]
  expect(pools(scores, 4, 2)).toEqual({ chosen: [0, 1], rejected: [2, 4] })
  expect(pools(scores, 4, 1)).toEqual({ chosen: [0, 1], rejected: [2, 3, 4] })
  expect(pools([4, 4, 4], 4, 1)).toEqual({ chosen: [0, 1, 2], rejected: [] })
  expect(pools([1, 2], 4, 2).chosen).toEqual([])
  expect(pools([null, 4, null, 1], 4, 1)).toEqual({ chosen: [1], rejected: [3] })
})

test('the majority is the commonest score, of equally common ones the first', () => {
  expect(majority([3, 3, 5])).toBe(3)
  expect(majority([5, null, 3, null, 3])).toBe(3)
  expect(majority([5, 3])).toBe(5)
  expect(majority([null, null])).toBeNull()
})

test('a score stands at the end, after the last mark; one within the rationale is none', () => {
  expect(scoreOf('It meets [RESULT] 2 at first. [RESULT] 4', '[RESULT]')).toBe(4)
  expect(scoreOf('I would say 5 [RESULT]', '[RESULT]')).toBeNull()
  expect(scoreOf('[RESULT] 4, because of [RESULT] all that', '[RESULT]')).toBeNull()
  expect(scoreOf('4', '[RESULT]')).toBeNull()
})

/** Runs a recipe without its first stage, with an online training that sees what it was given. */
function run(
  given: Record<string, unknown>,
  items: readonly object[],
  online: (options: OnlineStage) => Promise<string>,
) {
  const settings = recipe.settings.parse({ skipSft: true, ...given })
  const train = async () => 'tiny'
  const data = { demonstrations: [], items } as never
  return recipe.run({ model: 'tiny', data, settings, train, merge: train, online: (_, options) => online(options) })
}

const texts = ['a [RESULT] 4', 'b [RESULT] 4', 'c [RESULT] 2', 'd [RESULT] 5', 'e [RESULT] 1']
const drawn = (list: readonly string[]) => list.map((text) => ({ text, tokens: [1], finish: 'eos' as const }))

async function grades(settings: Record<string, unknown>, score: number | undefined, list: readonly string[]) {
  let found: number[][] = []
  const row = { prompt: 'judge', score }
  await run(settings, [row], async ({ grader }) => {
    found = await (grader as Grader).grade([{ prompt: 'judge', row, answers: drawn(list) }])
    return 'tiny'
  })
  return found[0]
}

test('one pair of an item is drawn from the two pools; where one is empty there is none', async () => {
  const seen = new Set<string>()
  for (let seed = 0; seed < 40; seed++) {
    const told = await grades({ seed }, 4, texts)
    expect([...told].sort((a, b) => a - b)).toEqual([-1, 0, 0, 0, 1])
    seen.add(`${told.indexOf(1)} ${told.indexOf(-1)}`)
  }
  expect([...seen].sort()).toEqual(['0 2', '0 4', '1 2', '1 4'])
  expect(await grades({}, 4, texts.slice(0, 2))).toEqual([0, 0])
  expect(await grades({}, 3, texts)).toEqual([0, 0, 0, 0, 0])
  expect((await grades({ target: 'majority' }, undefined, texts)).indexOf(1)).toBeLessThan(2)
})

test('an item without a gold score is refused before anything is learnt', async () => {
  const never = async () => expect.unreachable()
  await expect(run({}, [{ prompt: 'a', score: 3 }, { prompt: 'b' }], never)).rejects.toMatchObject({
    code: 'E_ROW_FORMAT',
    message: expect.stringMatching(/2 has no number as its score/),
  })
})

test('each round begins at the loss of a model that is its own reference', async () => {
  const out = join(folder, 'out')
  const verbs = openVerbs({ folderOf: (stage) => stageFolder(out, stage) })
  const byLength: Grader = {
    id: 'length',
    grade: async (asked) => asked.map(({ answers }) => answers.map(({ text }) => text.length)),
  }
  const items = ['a', 'b', 'c', 'd'].map((name) => ({ prompt: `Judge ${name}.`, score: 3 }))
  const small = { n: 4, maxTokens: 4, batchSize: 2, stepsPerRound: 2, rate: 1e-3 }
  await run(small, items, (options) => verbs.online('dpo', { ...options, warmup: 0, grader: byLength }))
  const losses = readFileSync(join(out, 'run/events.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ type }) => type === 'step')
    .map(({ loss }) => loss)
  expect(losses).toHaveLength(4)
  for (const first of [losses[0], losses[2]]) expect(first).toBeCloseTo(Math.LN2, 5)
  for (const second of [losses[1], losses[3]]) expect(second).not.toBeCloseTo(Math.LN2, 5)
})
