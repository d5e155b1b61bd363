import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { backends, distance, fixtureFolder, golden, inputsOf, packed, treeLogprobs } from '../../test/models.ts'
import { random } from '../base/index.ts'
import { packTree, predecessors, type TokenTree } from '../batch/index.ts'
import { attentionPlan, type Backend, gather, logits, logprobs, openReferenceBackend, Scope } from '../tensor/index.ts'
import { attachLora, loadModel, type Model, type ModelInputs } from './index.ts'

const open = (name: string, train: 'full' | 'none' = 'none', backend: Backend = reference) =>
  loadModel(fixtureFolder(name), { backend, train })

const reference = openReferenceBackend()
afterAll(() => {
  expect(reference.stats().buffers).toBe(0)
  reference.close()
})

/** Σ weight · log-prob with its gradient left in the parameters. */
async function lossAndGradient(model: Model, tree: TokenTree, extra: Partial<ModelInputs> = {}): Promise<number> {
  using scope = new Scope(model.backend, { record: true })
  const hidden = model.hidden(scope, { ...inputsOf(scope, tree), ...extra })
  const targets = scope.from(tree.targets.map((index) => tree.tokens[index]))
  const y = logprobs(gather(hidden, predecessors(tree)), model.head, targets, { softcap: model.logitSoftcap })
  const weights = Float64Array.from(tree.targets, (_, i) => Math.sin(i + 1))
  const values = await y.read()
  scope.backward(y, scope.from(weights))
  return weights.reduce((sum, weight, i) => sum + weight * Number(values[i]), 0)
}

const gradientsOf = async (model: Model) => {
  const result = new Map<string, Float64Array>()
  for (const parameter of model.trainable()) {
    result.set(parameter.name, Float64Array.from(await parameter.readGrad()))
    parameter.zeroGrad()
  }
  return result
}

/** Two short rows: a plain one, and a shared prefix with two ends. */
const forked = (ids: number[]) =>
  packTree([
    { id: 4, segments: [{ tokens: ids.slice(0, 9), loss: Array(9).fill(1) }] },
    {
      id: 9,
      segments: [
        { tokens: ids.slice(3, 7), loss: [0, 0, 1, 1] },
        { tokens: ids.slice(7, 12), loss: Array(5).fill(1), parent: 0 },
        { tokens: ids.slice(12, 15), loss: Array(3).fill(1), parent: 0, sequence: 1 },
      ],
    },
  ])

describe('the gradient of a whole model agrees with finite differences', () => {
  test.each(['llama', 'qwen3', 'gemma2', 'phi3', 'gpt2'])('%s', async (name) => {
    const model = await open(name, 'full')
    const tree = forked(golden(name).ids)
    await lossAndGradient(model, tree)
    const gradients = await gradientsOf(model)
    const loss = async () => {
      const values = await treeLogprobs(model, tree)
      return values.reduce((sum, value, i) => sum + Math.sin(i + 1) * value, 0)
    }
    const step = 1e-5
    for (const parameter of model.trainable()) {
      const values = Float64Array.from(await parameter.read())
      const gradient = gradients.get(parameter.name)!
      // Entries that rows of unused tokens would make trivially zero are passed over.
      const from = random(3, parameter.name).below(values.length)
      const entry = [...gradient.keys()].map((i) => (i + from) % values.length).find((i) => gradient[i] !== 0)!
      const held = values[entry]
      values[entry] = held + step
      parameter.write(values)
      const up = await loss()
      values[entry] = held - step
      parameter.write(values)
      const down = await loss()
      values[entry] = held
      parameter.write(values)
      const expected = (up - down) / (2 * step)
      expect(Math.abs(gradient[entry] - expected), `${parameter.name}[${entry}]`).toBeLessThan(
        1e-6 + 1e-6 * Math.abs(expected),
      )
    }
    model.dispose()
  })
})

