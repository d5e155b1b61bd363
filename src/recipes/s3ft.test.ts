import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { recipeSuite } from '../../test/recipe-suite.ts'
import { openModel } from '../engine/index.ts'
import { promptTokens } from '../evaluate/index.ts'
import { logprobsOf, openModels, type Work } from '../proofs/index.ts'
import type { Grader } from '../rewards/index.ts'
import { readDemonstrations } from './demonstrations.ts'
import recipe, { chooseTargets } from './s3ft.ts'

recipeSuite('s3ft')

const root = mkdtempSync(join(tmpdir(), 'hone-s3ft-'))
afterAll(() => rmSync(root, { recursive: true }))
const models = openModels(root)
const untrained = await models.fresh({ texts: ['red'], vocabSize: 257, width: 32, layers: 1, context: 64, seed: 0 })
/** Has learnt that answers are short. */
const model = await models.trained('sft', {
  ...{ model: untrained, steps: 60, batchSize: 4, learningRate: 1e-2 },
  data: ['Say red.', 'Say blue.', 'Say hi.', 'Say hi again.'].map((prompt) => ({ prompt, completion: ' ok' })),
})

const data = [
  { prompt: 'Say red.', completion: 'red' },
  { prompt: 'Say blue.', completion: 'blue' },
  { prompt: 'Say hi.', completion: 'hi' },
]
const choice = { targets: 's3ft', retell: 'Say {answer} again.', threshold: 1, maxTokens: 6 } as const

/** Says yes as `says` does, and notes what it was asked. */
function judging(says: (call: number, place: number) => boolean) {
  const seen: { prompt: string; text: string }[][] = []
  const grader: Grader = {
    id: 'told',
    grade: async (asked) => {
      seen.push(asked.map(({ prompt, answers }) => ({ prompt, text: answers[0].text })))
      return asked.map((_, place) => [Number(says(seen.length, place))])
    },
  }
  return { grader, seen }
}
const rows = await readDemonstrations(data)

test('a judge that never agrees leaves the data as it is, byte for byte', async () => {
  const { grader, seen } = judging(() => false)
  const chosen = await chooseTargets(model, rows, grader, choice)
  expect(chosen.map(({ given }) => JSON.stringify(given))).toEqual(data.map((row) => JSON.stringify(row)))
  expect(chosen.map(({ bucket }) => bucket)).toEqual(['gold', 'gold', 'gold'])
  // Retellings are judged as answers to the question itself.
  expect(seen.map((asked) => asked.map(({ prompt }) => prompt))).toEqual(
    new Array(2).fill(['Say red.', 'Say blue.', 'Say hi.']),
  )
})

/** What the model says greedily. */
async function greedy(prompts: readonly string[]) {
  await using open = await openModel(model)
  const said: string[] = []
  const asked = prompts.map((prompt) => ({ tokens: promptTokens(open, { prompt }) }))
  for await (const one of open.engine.sample(asked, { temperature: 0, maxTokens: 24 })) said[one.prompt] = one.text
  return said
}

test('a judge that always agrees leaves what the model itself says, asked without the answer', async () => {
  const { grader, seen } = judging(() => true)
  const chosen = await chooseTargets(model, rows, grader, { ...choice, maxTokens: 24 })
  const said = await greedy(['Say red.', 'Say blue.', 'Say hi.'])
  expect(seen).toHaveLength(1)
  expect(seen[0].map(({ text }) => text)).toEqual(said)
  expect(chosen.map(({ bucket }) => bucket)).toEqual(['self', 'self', 'self'])
  expect(chosen.map(({ completion }) => completion)).toEqual(said)
  expect(chosen[0].given).toEqual({ prompt: 'Say red.', completion: said[0] })
})

test('of a conversation the last turn is what is chosen', async () => {
  const turns = (content: string) => ({
    messages: [
      { role: 'user', content: 'Say hi.' },
      { role: 'assistant', content },
    ],
  })
  const { grader, seen } = judging(() => true)
  const chats = await readDemonstrations([turns('hi')])
  const chatting = await models.trained('sft', { model: 'tiny', data: [turns('ok')], steps: 12, learningRate: 3e-3 })
  const [chat] = await chooseTargets(chatting, chats, grader, { ...choice, maxTokens: 24 })
  expect(chat.bucket).toBe('self')
  expect(chat.given).toEqual(turns(seen[0][0].text))
})

