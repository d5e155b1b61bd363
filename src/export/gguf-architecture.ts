import { HoneError } from '../base/index.ts'
import type { GgufScalar, GgufScalarType, GgufValue } from '../formats/index.ts'
import type { Architecture, ModelConfig, ModuleNames } from '../models/index.ts'

/** How llama.cpp knows a family, and what it takes for granted of it because no metadata key says otherwise. */
interface GgufFamily {
  /** `general.architecture` */
  architecture: string
  /** llama.cpp pairs neighbouring values when it rotates, so that rows of query and key have to change places. */
  interleaved?: boolean
  activation: Architecture['activation']
  /** Which layers have windows that llama.cpp heeds; the rest it reads with full attention. */
  windows: 'none' | 'even layers'
}

const ggufFamilies: Record<string, GgufFamily> = {
  llama: { architecture: 'llama', interleaved: true, activation: 'silu', windows: 'none' },
  mistral: { architecture: 'llama', interleaved: true, activation: 'silu', windows: 'none' },
  qwen2: { architecture: 'qwen2', activation: 'silu', windows: 'none' },
  qwen3: { architecture: 'qwen3', activation: 'silu', windows: 'none' },
  gemma2: { architecture: 'gemma2', activation: 'geluTanh', windows: 'even layers' },
  phi3: { architecture: 'phi3', activation: 'silu', windows: 'none' },
  gpt2: { architecture: 'gpt2', activation: 'geluTanh', windows: 'none' },
}

/** @throws HoneError E_EXPORT naming what llama.cpp has no way to compute */
export function ggufFamily(architecture: Architecture): GgufFamily {
  const family = ggufFamilies[architecture.family]
  const { activation, windows, headWidth, width, heads, layers, scales, tiedEmbeddings } = architecture
  const refuse = (what: string) =>
    new HoneError('E_EXPORT', `llama.cpp cannot run this ${architecture.family} model: ${what}`, {
      help: 'Export it in the Hugging Face format instead.',
    })
  if (architecture.score) throw refuse('it is a reward model')
  if (activation !== family.activation) throw refuse(`its activation is ${activation}, not ${family.activation}`)
  // Gemma 2 27B, told by its 46 layers, is the one that scales by the width of a head as D / heads.
  const usual = architecture.family === 'gemma2' && layers === 46 ? width / heads : headWidth
  if (scales.some((scale) => Math.abs(scale - usual ** -0.5) > 1e-9)) {
    throw refuse(`attention is scaled by ${scales[0]}, expected 1/√${usual} in every layer`)
  }
  const window = Math.max(...windows)
  const expected = (each: number, layer: number) => each === (layer % 2 === 0 ? window : 0)
  if (family.windows === 'even layers' && !windows.every(expected)) {
    throw refuse(`its windows are ${windows.join(', ')}, expected equal ones in the even layers`)
  }
  if (architecture.family === 'gemma2' && !tiedEmbeddings) throw refuse('its head is not the embedding')
  return family
}

const scalar = (type: GgufScalarType) => (value: GgufScalar) => ({ type, value }) as GgufValue
export const u32 = scalar('u32')
export const f32 = scalar('f32')
export const text = scalar('string')
export const bool = scalar('bool')

/** The keys under the architecture's name: llama.cpp's hyperparameters. */
export function architectureMetadata(config: ModelConfig, architecture: Architecture): Record<string, GgufValue> {
  const family = ggufFamily(architecture)
  const { rope, norm, windows, headWidth, heads, width } = architecture
  const window = Math.max(...windows)
  const longrope = rope?.scaling.type === 'longrope' ? rope.scaling : null
  const context = longrope?.longest ?? architecture.contextLength
  // Where llama.cpp knows no windows the file promises only the length for which they make no difference.
  const bounds = family.windows === 'none' ? windows.filter((each) => each > 0) : []
  const keys: Record<string, GgufValue> = {
    block_count: u32(architecture.layers),
    context_length: u32(Math.min(context, ...bounds)),
    embedding_length: u32(width),
    feed_forward_length: u32(architecture.mlpWidth),
    'attention.head_count': u32(heads),
    'attention.head_count_kv': u32(architecture.keyHeads),
    vocab_size: u32(architecture.vocabSize),
    [norm.kind === 'rms' ? 'attention.layer_norm_rms_epsilon' : 'attention.layer_norm_epsilon']: f32(norm.eps),
  }
  if (headWidth * heads !== width || config.source['head_dim'] !== undefined) {
    keys['attention.key_length'] = u32(headWidth)
    keys['attention.value_length'] = u32(headWidth)
  }
  // Phi-3 without a window says so with 0; the others leave the key out.
  if (window > 0 || architecture.family === 'phi3') keys['attention.sliding_window'] = u32(window)
  if (architecture.attentionSoftcap) keys['attn_logit_softcapping'] = f32(architecture.attentionSoftcap)
  if (architecture.logitSoftcap) keys['final_logit_softcapping'] = f32(architecture.logitSoftcap)
  if (rope) {
    keys['rope.dimension_count'] = u32(2 * rope.frequencies.length)
    keys['rope.freq_base'] = f32(rope.theta)
    if (rope.scaling.type === 'linear') {
      keys['rope.scaling.type'] = text('linear')
      keys['rope.scaling.factor'] = f32(rope.scaling.factor)
    }
    if (longrope) keys['rope.scaling.attn_factor'] = f32(rope.factor)
    if (architecture.family === 'phi3') {
      keys['rope.scaling.original_context_length'] = u32(longrope?.originalLength ?? context)
    }
  }
  return Object.fromEntries(Object.entries(keys).map(([key, value]) => [`${family.architecture}.${key}`, value]))
}

/** llama.cpp's names for the modules of every family. */
const moduleNames: Record<Exclude<keyof ModuleNames, 'prefix' | 'layers'>, string> = {
  embedding: 'token_embd',
  positions: 'position_embd',
  attentionNorm: 'attn_norm',
  qkv: 'attn_qkv',
  query: 'attn_q',
  key: 'attn_k',
  value: 'attn_v',
  queryNorm: 'attn_q_norm',
  keyNorm: 'attn_k_norm',
  output: 'attn_output',
  outputNorm: 'post_attention_norm',
  mlpNorm: 'ffn_norm',
  gateUp: 'ffn_up',
  gate: 'ffn_gate',
  up: 'ffn_up',
  down: 'ffn_down',
  downNorm: 'post_ffw_norm',
  finalNorm: 'output_norm',
  head: 'output',
}

export type ModuleKey = keyof typeof moduleNames

/** What a weight of the checkpoint is, and its name in the GGUF file. */
export function ggufName({ names }: Architecture, weight: string): { key: ModuleKey; name: string } {
  const at = weight.lastIndexOf('.')
  const [module, part] = [weight.slice(0, at), weight.slice(at + 1)]
  const inLayer = module.startsWith(`${names.layers}.`) ? module.slice(names.layers.length + 1) : null
  const layer = inLayer?.slice(0, inLayer.indexOf('.'))
  const local = inLayer === null ? module : inLayer.slice(inLayer.indexOf('.') + 1)
  const key = (Object.keys(moduleNames) as ModuleKey[]).find((each) => names[each] === local)
  if (!key) throw new HoneError('E_EXPORT', `no GGUF name is known for the weight ${weight}`)
  const name = `${moduleNames[key]}.${part}`
  return { key, name: layer === undefined ? name : `blk.${layer}.${name}` }
}
