import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { tinyChats, tinyPairs } from '../envs/index.ts'
import { dpo, sft, type TrainEvent } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'hone-dpo-'))
afterAll(() => rmSync(folder, { recursive: true }))

test.each(['weights', 'adapter'])(
  'the reference is the model as it stands at the start, its %s tuned',
  async (kind) => {
    const adapter = kind === 'adapter' ? ({ adapter: 'lora', rank: 4 } as const) : {}
    const keys = { batchSize: 4, learningRate: 1e-2, warmup: 0, ...adapter }
    const tuned = await sft({
      model: 'tiny',
      data: tinyChats(1, 8),
      out: join(folder, `sft-${kind}`),
      steps: 3,
      ...keys,
    })
    const steps: TrainEvent[] = []
    const target = { model: tuned.out, data: tinyPairs(1, 8), out: join(folder, `dpo-${kind}`) }
    await dpo({ ...target, steps: 2, ...keys }, { onEvent: (event) => event.type === 'step' && steps.push(event) })
    // Before the first update policy and reference are one model: the same floats, a margin of 0.
    expect(steps[0]).toMatchObject({ loss: Math.LN2, metrics: { accuracy: 0.5, margin: 0 } })
    expect(steps[1]).not.toMatchObject({ loss: Math.LN2 })
  },
)
