import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { backends, distance, fixtureFolder, golden, packed, sequenceLogits, treeLogprobs } from '../../test/models.ts'
import { openCheckpoint, readTensorBytes, type TensorToWrite, writeCheckpoint } from '../formats/index.ts'
import { openReferenceBackend } from '../tensor/index.ts'
import { attachLora, copyParameters, initModel, loadModel, weightsHash } from './index.ts'

const backend = openReferenceBackend()
const root = mkdtempSync(join(tmpdir(), 'hone-models-'))
let count = 0
afterAll(() => {
  rmSync(root, { recursive: true })
  expect(backend.stats().buffers).toBe(0)
})

/** A copy of a fixture whose tensors (and config) were changed. */
async function changed(
  name: string,
  change: (tensors: Map<string, TensorToWrite>, config: Record<string, unknown>) => void,
  maxShardBytes?: number,
): Promise<string> {
  const folder = join(root, `${name}-${count++}`)
  cpSync(fixtureFolder(name), folder, { recursive: true })
  const { tensors } = await openCheckpoint(fixtureFolder(name))
  const entries = [...tensors.values()]
  const parts = await Promise.all(entries.map((entry) => readTensorBytes(entry)))
  const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))
  const written = new Map(entries.map((entry, i) => [entry.name, { ...entry, bytes: () => parts[i] } as TensorToWrite]))
  change(written, config)
  await writeCheckpoint(folder, [...written.values()], { maxShardBytes })
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
  return folder
}

const load = (folder: string, train: 'full' | 'none' = 'none') => loadModel(folder, { backend, train })

async function logprobsOf(folder: string, ids: number[]): Promise<number[]> {
  const model = await load(folder)
  const values = await treeLogprobs(model, packed(ids))
  model.dispose()
  return values
}

describe('tensors that do not fit the config', () => {
  test('are listed in one error, and nothing stays allocated', async () => {
    const folder = await changed('llama', (tensors) => {
      tensors.delete('model.layers.1.mlp.up_proj.weight')
      const norm = tensors.get('model.norm.weight')!
      tensors.set(norm.name, { ...norm, shape: [33], bytes: () => new Uint8Array(33 * 4) })
      tensors.set('model.layers.2.extra', { ...norm, name: 'model.layers.2.extra' })
      const k = tensors.get('model.layers.0.self_attn.k_proj.weight')!
      const bytes = 24 * 32 * 4
      tensors.set(k.name, { ...k, dtype: 'I32', bytes: () => new Uint8Array(bytes) })
    })
    const before = backend.stats().buffers
    const error = await load(folder).catch((error) => error)
    expect(error.code).toBe('E_WEIGHTS')
    expect(error.message.split('\n').slice(1)).toEqual([
      '  model.layers.0.self_attn.k_proj.weight is I32, expected F32, BF16 or F16',
      '  model.layers.1.mlp.up_proj.weight [48,32] is missing',
      '  model.norm.weight is [33], expected [32]',
      '  model.layers.2.extra [32] is unknown',
    ])
    expect(backend.stats().buffers).toBe(before)
  })

  test('an untied head that is missing is not guessed', async () => {
    const folder = await changed('llama', (tensors) => tensors.delete('lm_head.weight'))
    await expect(load(folder)).rejects.toThrow(/lm_head\.weight \[96,32\] is missing/)
  })

  test('a matrix stored the other way round is refused', async () => {
    const folder = await changed('gpt2', (tensors) => {
      const fc = tensors.get('transformer.h.0.mlp.c_fc.weight')!
      tensors.set(fc.name, { ...fc, shape: fc.shape.toReversed() })
    })
    await expect(load(folder)).rejects.toThrow(/h\.0\.mlp\.c_fc\.weight is \[128,32\], expected \[32,128\]/)
  })
})

describe('what a checkpoint may hold or leave out', () => {
  test('tables, masks and the second copy of a tied head', async () => {
    const table = (name: string, length: number) => ({
      name,
      dtype: 'F32' as const,
      shape: [length],
      bytes: () => new Uint8Array(4 * length),
    })
    const llama = await changed('llama3-rope', (tensors) => {
      const name = 'model.layers.0.self_attn.rotary_emb.inv_freq'
      tensors.set(name, table(name, 4))
      const embedding = tensors.get('model.embed_tokens.weight')!
      tensors.set('lm_head.weight', { ...embedding, name: 'lm_head.weight' })
    })
    const { ids } = golden('llama3-rope')
    expect(await logprobsOf(llama, ids)).toEqual(await logprobsOf(fixtureFolder('llama3-rope'), ids))
    const gpt2 = await changed('gpt2', (tensors) => {
      for (const name of ['transformer.h.0.attn.bias', 'transformer.h.1.attn.masked_bias'])
        tensors.set(name, table(name, 1))
    })
    await load(gpt2).then((model) => model.dispose())
  })

  test.each(['gpt2', 'llama'])("%s without the names' prefix", async (name) => {
    const folder = await changed(name, (tensors) => {
      for (const tensor of [...tensors.values()]) {
        tensors.delete(tensor.name)
        const bare = tensor.name.replace(/^(transformer|model)\./, '')
        tensors.set(bare, { ...tensor, name: bare })
      }
    })
    const { ids } = golden(name)
    expect(await logprobsOf(folder, ids)).toEqual(await logprobsOf(fixtureFolder(name), ids))
  })

  test('shards, each read from its own file', async () => {
    const folder = await changed('gemma2', () => {}, 20_000)
    const { ids } = golden('gemma2')
    expect(await logprobsOf(folder, ids)).toEqual(await logprobsOf(fixtureFolder('gemma2'), ids))
    expect(await weightsHash(folder)).toBe(await weightsHash(fixtureFolder('gemma2')))
  })
})

