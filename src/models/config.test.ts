import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fixtureFolder } from '../../test/models.ts'
import { HoneError } from '../base/index.ts'
import { families, parseModelConfig, readModelConfig } from './index.ts'

const configOf = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(`${fixtureFolder(name)}/config.json`, 'utf8'))
const llama = configOf('llama')
const parse = (change: Record<string, unknown>, base = llama) => parseModelConfig({ ...base, ...change })

describe('a config that is refused', () => {
  test('names the family and those that are supported', () => {
    expect(() => parse({ model_type: 'mamba' })).toThrow(
      "config.json has model_type 'mamba', expected one of llama, mistral, qwen2, qwen3, gemma2, phi3, gpt2",
    )
    expect(() => parse({ model_type: undefined })).toThrow(/names no model_type/)
    expect(() => parse({ model_type: 'constructor' })).toThrow(/has model_type 'constructor'/)
  })

  test.each([
    [{ hidden_size: 0 }, 'hidden_size is 0, expected a whole number from 1 to'],
    [{ hidden_size: '32' }, 'hidden_size is "32", expected a whole number from 1 to 1048576'],
    [{ num_hidden_layers: 2.5 }, 'num_hidden_layers is 2.5'],
    [{ num_hidden_layers: 1e9 }, 'num_hidden_layers is 1000000000, expected a whole number from 1 to 4096'],
    [{ model_type: 'gpt2', n_embd: 64, n_layer: 5000 }, 'n_layer is 5000'],
    [{ vocab_size: undefined }, 'vocab_size is nothing'],
    [{ rms_norm_eps: Number.NaN }, 'rms_norm_eps is NaN, expected a finite number'],
    [{ hidden_act: 'mish' }, "hidden_act is 'mish', expected one of silu"],
    [{ num_key_value_heads: 3 }, '4 query heads do not divide into 3 key heads'],
    [{ head_dim: null, hidden_size: 34 }, 'hidden_size 34 does not divide into 4 heads'],
    [{ head_dim: 7 }, '7 of 7 values of a head rotate, expected pairs'],
    [{ rope_parameters: { rope_type: 'yarn', factor: 4 } }, "rotary scaling 'yarn' is not supported, expected default"],
    [{ rope_parameters: { rope_type: 'dynamic', factor: 4 } }, "rotary scaling 'dynamic' is not supported"],
    [{ rope_parameters: { rope_type: 'linear' } }, 'rope_parameters: factor is nothing'],
    [{ rope_parameters: { rope_type: 'linear', factor: 0 } }, 'frequencies that are not finite'],
    [{ rope_parameters: 5 }, 'rope_parameters is 5, expected an object'],
    [{ rope_parameters: { full_attention: { rope_type: 'default' } } }, 'settings for full_attention layers alone'],
    [{ model_type: 'gemma2', use_bidirectional_attention: true }, 'expected a causal decoder'],
    [{ model_type: 'mistral', sliding_window: 1.5 }, 'sliding_window is 1.5, expected a whole number'],
    [{ quantization_config: { bits: 4 } }, 'the weights are quantised'],
    [{ eos_token_id: 'x' }, 'eos_token_id is "x", expected token ids'],
    [{ model_type: 'qwen2', use_sliding_window: true, layer_types: ['full_attention'] }, 'layer_types must name'],
    [{ model_type: 'mistral', layer_types: ['full_attention', 'chunked_attention'] }, "layer_types[1] is 'chunked"],
  ])('%j', (change, message) => {
    const parsing = () => parse(change as Record<string, unknown>)
    expect(parsing).toThrow(message as string)
    expect(parsing).toThrow(expect.objectContaining({ code: 'E_CONFIG' }))
  })
})

test('any damage to a config is an E_CONFIG or a config, never another error', () => {
  const keys = Object.keys(llama)
  const values = fc.oneof(fc.jsonValue(), fc.double(), fc.constant(undefined))
  fc.assert(
    fc.property(fc.constantFrom(...Object.keys(families)), fc.constantFrom(...keys), values, (family, key, value) => {
      try {
        parse({ model_type: family, [key]: value })
      } catch (error) {
        expect(error).toBeInstanceOf(HoneError)
        expect((error as HoneError).code).toBe('E_CONFIG')
      }
    }),
    { numRuns: 300, seed: 17 },
  )
})

