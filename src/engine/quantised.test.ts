import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { packTree } from '../batch/index.ts'
import { exportPeft } from '../export/index.ts'
import { sft } from '../objectives/index.ts'
import { openModel } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'hone-quantised-'))
afterAll(() => rmSync(folder, { recursive: true }))

const lora = { rank: 4, alpha: 8, dropout: 0, targets: 'all-linear', rsLora: false } as const
const row = (tokens: number[]) => ({ id: 0, segments: [{ tokens, loss: new Uint8Array(tokens.length).fill(1) }] })

describe.each([
  ['q8_0', 'f32'],
  ['nf4', 'f32'],
  ['q8_0', 'bf16'],
] as const)('%s in %s', (quantize, precision) => {
  test('an adapter learns over blocks, and the model loaded from its files gives the same log-probs', async () => {
    const out = join(folder, `${quantize}-${precision}`)
    await using open = await openModel('tiny', { train: 'adapter', lora, quantize, precision })
    const tree = packTree([row(open.tokenizer.encode('Once upon a time there was a very small fox.'))])
    const losses: number[] = []
    for (let step = 0; step < 4; step++) {
      losses.push((await open.engine.forwardBackward([tree], { objective: sft, params: {} })).loss)
      await open.engine.optimStep({ learningRate: 1e-2 })
    }
    expect(losses[3]).toBeLessThan(losses[0] - 0.1)
    const trained = await open.engine.forward(tree)
    await exportPeft(open.model, out, { base: 'tiny', files: [] })
    await using again = await openModel(out, { quantize, precision })
    expect(await again.engine.forward(tree)).toEqual(trained)
    // Over the unquantised base it is another model, and that is what merging would start from.
    await using plain = await openModel(out, { precision })
    expect(await plain.engine.forward(tree)).not.toEqual(trained)
  })

  test("the sampler's log-probs are the trainer's floats", async () => {
    await using open = await openModel('tiny', { quantize, precision })
    const prompt = open.tokenizer.encode('Once upon a time')
    for await (const { tokens, logprobs } of open.engine.sample([{ tokens: prompt }], { maxTokens: 24, seed: 3 })) {
      const loss = Uint8Array.from([...prompt.map(() => 0), ...tokens.map(() => 1)])
      const tree = packTree([{ id: 0, segments: [{ tokens: [...prompt, ...tokens], loss }] }])
      expect(Array.from((await open.engine.forward(tree)).logprobs)).toEqual(Array.from(logprobs))
    }
  })
})

test('8 bits change what a model says by little, 4 bits by more', async () => {
  const off: Record<string, number> = {}
  let plain: number | null = null
  for (const quantize of [undefined, 'q8_0', 'nf4'] as const) {
    await using open = await openModel('tiny', { quantize })
    const tree = packTree([row(open.tokenizer.encode('Once upon a time there was a small fox who lived in a wood.'))])
    const { logprobs } = await open.engine.forward(tree)
    const mean = logprobs.reduce((sum, value) => sum + value, 0) / logprobs.length
    plain ??= mean
    off[quantize ?? 'none'] = Math.abs(mean - plain)
  }
  expect(off.q8_0).toBeLessThan(0.01)
  expect(off.nf4).toBeLessThan(0.3)
  expect(off.nf4).toBeGreaterThan(off.q8_0)
})

test('a full training over blocks is refused before anything is read', async () => {
  const opened = openModel('./nowhere', { train: 'full', quantize: 'q8_0' })
  await expect(opened).rejects.toMatchObject({ code: 'E_CONFIG', message: expect.stringMatching(/quantize is q8_0/) })
})
