import { HoneError } from '../../base/index.ts'
import type { UnaryKind } from '../../tensor/index.ts'
import type { Architecture, ModuleNames } from '../architecture.ts'
import type { ConfigReader } from '../config-reader.ts'
import { readRope } from '../rope.ts'

/** One `model_type` of config.json: how its config is read, and which tensors of its checkpoints carry nothing. */
export interface Family {
  /** The class by which `architectures` of config.json names it. */
  className: string
  read(config: ConfigReader): Omit<Architecture, 'family'>
  /** Names of tensors that a checkpoint may hold besides its weights: masks and tables that are computed here. */
  ignored?: RegExp
}

/** Far beyond any model: what lies above is damage. */
export const MOST_LAYERS = 4096
export const MOST_WIDTH = 2 ** 20

export const llamaNames: ModuleNames = {
  prefix: 'model.',
  embedding: 'model.embed_tokens',
  layers: 'model.layers',
  attentionNorm: 'input_layernorm',
  query: 'self_attn.q_proj',
  key: 'self_attn.k_proj',
  value: 'self_attn.v_proj',
  output: 'self_attn.o_proj',
  mlpNorm: 'post_attention_layernorm',
  gate: 'mlp.gate_proj',
  up: 'mlp.up_proj',
  down: 'mlp.down_proj',
  finalNorm: 'model.norm',
  head: 'lm_head',
}

const activations: Record<string, UnaryKind> = {
  silu: 'silu',
  swish: 'silu',
  gelu: 'gelu',
  gelu_new: 'geluTanh',
  gelu_pytorch_tanh: 'geluTanh',
}

/** The activation that a key of config.json names. @throws HoneError E_CONFIG */
export function activationOf(config: ConfigReader, key: string, fallback: string): UnaryKind {
  const name = config.text(key, fallback)
  if (Object.hasOwn(activations, name)) return activations[name]
  const known = Object.keys(activations).join(', ')
  throw new HoneError('E_CONFIG', `${config.where}: ${key} is '${name}', expected one of ${known}`)
}

/**
 * What most families share, read under Llama's keys: pre-norm RMSNorm, rotary positions, a gated MLP, no bias.
 * @param usualHeadWidth what a config without `head_dim` means, where that is not D / heads
 */
export function standard(config: ConfigReader, usualHeadWidth?: number): Omit<Architecture, 'family'> {
  const width = config.integer('hidden_size', undefined, MOST_WIDTH)
  const layers = config.integer('num_hidden_layers', undefined, MOST_LAYERS)
  const heads = config.integer('num_attention_heads')
  if (!config.has('head_dim') && !usualHeadWidth && width % heads !== 0) {
    throw new HoneError('E_CONFIG', `${config.where}: hidden_size ${width} does not divide into ${heads} heads`)
  }
  const headWidth = config.integer('head_dim', usualHeadWidth ?? width / heads, MOST_WIDTH)
  return {
    vocabSize: config.integer('vocab_size'),
    width,
    layers,
    heads,
    keyHeads: config.integer('num_key_value_heads', heads),
    headWidth,
    mlpWidth: config.integer('intermediate_size'),
    tiedEmbeddings: config.flag('tie_word_embeddings', false),
    norm: { kind: 'rms', eps: config.number('rms_norm_eps', 1e-6), offset: 0 },
    activation: activationOf(config, 'hidden_act', 'silu'),
    biases: { qkv: false, output: false, mlp: false },
    scales: Array(layers).fill(headWidth ** -0.5),
    windows: Array(layers).fill(0),
    attentionSoftcap: 0,
    logitSoftcap: 0,
    embeddingScale: 1,
    inputMajor: false,
    names: llamaNames,
    ...readRope(config, headWidth),
  }
}

/**
 * The window of each layer: `sliding_window` (`usual` where the key is absent, none where it is null) where `layer_types`
 * says so, or where `slides` does in configs without it.
 * @throws HoneError E_CONFIG for other kinds of layers.
 */
export function layerWindows(config: ConfigReader, slides: (layer: number) => boolean, usual = 4096): number[] {
  const window = config.optional('sliding_window', usual)
  if (!Number.isSafeInteger(window) || window < 0) {
    throw new HoneError('E_CONFIG', `${config.where}: sliding_window is ${window}, expected a whole number`)
  }
  const layers = config.integer('num_hidden_layers', undefined, MOST_LAYERS)
  const types = config.has('layer_types') ? config.raw['layer_types'] : null
  if (types !== null && (!Array.isArray(types) || types.length !== layers)) {
    throw new HoneError('E_CONFIG', `${config.where}: layer_types must name the kind of each of the ${layers} layers`)
  }
  return Array.from({ length: layers }, (_, layer) => {
    const type = types?.[layer] ?? (slides(layer) ? 'sliding_attention' : 'full_attention')
    if (type === 'full_attention') return 0
    if (type === 'sliding_attention') return window
    const expected = 'full_attention or sliding_attention'
    throw new HoneError('E_CONFIG', `${config.where}: layer_types[${layer}] is '${type}', expected ${expected}`)
  })
}
