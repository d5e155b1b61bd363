import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { backends, distance, fixtureFolder, golden, packed, treeLogprobs } from '../../test/models.ts'
import { random } from '../base/index.ts'
import { openCheckpoint, readTensorBytes, readTensorFloat32 } from '../formats/index.ts'
import { attachLora, initModel, loadAdapter, loadModel, type Model, weightsHash } from '../models/index.ts'
import { type Backend, openReferenceBackend } from '../tensor/index.ts'
import { exportHuggingFace, exportPeft } from './index.ts'

const root = mkdtempSync(join(tmpdir(), 'hone-export-'))
const reference = openReferenceBackend()
let count = 0
const newFolder = () => join(root, String(count++))
afterAll(() => {
  rmSync(root, { recursive: true })
  expect(reference.stats().buffers).toBe(0)
})

const configOf = (folder: string) => JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))
const open = (folder: string, train: 'full' | 'none' = 'none', backend: Backend = reference) =>
  loadModel(folder, { backend, train })

/** Moves every weight a little, as an update does, to values that bf16 cannot hold. */
async function train(model: Model): Promise<void> {
  for (const parameter of model.trainable()) {
    const { normal } = random(4, parameter.name)
    parameter.write(Float32Array.from(await parameter.read(), (value, i) => Number(value) + 1e-3 * normal(i)))
  }
}

describe.each(backends)('an exported folder, %s', (_, openBackend) => {
  let backend: Backend
  beforeAll(async () => {
    backend = await openBackend()
  })
  afterAll(() => {
    expect(backend.stats().buffers).toBe(0)
    backend.close()
  })

  test.each(['llama', 'gemma2', 'phi3', 'gpt2'])('%s: f32, loaded again, gives the same bits', async (name) => {
    const model = await open(fixtureFolder(name), 'full', backend)
    await train(model)
    const folder = newFolder()
    await exportHuggingFace(model, folder, { dtype: 'f32' })
    const again = await open(folder, 'none', backend)
    const tree = packed(golden(name).ids)
    expect(await treeLogprobs(again, tree)).toEqual(await treeLogprobs(model, tree))
    expect(again.config.dtype).toBe('f32')
    model.dispose()
    again.dispose()
  })

  test.each(['llama', 'qwen3', 'llama-linear-biases'])('%s: untouched weights keep their bytes', async (name) => {
    const model = await open(fixtureFolder(name), 'none', backend)
    const folder = newFolder()
    await exportHuggingFace(model, folder)
    const source = await openCheckpoint(fixtureFolder(name))
    const written = await openCheckpoint(folder)
    expect([...written.tensors.keys()].toSorted()).toEqual([...source.tensors.keys()].toSorted())
    for (const [tensor, entry] of source.tensors) {
      const other = written.tensors.get(tensor)!
      expect([other.dtype, other.shape]).toEqual([entry.dtype, entry.shape])
      expect(await readTensorBytes(other)).toEqual(await readTensorBytes(entry))
    }
    model.dispose()
  })

  test.each([
    ['bf16', 8],
    ['f16', 11],
  ] as const)('%s holds the masters rounded to nearest even', async (dtype, bits) => {
    const model = await open(fixtureFolder('mistral'), 'full', backend)
    await train(model)
    const folder = newFolder()
    await exportHuggingFace(model, folder, { dtype })
    const { tensors } = await openCheckpoint(folder)
    for (const [name, parameter] of model.parameters) {
      const stored = await readTensorFloat32(tensors.get(name)!)
      const masters = await parameter.read()
      for (let i = 0; i < stored.length; i++) {
        const value = Math.fround(Number(masters[i]))
        // One unit in the last of `bits` significant ones; below 2^-14 f16 has fewer.
        const exponent = Math.max(Math.floor(Math.log2(Math.abs(value))), dtype === 'f16' ? -14 : -126)
        const unit = 2 ** (exponent - bits + 1)
        const quotient = value / unit
        const down = Math.floor(quotient)
        const even = down % 2 === 0 ? down : down + 1
        const expected = quotient - down === 0.5 ? even : Math.round(quotient)
        if (stored[i] !== expected * unit) expect(stored[i], `${name}[${i}] of ${value}`).toBe(expected * unit)
      }
    }
    model.dispose()
  })

  test('merges an adapter unless told otherwise', async () => {
    const { ids, base } = golden('lora-gpt2')
    const model = await open(fixtureFolder(base!), 'none', backend)
    const tree = packed(ids)
    const plain = await treeLogprobs(model, tree)
    await loadAdapter(model, fixtureFolder('lora-gpt2'))
    const [merged, bare] = [newFolder(), newFolder()]
    await exportHuggingFace(model, merged)
    await exportHuggingFace(model, bare, { adapter: false })
    const first = await open(merged, 'none', backend)
    const second = await open(bare, 'none', backend)
    expect(distance(await treeLogprobs(first, tree), await treeLogprobs(model, tree))).toBeLessThan(1e-4)
    expect(await treeLogprobs(second, tree)).toEqual(plain)
    expect(model.adapter).not.toBeNull()
    for (const each of [model, first, second]) each.dispose()
  })
})

