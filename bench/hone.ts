/**
 * hone as a contestant: answers every line on stdin with one measurement.
 *
 *     node --conditions=source bench/hone.ts train|sft|dpo|decode|prefill --shape b --precision f32
 *         [--rank 16] [--batch 1] [--apart] [--threads 2] [--steps 1]
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { random } from 'hone-lm/base'
import { packTree, type RowInput } from 'hone-lm/batch'
import { openLocalEngine } from 'hone-lm/engine'
import { attachLora } from 'hone-lm/models'
import { dpo, type Objective, sft } from 'hone-lm/objectives'
import { openBackend, type Precision, type QuantisedType } from 'hone-lm/tensor'
import { modelOf } from './model.ts'
import { shapeOf } from './shapes.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    shape: { type: 'string', default: 'b' },
    precision: { type: 'string', default: 'f32' },
    rank: { type: 'string', default: '0' },
    batch: { type: 'string', default: '1' },
    threads: { type: 'string', default: '2' },
    quantize: { type: 'string' },
    /** Training steps of a measurement. */
    steps: { type: 'string', default: '1' },
    /** Pairs as two sequences each, the prompt computed for both. */
    apart: { type: 'boolean', default: false },
  },
})
const [what] = positionals
const shape = shapeOf(values.shape)
const precision = values.precision as Precision
const batch = Number(values.batch)
const draw = random(0, 'bench')

const backend = await openBackend({ threads: Number(values.threads) })
const model = modelOf(shape, backend, values.quantize as QuantisedType | undefined)
if (Number(values.rank) > 0)
  attachLora(model, { rank: Number(values.rank), alpha: 32, targets: 'all-linear' }, { seed: 0 })
const engine = openLocalEngine(model, {
  precision,
  optimizer: { kind: 'adamw', weightDecay: 0.1, beta2: 0.95, clip: 0 },
})

const someTokens = (length: number, key: number) => Array.from({ length }, (_, i) => draw.below(shape.vocab, key, i))
/** A row of which every token from `prompt` on is learnt, the first one never. */
const row = (id: number, length: number, prompt = 0): RowInput => ({
  id,
  segments: [
    { tokens: someTokens(length, id), loss: Uint8Array.from({ length }, (_, i) => (i >= Math.max(1, prompt) ? 1 : 0)) },
  ],
})
/** A pair of answers behind one prompt, or each behind its own copy. */
const pair = (id: number, promptLength: number, answerLength: number): RowInput => {
  const loss = new Uint8Array(answerLength).fill(1)
  const prompt = { tokens: someTokens(promptLength, 3 * id) }
  const answers = [0, 1].map((sequence) => ({
    tokens: someTokens(answerLength, 3 * id + 1 + sequence),
    loss,
    sequence,
  }))
  const segments = values.apart
    ? answers.flatMap((answer, i) => [prompt, { ...answer, parent: 2 * i }])
    : [prompt, ...answers.map((answer) => ({ ...answer, parent: 0 }))]
  return { id, segments }
}

type Measure = () => Promise<{ rate: number; [more: string]: number }>

async function update(rows: RowInput[], objective: Objective<never>, reference: Float32Array | null = null) {
  const tree = packTree(rows)
  const given = {
    objective: objective as unknown as Objective,
    params: objective.params,
    reference: reference ? [reference] : undefined,
  }
  await engine.forwardBackward([tree], given)
  await engine.optimStep({ learningRate: 1e-4 })
  return tree.targets.length
}

const seconds = async (work: () => Promise<unknown>) => {
  const began = performance.now()
  await work()
  return (performance.now() - began) / 1000
}

/** Lengths of prompt and answer of 1024 rows of GSM8K, in random order. */
const gsm8k = (): [number, number][] => JSON.parse(readFileSync(new URL('gsm8k-lengths.json', import.meta.url), 'utf8'))

const measures: Record<string, () => Promise<Measure>> = {
  /** Tokens a second of full training steps. */
  async train() {
    const rows = Array.from({ length: shape.rows }, (_, id) => row(id, shape.length + 1))
    const steps = Number(values.steps)
    return async () => ({
      rate:
        (steps * shape.rows * shape.length) /
        (await seconds(async () => {
          for (let i = 0; i < steps; i++) await update(rows, sft as never)
        })),
    })
  },
  /** Loss-carrying tokens a second: 64 rows of GSM8K's lengths an update, packed. */
  async sft() {
    const lengths = gsm8k()
    let at = 0
    return async () => {
      const rows = Array.from({ length: 64 }, (_, i) => {
        const [prompt, answer] = lengths[(at + i) % lengths.length]
        return row(at + i, prompt + answer, prompt)
      })
      at += 64
      let learnt = 0
      const time = await seconds(async () => {
        learnt = await update(rows, sft as never)
      })
      return { rate: learnt / time }
    }
  },
  /** Pairs a second: prompt 512, answers 64 and 64, reference log-probs cached. */
  async dpo() {
    const pairs = Array.from({ length: 4 }, (_, id) => pair(id, 512, 64))
    const tree = packTree(pairs)
    const { logprobs } = await engine.forward(tree)
    return async () => ({ rate: 4 / (await seconds(() => update(pairs, dpo as never, logprobs))) })
  },
  /** New tokens a second after a prompt of 16, 128 of them, `batch` prompts at once. */
  async decode() {
    const once = async (most: number) => {
      const prompts = Array.from({ length: batch }, (_, id) => ({ tokens: someTokens(16, id) }))
      for await (const _ of engine.sample(prompts, { maxTokens: most, ignoreEos: true, temperature: 0 }));
    }
    // The prompt and the first token are taken off, as the peers' counts do.
    return async () => {
      const first = await seconds(() => once(1))
      return { rate: (batch * 127) / ((await seconds(() => once(128))) - first) }
    }
  },
  /** Prompt tokens a second of 512. */
  async prefill() {
    const prompts = [{ tokens: someTokens(512, 0) }]
    return async () => ({
      rate:
        512 /
        (await seconds(async () => {
          for await (const _ of engine.sample(prompts, { maxTokens: 1, ignoreEos: true, temperature: 0 }));
        })),
    })
  },
}

const measure = await measures[what]()
await measure()
await measure()
console.log('{}')
for await (const _ of process.stdin) {
  const measured = await measure()
  console.log(JSON.stringify({ ...measured, rss: process.resourceUsage().maxRSS / 1024 }))
}
await engine.close()
backend.close()
