import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { backends, distance, fixtureFolder, golden, inputsOf, packed, treeLogprobs } from '../../test/models.ts'
import { sharedFolder } from '../../test/shared.ts'
import { random } from '../base/index.ts'
import { openSafetensors, readTensorBytes, writeSafetensors } from '../formats/index.ts'
import { type Backend, openReferenceBackend, Scope } from '../tensor/index.ts'
import {
  attachLora,
  attentionTargets,
  initModel,
  type LoraConfig,
  loadAdapter,
  loadModel,
  type Model,
  mergeAdapter,
  saveAdapter,
} from './index.ts'

const root = mkdtempSync(join(tmpdir(), 'hone-lora-'))
const reference = openReferenceBackend()
afterAll(() => {
  rmSync(root, { recursive: true })
  expect(reference.stats().buffers).toBe(0)
})

const open = (name: string, backend: Backend = reference, train: 'full' | 'none' = 'none') =>
  loadModel(fixtureFolder(name), { backend, train })

/** Gives B values, as training would. */
function stir(model: Model): void {
  for (const { b } of model.adapter!.overlays.values()) {
    const { normal } = random(8, b.name)
    b.write(Float32Array.from({ length: b.size }, (_, i) => 0.2 * normal(i)))
  }
}

describe.each(backends)('an adapter, %s', (kind, openBackend) => {
  let backend: Backend
  beforeAll(async () => {
    backend = await openBackend()
  })
  afterAll(() => {
    expect(backend.stats().buffers).toBe(0)
    backend.close()
  })

  test.each(['llama', 'phi3', 'gpt2'])('%s: at first it changes no bit, and can be left out later', async (name) => {
    const model = await open(name, backend)
    const tree = packed(golden(name).ids)
    const base = await treeLogprobs(model, tree)
    attachLora(model, { rank: 3, alpha: 5, targets: 'all-linear' }, { seed: 2 })
    expect(await treeLogprobs(model, tree)).toEqual(base)
    stir(model)
    expect(distance(await treeLogprobs(model, tree), base)).toBeGreaterThan(0.1)
    expect(await treeLogprobs(model, tree, { adapter: false })).toEqual(base)
    model.dispose()
  })

  test.each(['llama', 'gemma2', 'gpt2'])('%s: merged into f32 weights it computes the same', async (name) => {
    const model = await open(name, backend, 'full')
    const tree = packed(golden(name).ids)
    attachLora(model, { rank: 3, alpha: 5, targets: 'all-linear', rsLora: true }, { seed: 2 })
    stir(model)
    const adapted = await treeLogprobs(model, tree)
    mergeAdapter(model)
    expect(model.adapter).toBeNull()
    expect(distance(await treeLogprobs(model, tree), adapted)).toBeLessThan(1e-4)
    model.dispose()
  })

  test('merged into bf16 weights it is rounded to them, and close', async () => {
    const model = await open('mistral', backend)
    const tree = packed(golden('mistral').ids)
    attachLora(model, { rank: 2 }, { seed: 2 })
    stir(model)
    const adapted = await treeLogprobs(model, tree)
    mergeAdapter(model)
    const name = 'model.layers.1.self_attn.q_proj.weight'
    const weight = model.parameters.get(name)!
    expect(weight.dtype).toBe('bf16')
    expect(distance(await treeLogprobs(model, tree), adapted)).toBeLessThan(0.15)
    model.dispose()
  })

  test('saved and loaded again it has the same bits', async () => {
    const model = await open('gpt2', backend)
    const tree = packed(golden('gpt2').ids)
    const config = { rank: 3, alpha: 7, dropout: 0.25, rsLora: true, targets: 'all-linear' } as const
    attachLora(model, config, { seed: 2 })
    stir(model)
    const folder = join(root, `saved-${kind}`)
    await saveAdapter(model, folder, { base: 'gpt2' })
    const again = await open('gpt2', backend)
    const adapter = await loadAdapter(again, folder)
    const targets = ['c_attn', 'attn.c_proj', 'c_fc', 'mlp.c_proj']
    expect(adapter.config).toEqual({ ...config, targets })
    expect(await treeLogprobs(again, tree)).toEqual(await treeLogprobs(model, tree))
    const first = readFileSync(join(folder, 'adapter_model.safetensors'))
    await saveAdapter(again, folder, { base: 'gpt2' })
    expect(readFileSync(join(folder, 'adapter_model.safetensors')).equals(first)).toBe(true)
    expect(JSON.parse(readFileSync(join(folder, 'adapter_config.json'), 'utf8'))).toMatchObject({
      peft_type: 'LORA',
      task_type: 'CAUSAL_LM',
      base_model_name_or_path: 'gpt2',
      r: 3,
      lora_alpha: 7,
      use_rslora: true,
      fan_in_fan_out: true,
      target_modules: targets,
    })
    model.dispose()
    again.dispose()
  })
})

