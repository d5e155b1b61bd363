import { expect, test } from 'vitest'
import { packTree } from '../batch/index.ts'
import type { Completion } from '../generate/index.ts'
import { sft } from '../objectives/index.ts'
import { type Engine, openModel, type SampleOptions } from './index.ts'

const prompts = [
  [5, 17, 30],
  [9, 4],
  [5, 17, 30, 8, 8],
].map((tokens) => ({ tokens }))

/** The shipped model with an adapter that has learnt something else. */
async function adapted() {
  const opened = await openModel('tiny', {
    train: 'adapter',
    lora: { rank: 4, alpha: 32 } as never,
    seed: 3,
    threads: 1,
  })
  const tokens = [5, 17, 30, 100, 101, 102, 103]
  const tree = packTree([{ id: 0, segments: [{ tokens, loss: tokens.map((_, i) => (i > 2 ? 1 : 0)) }] }])
  for (let i = 0; i < 4; i++) {
    await opened.engine.forwardBackward([tree], { objective: sft, params: sft.params })
    await opened.engine.optimStep({ learningRate: 0.03 })
  }
  return opened
}

async function draw(engine: Engine, options: SampleOptions): Promise<Completion[]> {
  const drawn: Completion[] = []
  for await (const one of engine.sample(prompts, { maxTokens: 6, n: 2, seed: 1, ignoreEos: true }, options))
    drawn.push(one)
  return drawn.sort((a, b) => a.prompt - b.prompt || a.sample - b.sample)
}

test('the next token of a mixture has the normalised product of powers, at every place and in any company', async () => {
  await using opened = await adapted()
  const { engine } = opened
  const vocabulary = engine.config.vocabSize
  /** [V] log-probs of the token at place `at`. */
  const distribution = async (tokens: number[], at: number, adapter: boolean) => {
    const loss = tokens.map((_, i) => (i === at ? 1 : 0))
    const { topk } = await engine.forward(packTree([{ id: 0, segments: [{ tokens, loss }] }]), {
      topk: vocabulary,
      adapter,
    })
    const values = new Float64Array(vocabulary)
    for (const [i, token] of topk?.tokens.entries() ?? []) values[token] = topk?.logprobs[i] ?? 0
    return values
  }
  const share = 0.3
  let apart = 0
  for (const { promptTokens, tokens, logprobs } of await draw(engine, { mixture: { share } })) {
    const path = [...promptTokens, ...tokens]
    for (const [i, token] of tokens.entries()) {
      const at = promptTokens.length + i
      const [own, base] = [await distribution(path, at, true), await distribution(path, at, false)]
      const mixed = own.map((value, t) => (1 - share) * value + share * base[t])
      const norm = Math.log(mixed.reduce((sum, value) => sum + Math.exp(value), 0))
      expect(logprobs[i]).toBeCloseTo(mixed[token] - norm, 4)
      apart = Math.max(apart, Math.abs(own[token] - base[token]))
    }
  }
  expect(apart).toBeGreaterThan(1)
})

test('a share of nothing is the model, the whole share its base', async () => {
  await using opened = await adapted()
  const { engine } = opened
  const [none, whole] = [await draw(engine, { mixture: { share: 0 } }), await draw(engine, { mixture: { share: 1 } })]
  expect(none).toEqual(await draw(engine, {}))
  expect(whole).toEqual(await draw(engine, { adapter: false }))
  expect(whole.map(({ tokens }) => tokens)).not.toEqual(none.map(({ tokens }) => tokens))
})

test('a second model beside the first is mixed as the base below an adapter is', async () => {
  await using opened = await adapted()
  const other = await openModel('tiny', { beside: opened })
  const [base, beside] = [
    await draw(opened.engine, { mixture: { share: 0.3 } }),
    await draw(opened.engine, { mixture: { share: 0.3, other: other.engine } }),
  ]
  expect(beside).toEqual(base)
  await other.close()
  expect(await draw(opened.engine, { mixture: { share: 0.3 } })).toEqual(base)
})

test('a model on a backend of its own is no part of a mixture', async () => {
  await using opened = await adapted()
  await using apart = await openModel('tiny', { threads: 1 })
  const mixed = draw(opened.engine, { mixture: { share: 0.3, other: apart.engine } })
  await expect(mixed).rejects.toMatchObject({ code: 'E_MIXTURE' })
})
