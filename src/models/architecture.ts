import type { UnaryKind } from '../tensor/index.ts'

/** How the plain frequencies θ^(−2i/width) were changed for longer contexts. */
export type RopeScaling =
  | { type: 'default' }
  | { type: 'linear'; factor: number }
  | { type: 'llama3'; factor: number }
  | { type: 'longrope'; short: number[]; long: number[]; originalLength: number; longest: number }

/** Where rotary embedding turns: the angle of pair i at position p is p · frequencies[i]. */
export interface Rope {
  /** In f32 precision, as the reference holds them; half the rotated width of a head. */
  frequencies: number[]
  /** Factor on cosine and sine (attention factor of longrope), else 1. */
  factor: number
  theta: number
  scaling: RopeScaling
}

/**
 * Names of a family's modules in its checkpoints. Which of them a family has says how its layers are built: `qkv` instead
 * of three projections, `gateUp` instead of two, no gate at all, norms behind the blocks, norms of the heads.
 */
export interface ModuleNames {
  /** What all names but the head's begin with; checkpoints of the bare decoder leave it out. */
  prefix: string
  embedding: string
  /** Learned positions. */
  positions?: string
  /** The list of layers; layer i is `${layers}.${i}`. */
  layers: string
  attentionNorm: string
  qkv?: string
  query?: string
  key?: string
  value?: string
  queryNorm?: string
  keyNorm?: string
  output: string
  outputNorm?: string
  mlpNorm: string
  gateUp?: string
  gate?: string
  up?: string
  down: string
  downNorm?: string
  finalNorm: string
  head: string
}

/** A decoder as data: all that the shared forward pass needs to know of a family and of one model in it. */
export interface Architecture {
  family: string
  vocabSize: number
  width: number
  layers: number
  heads: number
  keyHeads: number
  headWidth: number
  mlpWidth: number
  contextLength: number
  tiedEmbeddings: boolean
  /** RMSNorm with `offset` + weight as its gain, or LayerNorm with bias. */
  norm: { kind: 'rms' | 'layer'; eps: number; offset: number }
  activation: UnaryKind
  biases: { qkv: boolean; output: boolean; mlp: boolean }
  /** Factor on q·k in each layer. */
  scales: number[]
  /** How many positions back a query sees in each layer, itself included; 0 for all. */
  windows: number[]
  /** softcap · tanh(z / softcap) on attention scores and on logits; 0 leaves them. */
  attentionSoftcap: number
  logitSoftcap: number
  /** Factor on the embedded tokens. */
  embeddingScale: number
  rope: Rope | null
  /** Weights are stored [inputs, outputs], as GPT-2's Conv1D has them. */
  inputMajor: boolean
  /** A reward model: a scalar head [1, width] in the place of the vocabulary's. */
  score?: true
  names: ModuleNames
}

export interface LinearSpec {
  /** The module's name: its weight is `${name}.weight`. */
  name: string
  inputs: number
  outputs: number
  bias: boolean
  inputMajor: boolean
  /** Its result is added to the residual stream. */
  residual: boolean
}

export interface NormSpec {
  name: string
  width: number
  bias: boolean
}

/** One layer, over specs or over weights. */
export interface Layer<Linear, Norm> {
  attentionNorm: Norm
  /** One fused projection, or query, key and value. */
  qkv: Linear[]
  queryNorm: Norm | null
  keyNorm: Norm | null
  output: Linear
  outputNorm: Norm | null
  mlpNorm: Norm
  /** Gate and up fused in one projection, or gate and up, or up alone where there is no gate. */
  mlp: Linear[]
  gated: boolean
  down: Linear
  downNorm: Norm | null
}

export interface Layout<Linear, Norm> {
  layers: Layer<Linear, Norm>[]
  finalNorm: Norm
}