describe('spellings', () => {
  test('old and new rotary keys mean the same', () => {
    const newer = configOf('llama3-rope')
    const { rope_parameters: rope, dtype, ...rest } = newer
    const { rope_theta, rope_type, ...scaling } = rope as Record<string, unknown>
    const older = { ...rest, torch_dtype: dtype, rope_theta, rope_scaling: { type: rope_type, ...scaling } }
    expect(parseModelConfig(older).architecture).toEqual(parseModelConfig(newer).architecture)
    expect(parseModelConfig(older).config.dtype).toBe('bf16')
  })

  test('su is longrope, whose context ends where its short factors do', () => {
    const longrope = configOf('phi3-longrope')
    const scaling = longrope['rope_scaling'] as Record<string, unknown>
    const su = { ...longrope, rope_scaling: { ...scaling, type: 'su' } }
    expect(parseModelConfig(su).architecture).toEqual(parseModelConfig(longrope).architecture)
    expect(parseModelConfig(su).config.contextLength).toBe(32)
    expect(() => parse({ rope_scaling: { ...scaling, short_factor: [1, 2] } }, longrope)).toThrow(
      /short_factor is \[1,2\], expected 4 numbers/,
    )
  })
})

describe('windows', () => {
  const windows = (change: Record<string, unknown>, name: string) => parse(change, configOf(name)).architecture.windows

  test('of Gemma 2 alternate, with and without layer_types', () => {
    expect(windows({}, 'gemma2')).toEqual([6, 0, 6, 0])
    expect(windows({ layer_types: undefined }, 'gemma2')).toEqual([6, 0, 6, 0])
    const types = ['full_attention', 'sliding_attention', 'sliding_attention', 'full_attention']
    expect(windows({ layer_types: types }, 'gemma2')).toEqual([0, 6, 6, 0])
  })

  test('of Qwen begin at max_window_layers, where they are used at all', () => {
    expect(windows({}, 'qwen2')).toEqual([0, 0, 6])
    expect(windows({ layer_types: undefined, max_window_layers: 1 }, 'qwen2')).toEqual([0, 6, 6])
    expect(windows({}, 'qwen2-full')).toEqual([0, 0, 0])
  })

  test('of Mistral are in every layer or none', () => {
    expect(windows({}, 'mistral')).toEqual([7, 7, 7])
    expect(windows({ sliding_window: null }, 'mistral')).toEqual([0, 0, 0])
    expect(windows({ sliding_window: undefined }, 'mistral')).toEqual([4096, 4096, 4096])
    expect(windows({ sliding_window: undefined }, 'phi3')).toEqual([0, 0, 0])
  })
})

test('soft caps and head widths of configs that leave the keys out, or set them to null', () => {
  const gemma = (change: Record<string, unknown>) => parse(change, configOf('gemma2')).architecture
  const absent = gemma({ attn_logit_softcapping: undefined, final_logit_softcapping: undefined, head_dim: undefined })
  expect([absent.attentionSoftcap, absent.logitSoftcap, absent.headWidth]).toEqual([50, 30, 256])
  const off = gemma({ attn_logit_softcapping: null, final_logit_softcapping: null })
  expect([off.attentionSoftcap, off.logitSoftcap]).toEqual([0, 0])
  expect(parse({ head_dim: undefined }, configOf('qwen3')).architecture.headWidth).toBe(128)
  expect(parse({ head_dim: null }).architecture.headWidth).toBe(8)
})

test('ids that end a generation: the generation config counts first', async () => {
  expect((await readModelConfig(fixtureFolder('llama3-rope'))).config.eosIds).toEqual([2, 5])
  expect(parseModelConfig(llama, { generation: { eos_token_id: [7, 8] } }).config.eosIds).toEqual([7, 8])
  expect(parseModelConfig(llama, { generation: {} }).config.eosIds).toEqual([2])
  expect(parse({ eos_token_id: null }).config.eosIds).toEqual([])
})

test('llama3 scaling keeps fast pairs, divides slow ones and passes between them', () => {
  const { rope } = parseModelConfig(configOf('llama3-rope')).architecture
  const plain = parse({ rope_parameters: { rope_type: 'default', rope_theta: 500 } }, configOf('llama3-rope'))
  const ratios = plain.architecture.rope!.frequencies.map((f, i) => f / rope!.frequencies[i])
  expect(ratios.at(-1)).toBeCloseTo(8, 5)
  expect(ratios.some((ratio) => ratio > 1.01 && ratio < 7.9)).toBe(true)
  expect(ratios).toEqual(ratios.toSorted((a, b) => a - b))
})
