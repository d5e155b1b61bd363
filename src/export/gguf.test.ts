import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gguf } from '@huggingface/gguf'
import { afterAll, describe, expect, test } from 'vitest'
import { fixtureFolder } from '../../test/models.ts'
import { type GgufFile, openGguf, readGgufTensor } from '../formats/index.ts'
import { initModel, loadModel, type Model, parseModelConfig, readWeight } from '../models/index.ts'
import { openReferenceBackend } from '../tensor/index.ts'
import { tokenizerFromJson } from '../text/tokenizer.ts'
import { exportGguf, type GgufOptions } from './index.ts'

const root = mkdtempSync(join(tmpdir(), 'hone-gguf-'))
const backend = openReferenceBackend()
let count = 0
afterAll(() => {
  rmSync(root, { recursive: true })
  expect(backend.stats().buffers).toBe(0)
})

const vocab = Object.fromEntries(['<s>', '</s>', ...'abcdefgh', 'ab'].map((token, id) => [token, id]))
const tokenizer = tokenizerFromJson({
  added_tokens: [0, 1].map((id) => ({ id, content: id ? '</s>' : '<s>', special: true })),
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
  model: { type: 'BPE', vocab, merges: ['a b'] },
})

async function written(model: Model, type: GgufOptions['type'] = 'f32'): Promise<GgufFile & { path: string }> {
  const path = join(root, `${count++}.gguf`)
  await exportGguf(model, path, { type, tokenizer, chatTemplate: null })
  return openGguf(path)
}

const open = (name: string) => loadModel(fixtureFolder(name), { backend, train: 'none' })
/** The fixture's config with some keys changed, and random weights. */
const changed = (name: string, change: Record<string, unknown>) => {
  const source = JSON.parse(readFileSync(`${fixtureFolder(name)}/config.json`, 'utf8'))
  return initModel({ ...source, ...change }, { backend, seed: 1 })
}
async function weight(model: Model, name: string): Promise<number[]> {
  const values: number[] = []
  for await (const chunk of readWeight(model, name)) values.push(...chunk)
  return values
}
const stored = async (file: GgufFile, name: string) => [...(await readGgufTensor(file.tensors.get(name)!))]
const row = (values: number[], index: number, width: number) => values.slice(index * width, (index + 1) * width)

describe('metadata and names, read by another parser', () => {
  test('llama with scaled frequencies', async () => {
    const model = await open('llama3-rope')
    const { path } = await written(model)
    const { metadata, tensorInfos } = await gguf(path, { allowLocalFile: true })
    expect(metadata).toMatchObject({
      'general.architecture': 'llama',
      'general.type': 'model',
      'general.file_type': 0,
      'llama.block_count': 3,
      'llama.context_length': 64,
      'llama.embedding_length': 32,
      'llama.feed_forward_length': 48,
      'llama.attention.head_count': 4,
      'llama.attention.head_count_kv': 2,
      'llama.attention.layer_norm_rms_epsilon': Math.fround(1e-6),
      'llama.rope.dimension_count': 8,
      'llama.rope.freq_base': 500,
      'llama.vocab_size': 96,
      'tokenizer.ggml.eos_token_id': 2,
      'tokenizer.ggml.eot_token_id': 5,
    })
    const shapes = Object.fromEntries(tensorInfos.map(({ name, shape }) => [name, shape.map(Number)]))
    expect(shapes['rope_freqs.weight']).toEqual([4])
    expect(shapes['token_embd.weight']).toEqual([32, 96])
    expect(shapes['blk.2.attn_k.weight']).toEqual([32, 16])
    expect(shapes['blk.2.ffn_down.weight']).toEqual([48, 32])
    expect(shapes['output.weight']).toBeUndefined()
    expect(tensorInfos.length).toBe(1 + 2 + 3 * 9)
    model.dispose()
  })

  test.each([
    ['qwen3', ['attn_k_norm', 'attn_q_norm'], { 'qwen3.attention.key_length': 16 }],
    ['qwen2-full', ['attn_k.bias', 'attn_q.bias', 'attn_v.bias'], { 'qwen2.rope.freq_base': 10000 }],
    ['phi3', ['attn_qkv', 'ffn_up'], { 'phi3.rope.dimension_count': 4, 'phi3.attention.sliding_window': 9 }],
    [
      'phi3-longrope',
      ['rope_factors_long', 'rope_factors_short'],
      { 'phi3.context_length': 64, 'phi3.rope.scaling.original_context_length': 32 },
    ],
    [
      'gpt2',
      ['position_embd', 'attn_qkv.bias', 'output_norm.bias', 'ffn_down.bias'],
      { 'gpt2.attention.layer_norm_epsilon': Math.fround(1e-5), 'gpt2.feed_forward_length': 128 },
    ],
    [
      'llama-linear-biases',
      ['output.weight', 'ffn_gate.bias', 'attn_output.bias'],
      { 'llama.rope.scaling.type': 'linear', 'llama.rope.scaling.factor': 2.5 },
    ],
  ])('%s', async (name, parts, keys) => {
    const model = await open(name)
    const { path } = await written(model)
    const { metadata, tensorInfos } = await gguf(path, { allowLocalFile: true })
    expect(metadata).toMatchObject(keys)
    const names = tensorInfos.map((info) => info.name)
    for (const part of parts) {
      expect(
        names.some((each) => each.includes(part)),
        part,
      ).toBe(true)
    }
    model.dispose()
  })
})

