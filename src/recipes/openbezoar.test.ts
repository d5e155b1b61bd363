import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { recipeSuite } from '../../test/recipe-suite.ts'
import { openModels, openVerbs, stageFolder, type Verbs } from '../proofs/index.ts'
import { functionGrader, type Grader } from '../rewards/index.ts'
import openbezoar, { accepted, isFailedEvolution } from './openbezoar.ts'

recipeSuite('openbezoar')

test('an evolution failed that is its parent again, asks for nothing, or is answered with an apology', () => {
  const parent = 'Name three fruits.'
  const failed = (prompt: string, completion = 'Apples.') => isFailedEvolution(parent, { prompt, completion })
  expect(failed('name  THREE\nfruits. ')).toBe(true)
  expect(failed('Name fruits')).toBe(true)
  expect(failed('Name three fruits and their colours.')).toBe(false)
  expect(failed('Name three red fruits.', "I'm sorry, I cannot.")).toBe(true)
  expect(failed('Name three red fruits.', 'Sorry. No.')).toBe(true)
  expect(failed('Tell a tale of a sorry king.', 'A sorry sight he was.')).toBe(false)
  expect(failed('Tell a tale of a sorry king.', 'Sorrybus was a king.')).toBe(false)
})

test('raising the threshold never adds rows, and the judge is not told the scheme', async () => {
  const rows = Array.from({ length: 40 }, (_, i) => {
    const row = { prompt: `Say ${i}.`, completion: String((i * 7) % 11) }
    return { ...row, given: row }
  })
  const seen: unknown[] = []
  const grader: Grader = {
    id: 'told',
    grade: async (asked) => {
      seen.push(...asked)
      return asked.map(({ answers }) => [Number(answers[0].text)])
    },
  }
  let before = rows.map((_, i) => i)
  for (const threshold of [0, 1, 4.5, 9, 10, 11]) {
    const kept = await accepted(rows, grader, threshold)
    expect(kept).toEqual(before.filter((i) => Number(rows[i].completion) >= threshold))
    before = kept
  }
  expect(before).toEqual([])
  expect(JSON.stringify(seen)).not.toMatch(/lamini|evol|orca/)
})

const root = mkdtempSync(join(tmpdir(), 'hone-openbezoar-'))
afterAll(() => rmSync(root, { recursive: true }))
const out = join(root, 'out')
const chats = (words: string[]) => words.map((word) => ({ prompt: `Please say ${word}.`, completion: word }))

/** What each stage was given. */
const learnt = new Map<string | undefined, unknown>()
const asked = (stage: string) => (learnt.get(stage) as { prompt: string }[]).map(({ prompt }) => prompt)

function run(
  data: Partial<Record<'lamini' | 'evol' | 'orca' | 'pairs', readonly unknown[]>>,
  model: string,
  keys = {},
) {
  const opened = openVerbs({ folderOf: (stage) => stageFolder(out, stage), overwrite: true })
  const verbs: Verbs = {
    ...opened,
    train: (objective, options) => {
      learnt.set(options.stage, options.data)
      return opened.train(objective, options)
    },
  }
  const rows = { lamini: chats(['a', 'b']), evol: chats(['c', 'd']), orca: chats(['e', 'f']), pairs: [] }
  const settings = { ...openbezoar.settings.parse({}), batchSize: 2, rank: 2, ...keys }
  const grader = functionGrader('letters', (_, answer) => Number(/[a-e]/.test(answer)))
  return openbezoar.run({ ...verbs, model, grader, settings, data: { ...rows, ...data } })
}

test('each stage has its folder; what was kept of each scheme is counted; no prompt is imitated and compared', async () => {
  const models = openModels(root)
  const model = await models.fresh({ texts: ['a'], vocabSize: 257, width: 32, layers: 1, context: 64, seed: 0 })
  const pair = (i: number) => ({ prompt: `Greet ${i}.`, chosen: ' hi', rejected: ' no' })
  const evol = [
    ...chats(['c', 'd']),
    { prompt: 'please say C.', completion: 'c', parent: 'Please  say c.' },
    { prompt: 'Please say c twice.', completion: 'c c', parent: 'Please say c.' },
  ]
  const pairs = [pair(1), pair(2), pair(3), pair(1)]
  expect(await run({ evol, pairs }, model)).toBe(out)
  expect(JSON.parse(readFileSync(join(out, 'accepted.json'), 'utf8'))).toEqual({
    lamini: { rows: 2, evolved: 2, accepted: 2 },
    evol: { rows: 4, evolved: 3, accepted: 3 },
    orca: { rows: 2, evolved: 2, accepted: 1 },
  })
  expect(asked('chosen adapter')).toEqual(['Greet 1.', 'Greet 2.', 'Greet 1.'])
  expect(asked('dpo adapter')).toEqual(['Greet 3.'])
})

test('says what is missing', async () => {
  const pair = { prompt: 'Greet.', chosen: ' hi', rejected: ' no' }
  await expect(run({ pairs: [pair, pair] }, 'tiny')).rejects.toThrow('2 pairs of 1 prompts leave nothing')
  await expect(run({ pairs: chats(['a']) }, 'tiny')).rejects.toThrow(/rows:1|:1: the row is no pair/)
  const pairs = [pair, { ...pair, prompt: 'Greet me.' }]
  await expect(run({ pairs, orca: chats(['x']) }, 'tiny')).rejects.toThrow('the judge accepts none of 1 rows of orca')
})
