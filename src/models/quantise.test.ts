import { afterAll, describe, expect, test } from 'vitest'
import { distance, fixtureFolder, golden, packed, treeLogprobs } from '../../test/models.ts'
import { openBackend, openReferenceBackend } from '../tensor/index.ts'
import { attachLora, copyParameters, initModel, loadModel, mergeAdapter, weightsHash } from './index.ts'

const reference = openReferenceBackend()
const cpu = await openBackend({ threads: 2 })
afterAll(() => {
  expect([reference.stats().buffers, cpu.stats().buffers]).toEqual([0, 0])
  cpu.close()
})

describe.each(['q8_0', 'nf4'] as const)('%s', (quantize) => {
  test.each(['llama', 'qwen3', 'phi3', 'gpt2'])('%s: native kernels agree with the reference', async (name) => {
    const tree = packed(golden(name).ids)
    const values: number[][] = []
    for (const backend of [reference, cpu]) {
      const model = await loadModel(fixtureFolder(name), { backend, train: 'none', quantize })
      expect(model.trainable()).toEqual([])
      values.push(await treeLogprobs(model, tree))
      model.dispose()
    }
    expect(distance(values[0], values[1])).toBeLessThan(2e-5)
    // And it is another model than the unquantised one, if near it.
    const plain = await loadModel(fixtureFolder(name), { backend: cpu, train: 'none' })
    const off = distance(values[1], await treeLogprobs(plain, tree))
    expect(off).toBeGreaterThan(1e-5)
    expect(off).toBeLessThan(quantize === 'q8_0' ? 0.5 : 4)
    plain.dispose()
  })

  test('takes matrices alone; norms, biases and positions stay as they are, and the vocabulary has 8 bits', async () => {
    const gpt2 = await loadModel(fixtureFolder('gpt2'), { backend: cpu, train: 'none', quantize })
    const dtypeOf = (name: string) => gpt2.parameters.get(`transformer.${name}`)!.dtype
    expect(dtypeOf('h.0.attn.c_attn.weight')).toBe(quantize)
    expect(dtypeOf('h.1.mlp.c_proj.weight')).toBe(quantize)
    for (const name of ['h.0.attn.c_attn.bias', 'ln_f.weight', 'wpe.weight']) expect(dtypeOf(name)).toBe('f32')
    expect(dtypeOf('wte.weight')).toBe('q8_0')
    gpt2.dispose()
  })
})

const config = {
  ...{ model_type: 'llama', vocab_size: 1000, hidden_size: 256, intermediate_size: 704, num_hidden_layers: 2 },
  ...{ num_attention_heads: 4, num_key_value_heads: 2, tie_word_embeddings: true, rms_norm_eps: 1e-5 },
  max_position_embeddings: 64,
}

test('memory shrinks by what the blocks say, and a product of one row keeps no second copy', async () => {
  const bytes: Record<string, number> = {}
  const held: Record<string, number> = {}
  for (const quantize of [undefined, 'q8_0', 'nf4'] as const) {
    const backend = await openBackend({ threads: 1 })
    const model = initModel(config, { backend, seed: 1, quantize })
    await treeLogprobs(model, packed([1, 2, 3]))
    await backend.idle()
    bytes[quantize ?? 'f32'] = backend.stats().bytes
    held[quantize ?? 'f32'] = backend.stats().held
    model.dispose()
    backend.close()
  }
  // Of f32 the packed copy is held too.
  expect(held.q8_0).toBeLessThan(held.f32 / 3)
  const matrices = 4 * (2 * (256 * (256 + 2 * 128 + 256) + 3 * 256 * 704))
  const vocabulary = 4 * 1000 * 256
  const rest = bytes.f32 - matrices - vocabulary
  expect(bytes.q8_0).toBeCloseTo(rest + ((matrices + vocabulary) * 34) / 32 / 4, -1)
  expect(bytes.nf4).toBeCloseTo(rest + (vocabulary * 34) / 32 / 4 + (matrices * 36) / 64 / 4, -1)
})

test('weights go on to other models by value, and adapters are not added to blocks', async () => {
  const model = initModel(config, { backend: cpu, seed: 1, quantize: 'q8_0' })
  const plain = initModel(config, { backend: cpu, seed: 2 })
  await copyParameters(model, plain)
  expect(await weightsHash(plain)).toBe(await weightsHash(model))
  const again = initModel(config, { backend: cpu, seed: 3, quantize: 'q8_0' })
  await copyParameters(plain, again)
  expect(await weightsHash(again)).toBe(await weightsHash(model))
  attachLora(model, { rank: 2 }, { seed: 0 })
  expect(() => mergeAdapter(model)).toThrow(expect.objectContaining({ code: 'E_ADAPTER' }))
  for (const one of [model, plain, again]) one.dispose()
})

test('weights in blocks cannot learn', async () => {
  const work = loadModel(fixtureFolder('llama'), { backend: cpu, train: 'full', quantize: 'nf4' })
  await expect(work).rejects.toMatchObject({ code: 'E_CONFIG', help: expect.stringMatching(/adapter=lora/) })
})
