import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { random } from '../base/index.ts'
import { packTree } from '../batch/index.ts'
import { initModel } from '../models/index.ts'
import { sft } from '../objectives/index.ts'
import { type BackendStats, openBackend } from '../tensor/index.ts'
import { type Engine, openLocalEngine } from './index.ts'

const vocabSize = 64

async function withEngine(
  shape: { width: number; layers: number },
  run: (engine: Engine, stats: () => BackendStats) => Promise<void>,
) {
  const config = {
    ...{ model_type: 'llama', architectures: ['LlamaForCausalLM'], vocab_size: vocabSize, hidden_act: 'silu' },
    ...{ hidden_size: shape.width, intermediate_size: 2 * shape.width, num_hidden_layers: shape.layers },
    ...{ num_attention_heads: 2, max_position_embeddings: 1024, tie_word_embeddings: true, rms_norm_eps: 1e-5 },
  }
  const backend = await openBackend()
  const engine = openLocalEngine(initModel(config, { backend, seed: 1 }), { optimizer: { kind: 'adamw', clip: 1 } })
  await run(engine, backend.stats)
  await engine.close()
  backend.close()
}

const draw = random(1, 'steady')
const row = (id: number, length: number) => ({
  id,
  segments: [
    { tokens: Array.from({ length }, (_, i) => draw.below(vocabSize, id, i)), loss: new Uint8Array(length).fill(1) },
  ],
})
/** Lengths as rows of real chats have them, many short and few long; the data are 1000 rows. */
const someLength = (id: number) => Math.min(300, Math.round(8 + 24 * Math.exp(0.9 * draw.normal(id % 1000, 7))))

/** Live bytes of the JavaScript heap. */
function liveHeap(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed
}

test('memory is flat over 10,000 updates on rows of varying length', async () => {
  await withEngine({ width: 16, layers: 1 }, async (engine, stats) => {
    let after = { bytes: 0, held: 0, heap: 0 }
    let most = 0
    for (let step = 0; step < 10_000; step++) {
      const tree = packTree([row(2 * step, someLength(2 * step)), row(2 * step + 1, someLength(2 * step + 1))])
      await engine.forwardBackward([tree], { objective: sft, params: {} })
      await engine.optimStep({ learningRate: 1e-3 })
      most = Math.max(most, stats().held)
      if (step === 2000) after = { bytes: stats().bytes, held: most, heap: liveHeap() }
      if (step > 2000 && stats().bytes !== after.bytes) expect(stats().bytes).toBe(after.bytes)
    }
    expect(most).toBe(after.held)
    expect(liveHeap() - after.heap).toBeLessThan(1e6)
  })
})

test('the main thread is never held for 50 ms by a training', async () => {
  await withEngine({ width: 128, layers: 4 }, async (engine) => {
    const step = async (id: number) => {
      const rows = Array.from({ length: 8 }, (_, i) => row(8 * id + i, 200))
      await engine.forwardBackward([packTree(rows)], { objective: sft, params: {} })
      await engine.optimStep({ learningRate: 1e-3 })
    }
    for (let id = 0; id < 5; id++) await step(id)
    const delay = monitorEventLoopDelay({ resolution: 1 })
    delay.enable()
    const began = performance.now()
    for (let id = 5; id < 25; id++) await step(id)
    delay.disable()
    expect(performance.now() - began).toBeGreaterThan(100)
    expect(delay.max / 1e6).toBeLessThan(50)
  })
})
