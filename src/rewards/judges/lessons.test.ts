import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { fakeModel } from '../../../test/fake-engine.ts'
import { chatml, fakeTokenizer } from '../../../test/fake-text.ts'
import { encodeRow, toRow } from '../../data/index.ts'
import { openModel } from '../../engine/index.ts'
import { draws, many } from '../../envs/draw.ts'
import { evaluateJudge, type LabelledPair, labelledPairs } from '../../evaluate/index.ts'
import { openModels } from '../../proofs/index.ts'
import { judgeLessons, localModelJudge } from './index.ts'

const [kind, rude] = [
  ['fine', 'glad', 'warm', 'calm'],
  ['grim', 'loud', 'cold', 'mean'],
]
const drawn = many(400, draws(3, 'lessons'), (draw) => {
  return { prompt: 'Greet', chosen: draw.pick(kind), rejected: draw.pick(rude) }
})
const pairs = labelledPairs(drawn.map((value, i) => ({ value, file: 'pairs.jsonl', line: i + 1 })))

test('what is learnt is what the judge asks, token by token, with a template and without one', async () => {
  const tokenizer = fakeTokenizer()
  for (const template of [chatml(), null]) {
    const asked: string[] = []
    const open = fakeModel({
      ...{ tokenizer, template, contextLength: 4000 },
      logprob: (path, token) => {
        asked.push(tokenizer.decode([...path, token]))
        return -1
      },
    })
    const [first] = pairs
    await localModelJudge(open, { swap: false }).compare([first.pair])
    const [lesson] = judgeLessons([first], { plain: template === null })
    const { row } = toRow({ value: lesson, file: 'lessons.jsonl', line: 1 })
    const context = { tokenizer, template, maxLength: 4000, vocabSize: 4000 }
    const path = encodeRow(row, context)?.input.segments.flatMap(({ tokens }) => Array.from(tokens)) ?? []
    const told = tokenizer.decode(path)
    const reply = first.label === 'first' ? 'A' : 'B'
    expect(asked.some((text) => text.trimEnd().endsWith(reply) && told.startsWith(text))).toBe(true)
  }
})

test('even pairs teach nothing; half of the others are answered with B; the rubric is the own one', () => {
  const even: LabelledPair = { ...pairs[0], label: 'tie' }
  const rubric = { pairwise: 'Q {prompt} A {answerA} B {answerB}' }
  const rows = judgeLessons([...pairs, even], { rubric, plain: true })
  expect(rows).toHaveLength(pairs.length)
  expect(rows.filter(({ completion }) => completion === ' B')).toHaveLength(pairs.length / 2)
  const [a, b] = pairs[0].pair.answers
  expect(rows[0]['prompt']).toMatch(new RegExp(`^Q Greet A ${a} B ${b}\n\nReply with A or B`))
})

const root = mkdtempSync(join(tmpdir(), 'hone-lessons-'))
afterAll(() => rmSync(root, { recursive: true }))

test('a model tuned on pairs judges new ones, in either order', async () => {
  const rubric = { pairwise: '{prompt}: {answerA} {answerB}' }
  const models = openModels(root)
  const [taught, asked] = [pairs.slice(0, 320), pairs.slice(320)]
  const data = judgeLessons(taught, { rubric, plain: true })
  const texts = data.map(({ prompt, completion }) => `${prompt}${completion}`)
  const start = await models.fresh({ texts, vocabSize: 300, width: 64, layers: 2, context: 64, seed: 0 })
  const how = { data, epochs: 4, batchSize: 16, learningRate: 3e-3, seed: 0 } as const
  await using untaught = await openModel(start)
  await using judge = await openModel(await models.trained('sft', { model: start, ...how }))
  const agreement = async (open: typeof judge) =>
    (await evaluateJudge(localModelJudge(open, { rubric }), asked)).agreement?.accuracy.value ?? 0
  expect(await agreement(judge)).toBeGreaterThan(0.9)
  expect(await agreement(untaught)).toBeLessThan(0.8)
})
