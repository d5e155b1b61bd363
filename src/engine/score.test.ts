import { describe, expect, test } from 'vitest'
import { backends, distance, fixtureFolder, golden } from '../../test/models.ts'
import { random } from '../base/index.ts'
import { packTree, type RowInput } from '../batch/index.ts'
import { attachLora, initModel, loadAdapter, loadModel, type Model } from '../models/index.ts'
import { type Objective, objectives } from '../objectives/index.ts'
import { type Backend, openReferenceBackend } from '../tensor/index.ts'
import { type Engine, openLocalEngine } from './index.ts'

const config = {
  model_type: 'llama',
  architectures: ['LlamaForSequenceClassification'],
  num_labels: 1,
  vocab_size: 40,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 96,
  tie_word_embeddings: true,
}
const draw = random(1, 'score test')
const ids = (length: number, ...key: number[]) => Array.from({ length }, (_, i) => 3 + draw.below(37, i, ...key))
const marks = (tokens: number[]) => tokens.map(() => 1)
const leaf = (tokens: number[], sequence: number, parent = 0) => ({ tokens, loss: marks(tokens), parent, sequence })
const pair = (id: number): RowInput => ({
  id,
  segments: [{ tokens: ids(3, id) }, leaf(ids(4, id, 1), 0), leaf(ids(2 + id, id, 2), 1)],
  values: { margin: [0.1 * id, 0.1 * id] },
})
const single = (id: number, tokens: number[]): RowInput => ({ id, segments: [{ tokens, loss: marks(tokens) }] })
const pathOf = ({ segments: [root, ...answers] }: RowInput, place: number) => [
  ...Array.from(root.tokens),
  ...Array.from(answers[place].tokens),
]

async function withEngine<T>(open: () => Promise<Backend>, work: (engine: Engine, model: Model) => Promise<T>) {
  const backend = await open()
  const model = initModel(config, { backend, seed: 3, deviation: 0.3 })
  const engine = openLocalEngine(model, { optimizer: { clip: 0 } })
  try {
    return await work(engine, model)
  } finally {
    await engine.close()
    expect(backend.stats().buffers).toBe(0)
    backend.close()
  }
}
const scoresOf = async (engine: Engine, rows: RowInput[]) => [...((await engine.forward(packTree(rows))).scores ?? [])]

describe.each(backends)('on the %s backend', (name, open) => {
  test('a score has the same bits alone, packed, and after a prompt shared with another answer', async () => {
    await withEngine(open, async (engine) => {
      const rows = [pair(1), single(2, ids(5, 7)), pair(3)]
      const packed = await scoresOf(engine, rows)
      const alone: number[] = []
      for (const tokens of [
        pathOf(rows[0], 0),
        pathOf(rows[0], 1),
        ids(5, 7),
        pathOf(rows[2], 0),
        pathOf(rows[2], 1),
      ]) {
        alone.push(...(await scoresOf(engine, [single(0, tokens)])))
      }
      if (name === 'cpu') expect(alone).toEqual(packed)
      expect(distance(alone, packed)).toBeLessThan(1e-6)
      expect(new Set(packed).size).toBe(5)
    })
  })

  test('steps of an answer are scored where each ends', async () => {
    await withEngine(open, async (engine) => {
      const steps = [ids(3, 1), ids(2, 2), ids(4, 3)]
      const chain = steps.map((tokens, i) => leaf(tokens, i, i))
      const scores = await scoresOf(engine, [{ id: 0, segments: [{ tokens: [5, 6] }, ...chain] }])
      const upTo = (n: number) => single(0, [5, 6, ...steps.slice(0, n).flat()])
      const cut = [1, 2, 3].map(async (n) => (await scoresOf(engine, [upTo(n)]))[0])
      expect(distance(await Promise.all(cut), scores)).toBeLessThan(1e-6)
    })
  })

  test('the gradient of micro-batches is that of the big batch', async () => {
    const rows = [0, 1, 2, 3].map(pair)
    const gradients: number[][] = []
    for (const split of [[rows], rows.map((row) => [row])]) {
      await withEngine(open, async (engine, model) => {
        const trees = split.map((part) => packTree(part))
        await engine.forwardBackward(trees, { objective: objectives.reward, params: { centering: 0.1 } })
        const all: number[] = []
        for (const parameter of model.trainable()) all.push(...(await parameter.readGrad()))
        gradients.push(all)
      })
    }
    const norm = Math.hypot(...gradients[0])
    expect(norm).toBeGreaterThan(1e-2)
    expect(Math.hypot(...gradients[0].map((g, i) => g - gradients[1][i])) / norm).toBeLessThan(1e-5)
  })

  test.each(['reward-llama', 'reward-gemma2', 'reward-gpt2', 'reward-lora'])(
    '%s: the scores of the reference',
    async (at) => {
      const { rows, scores, base } = golden(at) as unknown as { rows: number[][]; scores: number[]; base?: string }
      const backend = await open()
      const folder = fixtureFolder(base ?? at)
      const model = await loadModel(folder, { backend, train: 'none', ...(base && { scoreSeed: 1 }) })
      if (base) await loadAdapter(model, fixtureFolder(at))
      const engine = openLocalEngine(model)
      expect([...engine.readouts]).toEqual(['score'])
      expect(
        distance(
          await scoresOf(
            engine,
            rows.map((tokens, id) => single(id, tokens)),
          ),
          scores,
        ),
      ).toBeLessThan(2e-4)
      await engine.close()
      backend.close()
    },
  )
})

