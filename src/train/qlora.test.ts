import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { packTree } from '../batch/index.ts'
import { openModel } from '../engine/index.ts'
import { tinyChats } from '../envs/index.ts'
import { exportHuggingFace } from '../export/index.ts'
import { sft, type TrainEvent } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'hone-qlora-'))
afterAll(() => rmSync(folder, { recursive: true }))

const keys = { batchSize: 4, learningRate: 1e-2, warmup: 0, rank: 4 } as const
const logprobsOf = async (model: string, quantize?: 'nf4') => {
  await using open = await openModel(model, { quantize })
  const tokens = open.tokenizer.encode('Once upon a time there was a fox.')
  const tree = packTree([{ id: 0, segments: [{ tokens, loss: new Uint8Array(tokens.length).fill(1) }] }])
  return (await open.engine.forward(tree)).logprobs
}

test('an adapter over NF4 is trained, read again over the same blocks, and merged into the weights as they were', async () => {
  const losses: number[] = []
  const onEvent = (event: TrainEvent) => event.type === 'step' && losses.push(event.loss)
  const out = join(folder, 'adapter')
  await sft(
    { model: 'tiny', data: tinyChats(1, 8), out, steps: 6, adapter: 'lora', quantize: 'nf4', ...keys },
    { onEvent },
  )
  expect(losses[5]).toBeLessThan(0.8 * losses[0])
  expect(readdirSync(out)).toContain('adapter_model.safetensors')
  const over = await logprobsOf(out, 'nf4')
  expect(over).not.toEqual(await logprobsOf('tiny', 'nf4'))

  const merged = join(folder, 'merged')
  {
    await using open = await openModel(out)
    await exportHuggingFace(open.model, merged, {
      dtype: 'f32',
      sourceFolder: open.base,
      files: open.tokenizer.files(),
    })
  }
  const plain = await logprobsOf(out)
  const joined = await logprobsOf(merged)
  for (const [i, value] of joined.entries()) expect(value).toBeCloseTo(plain[i], 3)
  expect(plain).not.toEqual(over)
})

test('all weights cannot be trained in blocks', async () => {
  const work = sft({
    model: 'tiny',
    data: tinyChats(1, 8),
    out: join(folder, 'full'),
    steps: 1,
    quantize: 'nf4',
    ...keys,
  })
  await expect(work).rejects.toMatchObject({ code: 'E_CONFIG' })
  expect(readdirSync(folder)).not.toContain('full')
})
