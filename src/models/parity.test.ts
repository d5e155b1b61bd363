import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { backends, distance, fixtureFolder, golden, packed, sequenceLogits, treeLogprobs } from '../../test/models.ts'
import { sharedFolder } from '../../test/shared.ts'
import type { Backend } from '../tensor/index.ts'
import { loadAdapter, loadModel } from './index.ts'

const models = [
  'llama',
  'llama3-rope',
  'llama-linear-biases',
  'mistral',
  'qwen2',
  'qwen2-full',
  'qwen3',
  'gemma2',
  'phi3',
  'phi3-longrope',
  'gpt2',
  'gpt2-variant',
]
const adapters = ['lora-llama', 'lora-gpt2']
/** f32 in the recorded reference, f64 or f32 here. */
const TOLERANCE = 2e-4

describe.each(backends)('the logits recorded from the reference implementation, %s', (_, open) => {
  let backend: Backend
  beforeAll(async () => {
    backend = await open()
  })
  afterAll(() => backend.close())

  test.each(models)('%s', async (name) => {
    const { ids, rows, logits, logprobs } = golden(name)
    const model = await loadModel(fixtureFolder(name), { backend, train: 'none' })
    expect(distance((await sequenceLogits(model, ids, rows)).flat(), logits.flat())).toBeLessThan(TOLERANCE)
    expect(distance(await treeLogprobs(model, packed(ids)), logprobs)).toBeLessThan(TOLERANCE)
    model.dispose()
    expect(backend.stats().buffers).toBe(0)
  })

  test.each(adapters)('%s, an adapter of PEFT', async (name) => {
    const { ids, rows, logits, base } = golden(name)
    const model = await loadModel(fixtureFolder(base!), { backend, train: 'none' })
    const plain = await sequenceLogits(model, ids, rows)
    await loadAdapter(model, fixtureFolder(name))
    const adapted = await sequenceLogits(model, ids, rows)
    expect(distance(adapted.flat(), logits.flat())).toBeLessThan(TOLERANCE)
    expect(distance(adapted.flat(), plain.flat())).toBeGreaterThan(0.1)
    model.dispose()
    expect(backend.stats().buffers).toBe(0)
  })

  const shared = sharedFolder()
  test.runIf(shared)('stories260K: recorded log-probs and greedy ids', async () => {
    const folder = `${shared}/models/stories260K`
    const recorded = JSON.parse(readFileSync(`${folder}/golden.json`, 'utf8'))
    const model = await loadModel(folder, { backend, train: 'none' })
    const nll = (await treeLogprobs(model, packed(recorded.nll.ids))).map((value) => -value)
    expect(distance(nll, recorded.nll.nll_per_token)).toBeLessThan(TOLERANCE)
    const ids: number[] = recorded.greedy[0].greedy_ids.slice(0, 41)
    const rows = ids.slice(1).map((_, row) => row)
    const chosen = (await sequenceLogits(model, ids, rows)).map((row) => row.indexOf(Math.max(...row)))
    expect(chosen).toEqual(ids.slice(1))
    model.dispose()
  })
})