describe('tensors hold what llama.cpp computes with', () => {
  test('rows of query and key pair neighbours; value and the others stay', async () => {
    const model = await open('llama')
    const file = await written(model)
    const [width, head] = [32, 12]
    for (const [part, tensor, heads] of [
      ['q_proj', 'attn_q', 4],
      ['k_proj', 'attn_k', 2],
    ] as const) {
      const from = await weight(model, `model.layers.1.self_attn.${part}.weight`)
      const to = await stored(file, `blk.1.${tensor}.weight`)
      for (let h = 0; h < heads; h++) {
        for (let pair = 0; pair < head / 2; pair++) {
          expect(row(to, h * head + 2 * pair, width)).toEqual(row(from, h * head + pair, width))
          expect(row(to, h * head + 2 * pair + 1, width)).toEqual(row(from, h * head + pair + head / 2, width))
        }
      }
    }
    for (const [part, tensor] of [
      ['layers.0.self_attn.v_proj', 'blk.0.attn_v'],
      ['layers.1.mlp.down_proj', 'blk.1.ffn_down'],
      ['norm', 'output_norm'],
    ]) {
      expect(await stored(file, `${tensor}.weight`)).toEqual(await weight(model, `model.${part}.weight`))
    }
    model.dispose()
  })

  test('biases of query and key move with their rows, and Qwen moves none', async () => {
    const llama = await open('llama-linear-biases')
    const from = await weight(llama, 'model.layers.0.self_attn.k_proj.bias')
    const to = await stored(await written(llama), 'blk.0.attn_k.bias')
    expect(to).toEqual([0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15].map((index) => from[index]))
    const qwen = await open('qwen2-full')
    const same = await stored(await written(qwen), 'blk.0.attn_q.weight')
    expect(same).toEqual(await weight(qwen, 'model.layers.0.self_attn.q_proj.weight'))
    llama.dispose()
    qwen.dispose()
  })

  test("Gemma's gains include their one", async () => {
    const model = changed('gemma2', { query_pre_attn_scalar: 16 })
    const name = 'model.layers.3.post_feedforward_layernorm.weight'
    model.parameters.get(name)!.write(Float32Array.from({ length: 32 }, (_, i) => i / 64 - 0.2))
    const file = await written(model)
    const expected = (await weight(model, name)).map((value) => Math.fround(value + 1))
    expect(await stored(file, 'blk.3.post_ffw_norm.weight')).toEqual(expected)
    const { metadata } = await gguf(file.path, { allowLocalFile: true })
    expect(metadata).toMatchObject({
      'gemma2.attention.sliding_window': 6,
      'gemma2.attn_logit_softcapping': 3,
      'gemma2.final_logit_softcapping': 5,
      'gemma2.attention.key_length': 16,
    })
    model.dispose()
  })

  test("GPT-2's input-major matrices are turned, its tables are not", async () => {
    const model = await open('gpt2')
    const file = await written(model)
    const from = await weight(model, 'transformer.h.1.attn.c_attn.weight')
    const to = await stored(file, 'blk.1.attn_qkv.weight')
    expect(file.tensors.get('blk.1.attn_qkv.weight')!.shape).toEqual([96, 32])
    for (let output = 0; output < 96; output++) {
      expect(row(to, output, 32)).toEqual(Array.from({ length: 32 }, (_, input) => from[input * 96 + output]))
    }
    expect(await stored(file, 'token_embd.weight')).toEqual(await weight(model, 'transformer.wte.weight'))
    expect(await stored(file, 'position_embd.weight')).toEqual(await weight(model, 'transformer.wpe.weight'))
    model.dispose()
  })

  test('the divisors of llama3 scaling run from one to the factor', async () => {
    const model = await open('llama3-rope')
    const factors = await stored(await written(model), 'rope_freqs.weight')
    const { rope } = model.architecture
    factors.forEach((factor, i) => {
      expect(500 ** (-i / 4) / factor).toBeCloseTo(rope!.frequencies[i], 7)
    })
    expect(factors[0]).toBeGreaterThan(1.5)
    expect(factors[0]).toBeLessThan(2)
    for (const factor of factors.slice(1)) expect(factor).toBeCloseTo(8, 5)
    model.dispose()
  })

  test('f16 rounds once; norms, biases and positions stay f32', async () => {
    const model = await open('gpt2')
    const file = await written(model, 'f16')
    const types = [...file.tensors.values()].map(({ name, type }) => `${name.replace(/^blk\.\d+\./, '')} ${type}`)
    expect([...new Set(types)].filter((type) => type.endsWith(' F16')).toSorted()).toEqual([
      'attn_output.weight F16',
      'attn_qkv.weight F16',
      'ffn_down.weight F16',
      'ffn_up.weight F16',
      'token_embd.weight F16',
    ])
    const expected = (await weight(model, 'transformer.wte.weight')).map(Math.f16round)
    expect(await stored(file, 'token_embd.weight')).toEqual(expected)
    model.dispose()
  })

  test('q8_0 lies within half a step of its block; rows that do not divide are f16', async () => {
    const model = await open('llama')
    const file = await written(model, 'q8_0')
    expect(file.metadata.get('general.file_type')).toEqual({ type: 'u32', value: 7 })
    expect(file.tensors.get('blk.0.ffn_down.weight')!.type).toBe('F16')
    for (const [name, tensor] of [
      ['model.embed_tokens', 'token_embd'],
      ['model.layers.1.mlp.gate_proj', 'blk.1.ffn_gate'],
      ['lm_head', 'output'],
    ]) {
      expect(file.tensors.get(`${tensor}.weight`)!.type).toBe('Q8_0')
      const from = await weight(model, `${name}.weight`)
      const to = await stored(file, `${tensor}.weight`)
      for (let block = 0; block < from.length; block += 32) {
        const largest = Math.max(...row(from, block / 32, 32).map(Math.abs))
        // The scale itself is rounded to f16: up to 127 steps of 2^-11 of it.
        const step = (largest / 127) * (0.5 + 127 * 2 ** -11)
        for (let i = block; i < block + 32; i++) expect(Math.abs(from[i] - to[i])).toBeLessThanOrEqual(step)
      }
    }
    model.dispose()
  })
})