test('buckets are a partition, and the same again; the other targets are parts of it', async () => {
  const of = async (targets: 's3ft' | 'no-paraphrase' | 'self-only' | 'gold') => {
    // Right is the first by itself, and the second of what is left when it was told again.
    const { grader } = judging((call, place) => (call === 1 ? place === 0 : place === 1))
    const chosen = await chooseTargets(model, rows, grader, { ...choice, targets, maxTokens: 24 })
    return chosen.map(({ bucket, completion }) => ({ bucket, completion }))
  }
  const [all, again, plain, own, gold] = [
    await of('s3ft'),
    await of('s3ft'),
    await of('no-paraphrase'),
    await of('self-only'),
    await of('gold'),
  ]
  expect(all.map(({ bucket }) => bucket)).toEqual(['self', 'gold', 'paraphrase'])
  expect(again).toEqual(all)
  expect(all[2].completion).toBe((await greedy(['Say hi again.']))[0])
  expect(plain).toEqual([all[0], all[1], { bucket: 'gold', completion: 'hi' }])
  expect(own).toEqual([all[0]])
  expect(gold.map(({ completion }) => completion)).toEqual(['red', 'blue', 'hi'])
})

test('an answer that says the same as the data leaves the row as it was; one that was cut off is not taken', async () => {
  const [said] = await greedy(['Say red.'])
  const same = await readDemonstrations([{ prompt: 'Say red.', completion: said }])
  const { grader } = judging(() => true)
  const [target] = await chooseTargets(model, same, grader, { ...choice, maxTokens: 24 })
  expect(target.given).toEqual(same[0].given)
  const long = { ...choice, targets: 'no-paraphrase', maxTokens: 1 } as const
  const [cut] = await chooseTargets(model, same, judging(() => true).grader, long)
  expect(cut.bucket).toBe('gold')
})

test("the model's own first token is likelier than any other answer's first", async () => {
  const [said] = await greedy(['Say red.'])
  await using open = await openModel(model)
  const [first] = open.tokenizer.encode(said)
  const own = open.tokenizer.decode([first])
  const told = ['blue', 'stone', 'the', own].map((completion) => ({ prompt: 'Say red.', completion }))
  const sums = (await logprobsOf(model, told)).map(({ sum }) => sum)
  expect(Math.max(...sums)).toBe(sums[3])
})

test('what cannot be done is refused; the targets lie beside the result', async () => {
  const { grader } = judging((call) => call === 1)
  const none = judging(() => false).grader
  await expect(chooseTargets(model, rows, grader, { ...choice, retell: 'Again.' })).rejects.toMatchObject({
    code: 'E_CONFIG',
  })
  const texts = await readDemonstrations([{ text: 'It was red.' }])
  await expect(chooseTargets(model, texts, grader, choice)).rejects.toMatchObject({ code: 'E_ROW_FORMAT' })
  const out = mkdtempSync(join(tmpdir(), 'hone-s3ft-'))
  const train = async (_: string, { data }: { data: unknown[] }) => {
    expect(data).toHaveLength(3)
    return out
  }
  const work = (grader: Grader, settings: object) =>
    ({
      train,
      model,
      data: { demonstrations: data },
      grader,
      settings: recipe.settings.parse({ maxTokens: 24, ...settings }),
    }) as unknown as Work
  await recipe.run(work(judging(() => true).grader, {}))
  const lines = readFileSync(join(out, 'targets.jsonl'), 'utf8').trim().split('\n')
  expect(lines.map((line) => JSON.parse(line).bucket)).toEqual(['self', 'self', 'self'])
  rmSync(out, { recursive: true })
  await expect(recipe.run(work(none, { targets: 'self-only' }))).rejects.toMatchObject({ code: 'E_EMPTY' })
})