test('only the adapter learns, with the scale and bounds of its config', async () => {
  const model = await open('llama', reference, 'full')
  expect(model.trainable().length).toBe(model.parameters.size)
  const { overlays, parameters } = attachLora(model, { rank: 4, alpha: 6, rsLora: true }, { seed: 1 })
  expect(model.trainable()).toEqual([...parameters.values()])
  expect([...parameters.keys()].slice(0, 2)).toEqual([
    'base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight',
    'base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight',
  ])
  expect(overlays.size).toBe(2 * 4)
  const { a, scale } = overlays.get('model.layers.0.self_attn.o_proj')!
  expect(scale).toBe(3)
  expect(a.shape).toEqual([4, 48])
  const values = Array.from(await a.read(), Number)
  const most = Math.max(...values.map(Math.abs))
  expect(most).toBeLessThanOrEqual(1 / Math.sqrt(48))
  expect(most).toBeGreaterThan(0.9 / Math.sqrt(48))
  using scope = new Scope(reference, { record: true })
  const y = model.hidden(scope, inputsOf(scope, packed([1, 5, 9])))
  scope.backward(y)
  expect([...model.parameters.values()].filter((parameter) => parameter.hasGrad)).toEqual([])
  expect(model.trainable().every((parameter) => parameter.hasGrad)).toBe(true)
  model.dispose()
})

describe('targets', () => {
  test('default to the projections of the attention, by the names of the family', async () => {
    const expected = {
      llama: ['q_proj', 'k_proj', 'v_proj', 'o_proj'],
      phi3: ['qkv_proj', 'o_proj'],
      gpt2: ['c_attn', 'attn.c_proj'],
    }
    for (const [name, targets] of Object.entries(expected)) {
      const model = await open(name)
      expect(attentionTargets(model)).toEqual(targets)
      model.dispose()
    }
  })

  test('that select nothing are refused with the names there are', async () => {
    const model = await open('phi3')
    const before = reference.stats().buffers
    const attach = (targets: LoraConfig['targets']) => attachLora(model, { targets }, { seed: 1 })
    expect(() => attach(['qkv_proj', 'q_proj', '_proj'])).toThrow(
      expect.objectContaining({
        code: 'E_LORA_TARGET',
        message: "LoRA targets: 'q_proj', '_proj' is in no layer of this phi3 model",
        help: "Its projections are qkv_proj, o_proj, gate_up_proj, down_proj; 'all-linear' takes them all.",
      }),
    )
    expect(() => attach([])).toThrow(/no target is given/)
    for (const bad of [{ rank: 0 }, { rank: 1.5 }, { dropout: 1 }, { alpha: Number.NaN }]) {
      expect(() => attachLora(model, bad, { seed: 1 })).toThrow(expect.objectContaining({ code: 'E_CONFIG' }))
    }
    expect(reference.stats().buffers).toBe(before)
    expect(() => mergeAdapter(model)).toThrow(expect.objectContaining({ code: 'E_ADAPTER' }))
    attach(['model.layers.1.self_attn.o_proj'])
    expect([...model.adapter!.overlays.keys()]).toEqual(['model.layers.1.self_attn.o_proj'])
    expect(() => attach(['o_proj'])).toThrow(/has an adapter already/)
    model.dispose()
  })
})

