import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { random } from '../base/index.ts'
import { joinRows, packTree, type RowInput, type TokenTree } from '../batch/index.ts'
import type { Completion } from '../generate/index.ts'
import { initModel } from '../models/index.ts'
import { dpo, type Objective, objective, objectives, sft, tokenMean } from '../objectives/index.ts'
import {
  type Backend,
  mul,
  neg,
  type OptimizerConfig,
  openBackend,
  openReferenceBackend,
  scale,
  sub,
  sum,
} from '../tensor/index.ts'
import { type Engine, openLocalEngine } from './index.ts'

const config = {
  model_type: 'llama',
  architectures: ['LlamaForCausalLM'],
  vocab_size: 40,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 96,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  tie_word_embeddings: true,
  hidden_act: 'silu',
  eos_token_id: 2,
  torch_dtype: 'float32',
}

const draw = random(1, 'engine test')
const row = (id: number, length = 4 + draw.below(9, id)): RowInput => ({
  id,
  segments: [
    {
      tokens: Array.from({ length }, (_, i) => 3 + draw.below(37, id, i)),
      loss: Array.from({ length }, (_, i) => (i > 1 ? 1 : 0)),
    },
  ],
})
const pair = (id: number): RowInput => {
  const answer = (side: number) => {
    const n = 2 + draw.below(4, id, side)
    return {
      tokens: Array.from({ length: n }, (_, i) => 3 + draw.below(37, id, i, side + 1)),
      loss: new Uint8Array(n).fill(1),
      parent: 0,
      sequence: side,
    }
  }
  return { id, segments: [{ tokens: [5, 6, 7 + id] }, answer(0), answer(1)] }
}
const rows = Array.from({ length: 6 }, (_, id) => row(id))

const folder = mkdtempSync(join(tmpdir(), 'hone-engine-'))
afterAll(() => rmSync(folder, { recursive: true }))

const backends: Record<string, () => Promise<Backend>> = {
  reference: async () => openReferenceBackend(),
  cpu: () => openBackend({ threads: 1 }),
}

async function withEngine<T>(
  name: string,
  work: (engine: Engine, backend: Backend) => Promise<T>,
  seed = 3,
  optimizer: Partial<OptimizerConfig> = {},
): Promise<T> {
  const backend = await backends[name]()
  const model = initModel(config, { backend, seed, deviation: 0.3 })
  const engine = openLocalEngine(model, { optimizer: { clip: 0, ...optimizer } })
  try {
    return await work(engine, backend)
  } finally {
    await engine.close()
    expect(backend.stats().buffers).toBe(0)
    backend.close()
  }
}

const gradients = async (engine: Engine, trees: TokenTree[], how: Objective, reference?: Float32Array[]) => {
  const result = await engine.forwardBackward(trees, { objective: how, params: how.params, reference })
  const before = mkdtempSync(join(folder, 'state-'))
  await engine.optimStep({ learningRate: 0 })
  await engine.save(before)
  const { openSafetensors, readTensorFloat32 } = await import('../formats/index.ts')
  const { tensors } = await openSafetensors(join(before, 'state.safetensors'))
  // After one AdamW update at rate 0 the first moment is a tenth of the gradient.
  const means = [...tensors.keys()].filter((name) => name.startsWith('mean.')).sort()
  const flat: number[] = []
  for (const name of means) {
    const entry = tensors.get(name)
    if (entry) flat.push(...(await readTensorFloat32(entry)))
  }
  return { ...result, flat }
}

/** A batch-scoped objective: each token's loss depends on the batch's mean. */
const spread = objective(
  { id: 'spread', summary: '', source: '', form: 'demonstrations', needs: [], params: {}, scope: 'batch' },
  ({ all }) => {
    const mean = scale(sum(all.logprobs), 1 / all.index.length)
    const distance = sub(all.logprobs, mean)
    return { loss: tokenMean(all, mul(neg(all.logprobs), mul(distance, distance))) }
  },
) as Objective