test('frozen weights keep their dtype, trained ones are f32 masters with the same values', async () => {
  const frozen = await load(fixtureFolder('qwen3'))
  const trained = await load(fixtureFolder('qwen3'), 'full')
  expect(frozen.config.dtype).toBe('bf16')
  expect(frozen.trainable()).toEqual([])
  expect(trained.trainable()).toEqual([...trained.parameters.values()])
  for (const [name, parameter] of trained.parameters) {
    const other = frozen.parameters.get(name)!
    expect(parameter.dtype).toBe('f32')
    expect(other.dtype).toBe(parameter.shape.length > 1 ? 'bf16' : 'f32')
    expect(await parameter.read()).toEqual(await other.read())
  }
  expect([...frozen.parameters.keys()]).toEqual([...trained.parameters.keys()])
  expect(frozen.head).toBe(frozen.parameters.get('model.embed_tokens.weight'))
  frozen.dispose()
  trained.dispose()
})

test('progress reaches the end, and a stop leaves nothing', async () => {
  const lines: string[] = []
  const options = { backend, train: 'none' as const }
  const model = await loadModel(fixtureFolder('llama'), { ...options, onProgress: (line) => lines.push(line) })
  expect(lines.at(-1)).toBe('reading weights: 100 % of 0.1 MB')
  model.dispose()
  const stop = new AbortController()
  const loading = loadModel(fixtureFolder('llama'), { ...options, signal: stop.signal, onProgress: () => stop.abort() })
  await expect(loading).rejects.toMatchObject({ code: 'E_ABORTED' })
})

describe('random weights', () => {
  const source = JSON.parse(readFileSync(`${fixtureFolder('gemma2')}/config.json`, 'utf8'))

  test('have the scales of their roles and come from the seed alone', async () => {
    const model = initModel(source, { backend, seed: 3 })
    const deviation = async (name: string) => {
      const values = Array.from(await model.parameters.get(name)!.read(), Number)
      return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length)
    }
    expect(await deviation('model.embed_tokens.weight')).toBeCloseTo(0.02, 3)
    expect(await deviation('model.layers.0.mlp.gate_proj.weight')).toBeCloseTo(0.02, 3)
    expect(await deviation('model.layers.0.mlp.down_proj.weight')).toBeCloseTo(0.02 / Math.sqrt(8), 3)
    expect(await deviation('model.norm.weight')).toBe(0)
    const hash = await weightsHash(model)
    const again = initModel(source, { backend, seed: 3 })
    const other = initModel(source, { backend, seed: 4 })
    expect(await weightsHash(again)).toBe(hash)
    expect(await weightsHash(other)).not.toBe(hash)
    await copyParameters(again, other)
    expect(await weightsHash(other)).toBe(hash)
    for (const each of [model, again, other]) each.dispose()
  })

  test('give a nearly uniform distribution at first', async () => {
    const llama = JSON.parse(readFileSync(`${fixtureFolder('llama')}/config.json`, 'utf8'))
    const model = initModel(llama, { backend, seed: 1 })
    const values = await treeLogprobs(model, packed(golden('llama').ids))
    expect(
      distance(
        values,
        values.map(() => -Math.log(96)),
      ),
    ).toBeLessThan(0.5)
    model.dispose()
  })
})

describe('the hash of weights', () => {
  test.each(['llama-linear-biases', 'gemma2'])(
    'is the same for the folder of %s and every model of it',
    async (name) => {
      const folder = fixtureFolder(name)
      const hash = await weightsHash(folder)
      for (const [, open] of backends) {
        const other = await open()
        for (const train of ['none', 'full'] as const) {
          const model = await loadModel(folder, { backend: other, train })
          expect(await weightsHash(model)).toBe(hash)
          model.dispose()
        }
        other.close()
      }
    },
  )

  test('changes with a weight, with what the config says, and with an adapter', async () => {
    const model = await load(fixtureFolder('llama'), 'full')
    const hash = await weightsHash(model)
    const bias = model.parameters.get('model.norm.weight')!
    const values = Float64Array.from(await bias.read())
    values[3] += 1e-3
    bias.write(values)
    const moved = await weightsHash(model)
    expect(moved).not.toBe(hash)
    attachLora(model, { rank: 2 }, { seed: 1 })
    expect(await weightsHash(model)).not.toBe(moved)
    expect(await weightsHash(model, { adapter: false })).toBe(moved)
    model.dispose()
    const folder = await changed('llama', (_, config) => {
      config['rms_norm_eps'] = 1e-5
    })
    expect(await weightsHash(folder)).not.toBe(hash)
  })
})

test('copyParameters refuses another architecture and leaves the source alone', async () => {
  const llama = await load(fixtureFolder('llama'))
  const mistral = await load(fixtureFolder('mistral'))
  await expect(copyParameters(llama, mistral)).rejects.toMatchObject({ code: 'E_WEIGHTS' })
  const { ids, rows } = golden('llama')
  const elsewhere = openReferenceBackend()
  const source = JSON.parse(readFileSync(`${fixtureFolder('llama')}/config.json`, 'utf8'))
  const copy = initModel(source, { backend: elsewhere, seed: 9 })
  await copyParameters(llama, copy)
  expect(await sequenceLogits(copy, ids, rows)).toEqual(await sequenceLogits(llama, ids, rows))
  for (const model of [llama, mistral, copy]) model.dispose()
  expect(elsewhere.stats().buffers).toBe(0)
})