describe('an adapter folder that does not fit', () => {
  let count = 0
  const damaged = (change: (config: Record<string, unknown>) => void) => {
    const folder = join(root, `damaged-${count++}`)
    cpSync(fixtureFolder('lora-llama'), folder, { recursive: true })
    const path = join(folder, 'adapter_config.json')
    const config = JSON.parse(readFileSync(path, 'utf8'))
    change(config)
    writeFileSync(path, JSON.stringify(config))
    return folder
  }

  test.each([
    ['use_dora', true],
    ['rank_pattern', { q_proj: 8 }],
    ['alpha_pattern', { q_proj: 8 }],
    ['modules_to_save', ['lm_head']],
    ['layers_to_transform', [0]],
    ['bias', 'all'],
    ['init_lora_weights', 'pissa'],
    ['peft_type', 'IA3'],
    ['a_feature_of_tomorrow', { on: true }],
    ['target_modules', '.*attn.*'],
  ])('%s is refused by name', async (key, value) => {
    const model = await open('llama')
    const folder = damaged((config) => {
      config[key] = value
    })
    await expect(loadAdapter(model, folder)).rejects.toMatchObject({
      code: 'E_ADAPTER',
      message: expect.stringContaining(`${key} is ${JSON.stringify(value)}`),
    })
    model.dispose()
  })

  test('tensors missing, unknown and of another shape are listed in one error', async () => {
    const model = await open('llama')
    const before = reference.stats().buffers
    const folder = damaged(() => {})
    const file = join(folder, 'adapter_model.safetensors')
    const entries = [...(await openSafetensors(file)).tensors.values()]
    const parts = await Promise.all(entries.map((entry) => readTensorBytes(entry)))
    const tensors = entries.map((entry, i) => ({ ...entry, bytes: () => parts[i] }))
    const at = (part: string) => tensors.findIndex(({ name }) => name.includes(part))
    tensors[at('layers.0.self_attn.q_proj.lora_A')].name = 'stranger'
    const wide = tensors[at('layers.1.mlp.down_proj.lora_B')]
    wide.shape = [wide.shape[1], wide.shape[0]]
    await writeSafetensors(file, tensors)
    const error = await loadAdapter(model, folder).catch((error) => error)
    expect(error.code).toBe('E_ADAPTER')
    expect(error.message.split('\n').slice(1)).toEqual([
      '  base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight [4,32] is missing',
      '  base_model.model.model.layers.1.mlp.down_proj.lora_B.weight is [4,32], expected [32,4]',
      '  stranger is unknown',
    ])
    expect(reference.stats().buffers).toBe(before)
    expect(model.adapter).toBeNull()
    model.dispose()
  })

  test('an adapter of another model', async () => {
    const model = await open('mistral')
    await expect(loadAdapter(model, fixtureFolder('lora-gpt2'))).rejects.toMatchObject({ code: 'E_LORA_TARGET' })
    model.dispose()
  })
})

const adapterOfGpt2 = `${sharedFolder()}/data/fixture_peft_lora_adapter`
test.runIf(existsSync(adapterOfGpt2))('an adapter that PEFT trained for GPT-2 124M fits its shapes', async () => {
  const { tensors } = await openSafetensors(join(adapterOfGpt2, 'adapter_model.safetensors'))
  // What the adapter lies over in full size, the rest as small as it goes.
  const small = { vocab_size: 64, n_positions: 8, n_inner: 1 }
  const source = { model_type: 'gpt2', n_embd: 768, n_layer: 12, n_head: 12, ...small }
  const model = initModel(source, { backend: reference, seed: 1, deviation: 0 })
  const adapter = await loadAdapter(model, adapterOfGpt2, { train: false })
  expect(adapter.config).toEqual({ rank: 16, alpha: 16, dropout: 0.05, rsLora: false, targets: ['c_attn'] })
  expect([...adapter.parameters.keys()].toSorted()).toEqual([...tensors.keys()].toSorted())
  expect(model.trainable()).toEqual([])
  model.dispose()
})