test('several files, an index, and the same weights', async () => {
  const model = await open(fixtureFolder('qwen2'))
  const folder = newFolder()
  await exportHuggingFace(model, folder, { maxShardBytes: 15_000 })
  const files = readdirSync(folder)
  expect(files).toContain('model.safetensors.index.json')
  expect(files.filter((file) => file.endsWith('.safetensors')).length).toBeGreaterThan(2)
  expect(await weightsHash(folder)).toBe(await weightsHash(fixtureFolder('qwen2')))
  model.dispose()
})

test('the config keeps what it said and names the dtype under the key it used', async () => {
  const newer = await open(fixtureFolder('mistral'))
  const older = await open(fixtureFolder('qwen2-full'))
  const [first, second] = [newFolder(), newFolder()]
  await exportHuggingFace(newer, first, { dtype: 'f16' })
  await exportHuggingFace(older, second)
  expect(configOf(first)).toEqual({ ...configOf(fixtureFolder('mistral')), dtype: 'float16' })
  expect(configOf(second)).toEqual(configOf(fixtureFolder('qwen2-full')))
  expect(configOf(second).torch_dtype).toBe('bfloat16')
  newer.dispose()
  older.dispose()
  const source = { model_type: 'gpt2', vocab_size: 8, n_embd: 4, n_layer: 1, n_head: 2, n_positions: 4 }
  const fresh = initModel(source, { backend: reference, seed: 1 })
  const third = newFolder()
  await exportHuggingFace(fresh, third)
  expect(configOf(third)).toEqual({ architectures: ['GPT2LMHeadModel'], ...source, torch_dtype: 'float32' })
  const fourth = newFolder()
  await exportHuggingFace(fresh, fourth, { config: { n_positions: 8 } })
  expect(configOf(fourth)).toEqual({ ...configOf(third), n_positions: 8 })
  fresh.dispose()
})

test('generation config and tokenizer files come along', async () => {
  const model = await open(fixtureFolder('llama3-rope'))
  const source = newFolder()
  await exportHuggingFace(model, source)
  writeFileSync(join(source, 'generation_config.json'), '{"eos_token_id":[2,5]}')
  writeFileSync(join(source, 'tokenizer.json'), 'theirs')
  writeFileSync(join(source, 'notes.txt'), 'not a tokenizer file')
  const [copied, given] = [newFolder(), newFolder()]
  await exportHuggingFace(model, copied, { sourceFolder: source })
  await exportHuggingFace(model, given, { sourceFolder: source, files: [{ name: 'merges.txt', content: 'ours' }] })
  const text = (folder: string, name: string) => readFileSync(join(folder, name), 'utf8')
  expect(readdirSync(copied)).toEqual(['config.json', 'generation_config.json', 'model.safetensors', 'tokenizer.json'])
  expect(text(copied, 'tokenizer.json')).toBe('theirs')
  expect(readdirSync(given)).toEqual(['config.json', 'generation_config.json', 'merges.txt', 'model.safetensors'])
  expect(text(given, 'generation_config.json')).toBe('{"eos_token_id":[2,5]}')
  model.dispose()
})

test('a weight beyond f16 and a stop leave no config behind', async () => {
  const model = await open(fixtureFolder('llama'), 'full')
  const name = 'model.layers.1.mlp.up_proj.weight'
  const parameter = model.parameters.get(name)!
  const values = Float64Array.from(await parameter.read())
  values[7] = 65519
  parameter.write(values)
  await exportHuggingFace(model, newFolder(), { dtype: 'f16' })
  values[7] = -65520
  parameter.write(values)
  const folder = newFolder()
  await expect(exportHuggingFace(model, folder, { dtype: 'f16' })).rejects.toMatchObject({
    code: 'E_NOT_FINITE',
    message: `${name} holds -65520, which f16 cannot`,
  })
  expect(readdirSync(folder)).toEqual([])
  const stopped = exportHuggingFace(model, folder, { signal: AbortSignal.abort() })
  await expect(stopped).rejects.toMatchObject({ code: 'E_ABORTED' })
  expect(existsSync(join(folder, 'config.json'))).toBe(false)
  model.dispose()
})

test('an adapter folder, with its tokenizer, is a PEFT folder', async () => {
  const model = await open(fixtureFolder('llama'))
  await expect(exportPeft(model, newFolder())).rejects.toMatchObject({ code: 'E_ADAPTER' })
  attachLora(model, { rank: 2, targets: ['v_proj'] }, { seed: 1 })
  const folder = newFolder()
  await exportPeft(model, folder, { base: 'owner/name', files: [{ name: 'tokenizer.json', content: '{}' }] })
  expect(readdirSync(folder)).toEqual(['adapter_config.json', 'adapter_model.safetensors', 'tokenizer.json'])
  const config = JSON.parse(readFileSync(join(folder, 'adapter_config.json'), 'utf8'))
  expect(config).toMatchObject({ base_model_name_or_path: 'owner/name', target_modules: ['v_proj'], r: 2 })
  model.dispose()
})
