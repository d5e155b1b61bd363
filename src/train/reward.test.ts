import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { packTree, type RowInput } from '../batch/index.ts'
import { openModel } from '../engine/index.ts'
import { tinyPairs } from '../envs/index.ts'
import { type TrainEvent, train } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'hone-reward-'))
afterAll(() => rmSync(folder, { recursive: true }))

const keys = { model: 'tiny', batchSize: 4, learningRate: 3e-3, warmup: 0, schedule: 'constant', threads: 1 } as const
const data = tinyPairs(1, 8)

async function trained(name: string, more: object) {
  const steps: TrainEvent[] = []
  const onEvent = (event: TrainEvent) => event.type === 'step' && steps.push(event)
  const result = await train('reward', { ...keys, data, out: join(folder, name), ...more } as never, { onEvent })
  const losses = steps.map((step) => (step.type === 'step' ? step.loss : 0))
  return { out: result.out, losses, last: steps.at(-1) }
}

async function scoresOf(model: string): Promise<number[]> {
  await using open = await openModel(model, { threads: 1 })
  const rows = ['A fox.', 'Two foxes and a hen.'].map((text, id): RowInput => {
    const tokens = open.tokenizer.encode(text)
    return { id, segments: [{ tokens, loss: tokens.map(() => 1) }] }
  })
  return [...((await open.engine.forward(packTree(rows))).scores ?? [])]
}

test.each(['weights', 'adapter'])(
  '%s: broken off and resumed it ends with the same bits, and is read again',
  async (kind) => {
    const more = { steps: 4, saveDtype: 'f32', ...(kind === 'adapter' && { adapter: 'lora', rank: 4, dropout: 0.1 }) }
    const whole = await trained(`${kind}-whole`, more)
    expect(whole.losses[3]).toBeLessThan(whole.losses[0])
    const first = await trained(`${kind}-broken`, { ...more, steps: 2 })
    const rest = await trained(`${kind}-broken`, { ...more, resume: true })
    expect([...first.losses, ...rest.losses]).toEqual(whole.losses)
    const [scores, again] = [await scoresOf(whole.out), await scoresOf(rest.out)]
    expect(again).toEqual(scores)
    expect(scores[0]).not.toBe(scores[1])
    expect(await scoresOf(whole.out)).toEqual(scores)
  },
)

test('the result is a model of the reference for one label, and learns on from its own head', async () => {
  const { out } = await trained('format', { steps: 1, saveDtype: 'f32' })
  const config = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'))
  expect(config).toMatchObject({
    architectures: ['LlamaForSequenceClassification'],
    id2label: { 0: 'LABEL_0' },
    pad_token_id: 0,
  })
  const further = await trained('further', { model: out, steps: 1, learningRate: 1e-12 })
  const before = await scoresOf(out)
  for (const [i, score] of (await scoresOf(further.out)).entries()) expect(score).toBeCloseTo(before[i], 4)
  const language = train('sft', { ...keys, data: [{ text: 'A fox.' }], model: out, out: join(folder, 'never') })
  await expect(language).rejects.toMatchObject({ code: 'E_READOUT' })
})

test('an adapter without its scalar head is refused', async () => {
  const { out } = await trained('headless', { steps: 1, adapter: 'lora', rank: 4 })
  const copy = join(folder, 'headless-copy')
  cpSync(out, copy, { recursive: true })
  const plain = await train('sft', {
    ...keys,
    data: [{ text: 'A fox.' }],
    out: join(folder, 'plain'),
    steps: 1,
    adapter: 'lora',
    rank: 4,
  })
  cpSync(join(plain.out, 'adapter_model.safetensors'), join(copy, 'adapter_model.safetensors'))
  await expect(openModel(copy)).rejects.toThrow(/base_model\.model\.score\.weight \[1,192\] is missing/)
})