describe.each(Object.keys(backends))('on the %s backend', (name) => {
  const tolerance = name === 'reference' ? 1e-6 : 1e-5

  test('further log-probs are those of a forward pass on the other tokens', async () => {
    await withEngine(name, async (engine) => {
      const tree = packTree([row(1), row(2)])
      const { logprobs, topk } = await engine.forward(tree, { topk: 3 })
      const count = 3
      const candidates = { count, tokens: topk?.tokens ?? new Int32Array(0), logprobs: new Float32Array(0) }
      const { extra = [] } = await engine.forward({ ...tree, candidates })
      for (const [i, value] of (topk?.logprobs ?? []).entries()) expect(extra[i]).toBeCloseTo(value, 5)
      for (const [i, target] of tree.targets.entries()) {
        const [best] = topk?.logprobs.subarray(count * i) ?? []
        const own = topk?.tokens.subarray(count * i, count * (i + 1)).indexOf(tree.tokens[target]) ?? -1
        expect(best).toBeGreaterThanOrEqual(logprobs[i] - 1e-6)
        if (own >= 0) expect(topk?.logprobs[count * i + own]).toBeCloseTo(logprobs[i], 5)
      }
    })
  })

  test('mixing nothing in changes nothing; a whole share is the other token or the other state', async () => {
    await withEngine(name, async (engine) => {
      const tree = packTree([row(1, 6), row(2, 6)])
      const { logprobs } = await engine.forward(tree)
      const blend = async (share: number, tokens: Int32Array, places = tree.tokens.length) => {
        const weights = Float32Array.from(tokens, (_, t) => (t < places ? share : 0))
        return (await engine.forward({ ...tree, inputMix: { tokens, weights } })).logprobs
      }
      const turned = tree.tokens.map((_, t) => tree.tokens[(t + 1) % tree.tokens.length])
      expect(await blend(0, turned)).toEqual(logprobs)
      // The last token of a row is read by none.
      const same = tree.tokens.slice()
      same[5] = 9
      expect((await blend(1, same)).subarray(0, 4)).toEqual(logprobs.subarray(0, 4))
      expect(await blend(1, turned)).not.toEqual(logprobs)

      const first = Int32Array.of(0, 1)
      const second = Int32Array.of(4, 5)
      const mix = async (share: number) => {
        const hiddenMix = { first, second, weights: Float32Array.of(share, share) }
        return (await engine.forward({ ...tree, hiddenMix })).extra ?? []
      }
      const [one, other] = [await mix(1), await mix(0)]
      for (const i of [0, 1]) {
        expect(one[2 * i]).toBeCloseTo(logprobs[first[i]], 5)
        expect(other[2 * i + 1]).toBeCloseTo(logprobs[second[i]], 5)
      }
    })
  })

  test('gradients through candidates and through mixed states are finite differences of the loss', async () => {
    const tree = packTree([joinRows(row(1, 6), row(2, 6))])
    const count = 2
    const candidates = {
      count,
      tokens: Int32Array.from({ length: count * tree.targets.length }, (_, i) => 3 + (i % 7)),
      logprobs: new Float32Array(count * tree.targets.length).fill(Math.log(0.3)),
    }
    const hiddenMix = { first: Int32Array.of(0, 1), second: Int32Array.of(4, 5), weights: Float32Array.of(0.3, 0.3) }
    for (const [objective, batch] of [
      [objectives.distill, { ...tree, candidates }],
      [objectives.sftmix, { ...tree, hiddenMix }],
    ] as const) {
      await withEngine(
        name,
        async (engine) => {
          const call = { objective, params: objective.params }
          const before = await engine.forwardBackward([batch], call)
          const learningRate = name === 'reference' ? 1e-6 : 1e-4
          const { gradNorm } = await engine.optimStep({ learningRate })
          const { loss } = await engine.forwardBackward([batch], call)
          // Plain descent lowers the loss by its rate times the gradient's square, to first order.
          expect((before.loss - loss) / (learningRate * gradNorm ** 2)).toBeCloseTo(1, 1)
        },
        3,
        { kind: 'sgd', momentum: 0 },
      )
    }
  })

  test.each([
    ['sft', sft as unknown as Objective, rows],
    ['dpo', dpo as unknown as Objective, [0, 1, 2, 3].map(pair)],
    ['a batch-scoped objective', spread, rows],
    ['aot', objectives.aot, [0, 1, 2, 3].map(pair)],
    ['kto', objectives.kto, [0, 1, 2, 3].map((id) => ({ ...pair(id), values: { label: [id % 2] } }))],
  ])('%s: the gradient of micro-batches is that of the big batch', async (_, how, inputs) => {
    const splits = [[inputs], [inputs.slice(0, 1), inputs.slice(1, 3), inputs.slice(3)], inputs.map((one) => [one])]
    const found: { loss: number; flat: number[] }[] = []
    for (const split of splits) {
      const trees = split.map((part) => packTree(part))
      const reference = trees.map(
        (tree) => tree.targets.map((t) => -1 - (tree.positions[t] % 3)) as unknown as ArrayLike<number>,
      )
      const asFloats = reference.map((values) => Float32Array.from(values))
      found.push(await withEngine(name, (engine) => gradients(engine, trees, how, asFloats)))
    }
    for (const other of found.slice(1)) {
      expect(other.loss).toBeCloseTo(found[0].loss, 6)
      const norm = Math.hypot(...found[0].flat)
      const apart = Math.hypot(...other.flat.map((v, i) => v - found[0].flat[i]))
      expect(norm).toBeGreaterThan(1e-3)
      expect(apart / norm).toBeLessThan(tolerance)
    }
  })

  test("the sampler's log-probs are the trainer's, bit for bit, in any company", async () => {
    await withEngine(name, async (engine) => {
      const shared = [4, 9, 11, 13, 8]
      const prompts = [[4], shared, [...shared, 7], [...shared, 7, 7, 8], [30, 31, 32]].map((tokens) => ({ tokens }))
      const settings = { maxTokens: 12, seed: 5, n: 2, temperature: 0.9, topP: 0.95 }
      const collect = async (some: typeof prompts, ids?: number[]) => {
        const out: Completion[] = []
        const given = some.map((prompt, i) => ({ ...prompt, id: ids?.[i] ?? i }))
        for await (const completion of engine.sample(given, settings)) out.push(completion)
        return out.sort((a, b) => a.prompt - b.prompt || a.sample - b.sample)
      }
      const together = await collect(prompts)
      expect(together.length).toBe(10)
      for (const completion of together) {
        const tokens = [...completion.promptTokens, ...completion.tokens]
        const loss = tokens.map((_, i) => (i >= completion.promptTokens.length ? 1 : 0))
        const tree = packTree([row(50), { id: 1, segments: [{ tokens, loss }] }])
        const { logprobs } = await engine.forward(tree)
        expect([...logprobs.subarray(logprobs.length - completion.tokens.length)]).toEqual(
          completion.logprobs.map((v) => Math.fround(v)),
        )
        expect(completion.finish === 'eos').toBe(completion.tokens.at(-1) === 2)
      }
      for (const [i, prompt] of prompts.entries()) {
        const alone = await collect([prompt], [i])
        expect(alone.map(({ tokens, logprobs }) => ({ tokens, logprobs }))).toEqual(
          together.filter((c) => c.prompt === i).map(({ tokens, logprobs }) => ({ tokens, logprobs })),
        )
      }
    })
  })

  test('packing and shared prompts leave log-probs as they are', async () => {
    await withEngine(name, async (engine) => {
      const read = async (inputs: RowInput[]) => [...(await engine.forward(packTree(inputs))).logprobs]
      const packed = await read([rows[0], pair(0), rows[1], pair(1)])
      const [root, chosen, rejected] = pair(1).segments
      const flat = (leaf: typeof chosen) => ({
        id: 0,
        segments: [
          {
            tokens: [...Array.from(root.tokens), ...Array.from(leaf.tokens)],
            loss: [0, 0, 0, ...Array.from(leaf.loss ?? [])],
          },
        ],
      })
      const apart = [...(await read([rows[0]])), ...(await read([pair(0)])), ...(await read([rows[1]]))]
      apart.push(...(await read([flat(chosen)])), ...(await read([flat(rejected)])))
      if (name === 'cpu') expect(apart).toEqual(packed)
      else for (const [i, value] of packed.entries()) expect(apart[i]).toBeCloseTo(value, 6)
    })
  })

  test('a saved state goes on with the same bits', async () => {
    const step = async (engine: Engine, i: number) => {
      const { loss } = await engine.forwardBackward([packTree(rows.slice(i, i + 3))], { objective: sft, params: {} })
      await engine.optimStep({ learningRate: 0.01 })
      return loss
    }
    const saved = mkdtempSync(join(folder, 'saved-'))
    const unbroken = await withEngine(name, async (engine) => {
      await step(engine, 0)
      await engine.save(saved)
      return [await step(engine, 1), await step(engine, 2), await step(engine, 3)]
    })
    const resumed = await withEngine(
      name,
      async (engine) => {
        await engine.load(saved)
        expect(engine.weightsVersion).toBe(1)
        return [await step(engine, 1), await step(engine, 2), await step(engine, 3)]
      },
      99,
    )
    // The reference computes in f64 and its checkpoints hold f32.
    if (name === 'cpu') expect(resumed).toEqual(unbroken)
    else for (const [i, loss] of unbroken.entries()) expect(resumed[i]).toBeCloseTo(loss, 4)
  })

  test('an aborted call leaves no gradient behind, and a fired signal stops the sampler', async () => {
    await withEngine(name, async (engine) => {
      const aborted = AbortSignal.abort()
      const call = { objective: sft, params: {}, signal: aborted }
      await expect(engine.forwardBackward([packTree(rows)], call)).rejects.toMatchObject({ code: 'E_ABORTED' })
      expect((await engine.optimStep({ learningRate: 1 })).gradNorm).toBe(0)
      const stop = new AbortController()
      // The long prompt's completion ends first, for want of room.
      const prompts = [{ tokens: new Array(90).fill(4) }, { tokens: [4] }]
      const drawn = engine.sample(prompts, { maxTokens: 50, ignoreEos: true }, { signal: stop.signal })
      const seen: number[] = []
      const all = async () => {
        for await (const { prompt } of drawn) {
          seen.push(prompt)
          stop.abort()
        }
      }
      await expect(all()).rejects.toMatchObject({ code: 'E_ABORTED' })
      expect(seen).toEqual([0])
    })
  })

  test('an update is refused while samples are open', async () => {
    await withEngine(name, async (engine) => {
      const open = engine
        .sample([{ tokens: [4] }, { tokens: [5] }], { maxTokens: 3, ignoreEos: true })
        [Symbol.asyncIterator]()
      await open.next()
      await expect(engine.optimStep({ learningRate: 1, busy: 'refuse' })).rejects.toMatchObject({ code: 'E_SAMPLING' })
      await open.return?.()
      await engine.optimStep({ learningRate: 1, busy: 'refuse' })
    })
  })

  test('bad prompts are refused', async () => {
    await withEngine(name, async (engine) => {
      const run = async (tokens: number[]) => {
        for await (const _ of engine.sample([{ tokens }], {}));
      }
      await expect(run([])).rejects.toMatchObject({ code: 'E_EMPTY' })
      await expect(run([1, 40])).rejects.toMatchObject({ code: 'E_TOKEN_ID' })
      await expect(run(new Array(96).fill(3))).rejects.toMatchObject({ code: 'E_TOO_LONG' })
    })
  })
})