const stepsRow = (id: number): RowInput => ({
  id,
  segments: [{ tokens: ids(3, id) }, leaf(ids(2, id, 1), 0), leaf(ids(3, id, 2), 1, 1)],
  values: { label: [1, 0.3] },
})

test.each([
  ['reward', pair, false],
  ['reward-listwise', pair, false],
  ['reward-process', stepsRow, false],
  ['reward', pair, true],
] as const)('%s: gradients of head and decoder are their finite differences', async (id, row, lora) => {
  await withEngine(
    async () => openReferenceBackend(),
    async (engine, model) => {
      const adapter = lora && attachLora(model, { rank: 2, targets: 'all-linear' }, { seed: 2 })
      for (const { b } of adapter ? adapter.overlays.values() : []) {
        b.write(Float64Array.from({ length: b.size }, (_, i) => 0.1 * draw.normal(i, b.size)))
      }
      const trees = [packTree([row(1), row(2)])]
      const objective = objectives[id] as Objective
      const loss = async () => {
        const value = (await engine.forwardBackward(trees, { objective, params: objective.params })).loss
        return value
      }
      await loss()
      const learning = model.trainable()
      expect(learning.some(({ name }) => name === 'score.weight')).toBe(true)
      const slopes = await Promise.all(learning.map(async (parameter) => Float64Array.from(await parameter.readGrad())))
      for (const [p, parameter] of learning.entries()) {
        if (p % 4 !== 0 && parameter !== model.score) continue
        const held = Float64Array.from(await parameter.read())
        // Scores are read back as f32: a wide step keeps their rounding small beside the difference.
        const i = slopes[p].reduce((best, slope, j) => (Math.abs(slope) > Math.abs(slopes[p][best]) ? j : best), 0)
        const at = async (step: number) => {
          parameter.write(held.map((x, j) => (j === i ? x + step : x)))
          return loss()
        }
        const slope = (8 * ((await at(2e-3)) - (await at(-2e-3))) - ((await at(4e-3)) - (await at(-4e-3)))) / 24e-3
        parameter.write(held)
        expect(Math.abs(slope - slopes[p][i]), parameter.name).toBeLessThan(2e-4 * Math.max(1, Math.abs(slope)))
      }
    },
  )
})

test('a head gives what it gives: objectives of the other kind, and samples, are refused by name', async () => {
  await withEngine(
    async () => openReferenceBackend(),
    async (engine) => {
      const asked = engine.forwardBackward([packTree([single(0, [3, 4])])], { objective: objectives.sft, params: {} })
      await expect(asked).rejects.toThrow(/sft reads logprob, and this model gives score/)
      const drawn = engine
        .sample([{ tokens: [4] }], {})
        [Symbol.asyncIterator]()
        .next()
      await expect(drawn).rejects.toThrow(/sample reads logprob, and this model gives score/)
      const unmarked = { id: 9, segments: [{ tokens: [3, 4] }, leaf([5], 1)] }
      await expect(engine.forward(packTree([unmarked]))).rejects.toThrow(/row 9: sequence 0 has no marks/)
    },
  )
  const backend = openReferenceBackend()
  const model = initModel({ ...config, architectures: ['LlamaForCausalLM'] }, { backend, seed: 1 })
  const engine = openLocalEngine(model)
  const asked = engine.forwardBackward([packTree([pair(1)])], {
    objective: objectives.reward,
    params: { centering: 0 },
  })
  await expect(asked).rejects.toMatchObject({ code: 'E_READOUT' })
  await engine.close()
})