describe('what llama.cpp would compute otherwise', () => {
  test.each([
    ['gemma2', {}, /attention is scaled by 0.288.*expected 1\/√16/],
    ['gpt2-variant', {}, /its activation is gelu, not geluTanh/],
    ['gpt2', { scale_attn_by_inverse_layer_idx: true }, /attention is scaled by/],
    ['gemma2', { query_pre_attn_scalar: 16, layer_types: Array(4).fill('full_attention') }, null],
    [
      'gemma2',
      { query_pre_attn_scalar: 16, layer_types: ['full', 'sliding', 'full', 'sliding'].map((t) => `${t}_attention`) },
      /its windows are 0, 6, 0, 6/,
    ],
    ['gemma2', { query_pre_attn_scalar: 16, tie_word_embeddings: false }, /its head is not the embedding/],
  ])('%s %j', async (name, change, message) => {
    const model = changed(name, change)
    if (message) {
      await expect(written(model)).rejects.toMatchObject({ code: 'E_EXPORT', message: expect.stringMatching(message) })
    } else await written(model)
    model.dispose()
  })

  test('windows that it does not heed bound the context for which the file is right', async () => {
    for (const [name, length] of [
      ['mistral', 7],
      ['qwen2', 6],
      ['phi3', 9],
      ['qwen2-full', 64],
    ] as const) {
      const model = await open(name)
      const { metadata } = await written(model)
      const key = [...metadata.keys()].find((each) => each.endsWith('.context_length'))!
      expect(metadata.get(key)?.value).toBe(length)
      model.dispose()
    }
  })

  test('Gemma 2 27B scales by D / heads', async () => {
    const source = JSON.parse(readFileSync(`${fixtureFolder('gemma2')}/config.json`, 'utf8'))
    const large = {
      ...source,
      num_hidden_layers: 46,
      layer_types: undefined,
      hidden_size: 16,
      query_pre_attn_scalar: 4,
    }
    expect(parseModelConfig(large).architecture.scales[0]).toBe(0.5)
    const model = changed('gemma2', large)
    await written(model)
    model.dispose()
  })
})