/** The modules of a decoder, by the names its family declares. */
export function layoutOf(architecture: Architecture): Layout<LinearSpec, NormSpec> {
  const { width, heads, keyHeads, headWidth, mlpWidth, biases, names, inputMajor } = architecture
  const normBias = architecture.norm.kind === 'layer'
  const layers = Array.from({ length: architecture.layers }, (_, index): Layer<LinearSpec, NormSpec> => {
    const at = (name: string) => `${names.layers}.${index}.${name}`
    const linear = (name: string, inputs: number, outputs: number, bias: boolean, residual = false) => ({
      ...{ name: at(name), inputs, outputs, bias, inputMajor, residual },
    })
    const norm = (name: string, extent = width) => ({ name: at(name), width: extent, bias: normBias })
    const maybe = (name: string | undefined, extent?: number) => (name === undefined ? null : norm(name, extent))
    const [queries, keys] = [heads * headWidth, keyHeads * headWidth]
    return {
      attentionNorm: norm(names.attentionNorm),
      qkv:
        names.qkv !== undefined
          ? [linear(names.qkv, width, queries + 2 * keys, biases.qkv)]
          : [
              linear(names.query!, width, queries, biases.qkv),
              linear(names.key!, width, keys, biases.qkv),
              linear(names.value!, width, keys, biases.qkv),
            ],
      queryNorm: maybe(names.queryNorm, headWidth),
      keyNorm: maybe(names.keyNorm, headWidth),
      output: linear(names.output, queries, width, biases.output, true),
      outputNorm: maybe(names.outputNorm),
      mlpNorm: norm(names.mlpNorm),
      mlp:
        names.gateUp !== undefined
          ? [linear(names.gateUp, width, 2 * mlpWidth, biases.mlp)]
          : [names.gate, names.up!]
              .filter((name) => name !== undefined)
              .map((name) => linear(name, width, mlpWidth, biases.mlp)),
      gated: names.gateUp !== undefined || names.gate !== undefined,
      down: linear(names.down, mlpWidth, width, biases.mlp, true),
      downNorm: maybe(names.downNorm),
    }
  })
  return { layers, finalNorm: { name: names.finalNorm, width, bias: normBias } }
}

/** The same layout over other things: weights bound to specs. */
export function mapLayout<L, N, L2, N2>(
  layout: Layout<L, N>,
  linear: (spec: L) => L2,
  norm: (spec: N) => N2,
): Layout<L2, N2> {
  const maybe = (spec: N | null) => spec && norm(spec)
  return {
    layers: layout.layers.map((layer) => ({
      attentionNorm: norm(layer.attentionNorm),
      qkv: layer.qkv.map(linear),
      queryNorm: maybe(layer.queryNorm),
      keyNorm: maybe(layer.keyNorm),
      output: linear(layer.output),
      outputNorm: maybe(layer.outputNorm),
      mlpNorm: norm(layer.mlpNorm),
      mlp: layer.mlp.map(linear),
      gated: layer.gated,
      down: linear(layer.down),
      downNorm: maybe(layer.downNorm),
    })),
    finalNorm: norm(layout.finalNorm),
  }
}

/** What every family calls the weight of its scalar head. */
export const scoreName = 'score.weight'

/** A weight of the checkpoint: its name, its shape and what it is, which says how it is drawn at random. */
export interface WeightSpec {
  name: string
  shape: number[]
  role: 'embedding' | 'matrix' | 'residual' | 'bias' | 'gain'
}

/** Every weight of a decoder, in the order of its forward pass. */
export function weightsOf(architecture: Architecture): WeightSpec[] {
  const { names, vocabSize, width, contextLength, tiedEmbeddings, norm } = architecture
  const weights: WeightSpec[] = [{ name: `${names.embedding}.weight`, shape: [vocabSize, width], role: 'embedding' }]
  if (names.positions) {
    weights.push({ name: `${names.positions}.weight`, shape: [contextLength, width], role: 'embedding' })
  }
  mapLayout(
    layoutOf(architecture),
    ({ name, inputs, outputs, bias, inputMajor, residual }) => {
      const shape = inputMajor ? [inputs, outputs] : [outputs, inputs]
      weights.push({ name: `${name}.weight`, shape, role: residual ? 'residual' : 'matrix' })
      if (bias) weights.push({ name: `${name}.bias`, shape: [outputs], role: 'bias' })
    },
    ({ name, width: extent, bias }) => {
      weights.push({ name: `${name}.weight`, shape: [extent], role: norm.offset === 0 ? 'gain' : 'bias' })
      if (bias) weights.push({ name: `${name}.bias`, shape: [extent], role: 'bias' })
    },
  )
  if (architecture.score) weights.push({ name: scoreName, shape: [1, width], role: 'matrix' })
  else if (!tiedEmbeddings) weights.push({ name: `${names.head}.weight`, shape: [vocabSize, width], role: 'matrix' })
  return weights
}