describe.each(backends)('one model, many ways to compute it, %s', (_, openBackend) => {
  let backend: Backend
  beforeAll(async () => {
    backend = await openBackend()
  })
  afterAll(() => {
    expect(backend.stats().buffers).toBe(0)
    backend.close()
  })
  const names = ['llama', 'mistral', 'qwen2', 'gemma2', 'phi3', 'gpt2']

  test.each(names)('%s: a packed tree gives the log-probs of the separate sequences, to the bit', async (name) => {
    const model = await open(name, 'none', backend)
    const { ids } = golden(name)
    const packedTogether = await treeLogprobs(model, forked(ids))
    const first = await treeLogprobs(model, packed(ids.slice(0, 9)))
    const left = await treeLogprobs(model, packed(ids.slice(3, 12)))
    const right = await treeLogprobs(model, packed([...ids.slice(3, 7), ...ids.slice(12, 15)]))
    expect(packedTogether).toEqual([...first, ...left.slice(1), ...right.slice(3)])
    model.dispose()
  })

  test.each(names)('%s: decoding with a cache gives the logits of the whole sequence, to the bit', async (name) => {
    const model = await open(name, 'none', backend)
    const { keyHeads, headWidth, layers, vocabSize } = model.config
    const { ids } = golden(name)
    using scope = new Scope(backend)
    const head = { softcap: model.logitSoftcap }
    const whole = await logits(model.hidden(scope, inputsOf(scope, packed(ids))), model.head, head).read()
    const rows = 40
    const empty = () => scope.empty([rows, keyHeads * headWidth], 'cache')
    const cache = Array.from({ length: layers }, () => ({ keys: empty(), values: empty() }))
    // The path lies in the cache in three pieces, out of order; the prompt comes in two parts, then one token a pass.
    const places = ids.map((_, i) => (i < 5 ? 30 + i : i < 11 ? 2 + i : i + 5))
    const spans = [
      [30, 5],
      [7, 6],
      [16, 13],
    ]
    const passes = [[0, 5], [5, 11], ...ids.slice(11).map((_, i) => [11 + i, 12 + i])]
    for (const [from, to] of passes) {
      const seen: number[] = []
      let left = to
      for (const [first, count] of spans) {
        if (left > 0) seen.push(first, Math.min(left, count))
        left -= count
      }
      const positions = Int32Array.from(ids.slice(from, to), (_, i) => from + i)
      const hidden = model.hidden(scope, {
        tokens: scope.from(Int32Array.from(ids.slice(from, to))),
        positions: scope.from(positions),
        plan: attentionPlan(scope, [0, to - from, from, 0, seen.length / 2], seen),
        cache: { layers: cache, slots: scope.from(Int32Array.from(places.slice(from, to))) },
      })
      const values = await logits(hidden, model.head, head).read()
      expect(distance(values, whole.slice(from * vocabSize, to * vocabSize)), `tokens ${from} to ${to}`).toBe(0)
    }
    model.dispose()
  })

  test.each(names)('%s: checkpointed layers give the same gradients, to the bit', async (name) => {
    const model = await open(name, 'full', backend)
    const tree = forked(golden(name).ids)
    const loss = await lossAndGradient(model, tree)
    const plain = await gradientsOf(model)
    expect(await lossAndGradient(model, tree, { checkpoint: true })).toBe(loss)
    expect(await gradientsOf(model)).toEqual(plain)
    expect(distance(plain.get(model.head.name)!, new Float64Array(model.head.size))).toBeGreaterThan(1e-3)
    model.dispose()
  })

  test('products in bf16 stay near, and keep their bits in every pack', async () => {
    const model = await open('llama', 'none', backend)
    const { ids } = golden('llama')
    const tree = forked(ids)
    const exact = await treeLogprobs(model, tree)
    const rounded = await treeLogprobs(model, tree, { precision: 'bf16' })
    expect(distance(rounded, exact)).toBeLessThan(0.3)
    expect(distance(rounded, exact)).toBeGreaterThan(1e-4)
    const alone = await treeLogprobs(model, packed(ids.slice(0, 9)), { precision: 'bf16' })
    expect(rounded.slice(0, 8)).toEqual(alone)
    model.dispose()
  })

  test('adapters with dropout: checkpointed, packed otherwise, another step', async () => {
    const model = await open('llama', 'none', backend)
    const adapter = attachLora(model, { rank: 4, dropout: 0.3, targets: 'all-linear' }, { seed: 5 })
    for (const { b } of adapter.overlays.values()) {
      b.write(Float32Array.from({ length: b.size }, (_, i) => 0.1 * Math.sin(i)))
    }
    const tree = forked(golden('llama').ids)
    const run = async (seed: number, checkpoint: boolean) => {
      using scope = new Scope(model.backend)
      const rowIds = scope.from(tree.positions.map((_, i) => (i < 9 ? 4 : 9)))
      const loss = await lossAndGradient(model, tree, { checkpoint, dropout: { seed, rowIds } })
      return { loss, gradients: await gradientsOf(model) }
    }
    const plain = await run(1, false)
    expect(await run(1, true)).toEqual(plain)
    expect((await run(2, false)).loss).not.toBe(plain.loss)
    expect(plain.gradients.size).toBe(2 * 2 * 7)
    model.dispose()
  })
})

test('a pass with a cache refuses a tape, and a disposed model refuses everything', async () => {
  const model = await open('llama')
  using scope = new Scope(reference, { record: true })
  const inputs = inputsOf(scope, packed([1, 2, 3]))
  const cache = { layers: [], slots: scope.from(Int32Array.of(0)) }
  expect(() => model.hidden(scope, { ...inputs, cache })).toThrow(/cannot record/)
  model.dispose()
  model.dispose()
  expect(() => model.hidden(scope, inputs)).toThrow(/after dispose/)
})
