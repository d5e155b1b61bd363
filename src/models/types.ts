import type { AttentionPlan, Backend, Parameter, Precision, Scope, Tensor } from '../tensor/index.ts'
import type { Architecture, LinearSpec } from './architecture.ts'

/** What a decoder family is, in the terms of its Hugging Face config.json. Letters: T tokens, D width. */
export interface ModelConfig {
  /** `model_type` of config.json: 'llama', 'mistral', 'qwen2', 'qwen3', 'gemma2', 'phi3', 'gpt2'. */
  family: string
  vocabSize: number
  width: number
  layers: number
  heads: number
  keyHeads: number
  headWidth: number
  /** Longest path the model can read. */
  contextLength: number
  tiedEmbeddings: boolean
  /** Storage dtype of the checkpoint, in which results are written unless told otherwise. */
  dtype: 'f32' | 'bf16' | 'f16'
  /** Ids that end a generation (generation_config.json first, then config.json). */
  eosIds: number[]
  /** The config.json as read: written back with a result. */
  source: Record<string, unknown>
}

/** Key and value rows of past tokens, one pair a layer, and the rows that this batch's tokens go to. */
export interface KeyValueCache {
  layers: { keys: Tensor; values: Tensor }[]
  /** [T] i32 row of each token of the batch. */
  slots: Tensor
}

/** One packed batch as a model reads it. */
export interface ModelInputs {
  /** [T] i32 */
  tokens: Tensor
  /** [T] i32, position on the token's own path. */
  positions: Tensor
  /** Over the batch's own rows, or over the cache's where one is given. */
  plan: AttentionPlan
  cache?: KeyValueCache
  precision?: Precision
  /** Run each layer again in the backward pass instead of keeping its activations. */
  checkpoint?: boolean
  /** [T] i32 second tokens and [T, 1] their weights, blended at the embedding, which then gets no gradient. */
  inputMix?: { tokens: Tensor; weights: Tensor }
  /** False leaves the adapter's overlays out: the reference of a tuned adapter is the model without it. */
  adapter?: boolean
  /** Seed of this step's dropout and [T] i32 row ids; absent: none is dropped. */
  dropout?: { seed: number; rowIds: Tensor }
}

/** A decoder with its weights on a backend. */
export interface Model {
  readonly config: ModelConfig
  /** The decoder as data: what the config.json says, resolved. */
  readonly architecture: Architecture
  readonly backend: Backend
  /** The base weights by their names in the checkpoint. A tied head is there once, as the embedding. */
  readonly parameters: ReadonlyMap<string, Parameter>
  /** The adapter over it, if one was attached. */
  readonly adapter: Adapter | null
  /** The projections that an adapter can overlay, by name, in the order of the forward pass. */
  readonly modules: ReadonlyMap<string, LinearSpec>
  /** Puts an adapter over the model, or takes it off without disposing of it. See `attachLora`. */
  setAdapter(adapter: Adapter | null): void
  /** The vocabulary projection [V, D]; the embedding itself where they are tied. @throws HoneError E_HEAD for a reward model */
  readonly head: Parameter
  /** The scalar head [1, D] of a reward model, else null. */
  readonly score: Parameter | null
  /** Soft cap on the logits, 0 for none. */
  readonly logitSoftcap: number
  /** [T, D] after the last norm: what the vocabulary projection reads. */
  hidden(scope: Scope, inputs: ModelInputs): Tensor
  /** What learns: the adapter's weights if there is one, and every base weight that was not frozen. In a fixed order. */
  trainable(): Parameter[]
  dispose(): void
}

/** Low-rank overlays (LoRA, Hu et al. 2021) on some of a model's projections. */
export interface Adapter {
  readonly kind: 'lora'
  readonly config: LoraConfig
  /** By PEFT's names: 'base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight', … */
  readonly parameters: ReadonlyMap<string, Parameter>
  /** The overlay of each module, by the module's name in the model. */
  readonly overlays: ReadonlyMap<string, Overlay>
}

/** scale · B·A over one projection: y = x·Wᵀ + scale · dropout(x)·Aᵀ·Bᵀ. */
export interface Overlay {
  /** A [rank, inputs] */
  a: Parameter
  /** B [outputs, rank] */
  b: Parameter
  scale: number
  /** Rate of the dropout on x, and the number that its draws are keyed by. */
  dropout: number
  stream: number
}

export interface LoraConfig {
  rank: number
  alpha: number
  dropout: number
  /** Last parts of module names ('q_proj'), or 'all-linear'. */
  targets: string[] | 'all-linear'
  /** Scale alpha/√rank instead of alpha/rank (Kalajdzievski 2023). */
  rsLora: boolean
}
