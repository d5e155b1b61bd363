import {
  type AttentionShape,
  add,
  attention,
  detach,
  dropout,
  embedding,
  gated,
  layernorm,
  linear,
  mul,
  type Parameter,
  type Precision,
  type RopeTable,
  rmsnorm,
  rope,
  ropeTable,
  type Scope,
  scale,
  slice,
  sub,
  type Tensor,
  unary,
} from '../tensor/index.ts'
import type { Architecture, Layer, Layout } from './architecture.ts'
import type { KeyValueCache, ModelInputs, Overlay } from './types.ts'

export interface Linear {
  name: string
  weight: Parameter
  bias: Parameter | undefined
}

export interface Norm {
  weight: Parameter
  bias: Parameter | undefined
}

/** A decoder's weights in the places of its layout. */
export interface DecoderWeights extends Layout<Linear, Norm> {
  embedding: Parameter
  positions: Parameter | null
}

/** What is the same for every layer of one pass. */
interface Pass {
  architecture: Architecture
  inputs: ModelInputs
  precision: Precision
  overlays: ReadonlyMap<string, Overlay> | null
  angles: RopeTable | null
}

/**
 * The decoder of every family: [T] tokens → [T, D] after the last norm. What sets families apart is data in
 * `architecture` and the presence of modules in `weights`; nothing here asks which family it is.
 */
export function decode(
  scope: Scope,
  architecture: Architecture,
  weights: DecoderWeights,
  overlays: ReadonlyMap<string, Overlay> | null,
  inputs: ModelInputs,
): Tensor {
  const { rope: turning, embeddingScale } = architecture
  const angles = turning && ropeTable(inputs.positions, scope.from(turning.frequencies), turning.factor)
  const pass: Pass = { architecture, inputs, precision: inputs.precision ?? 'f32', overlays, angles }
  let h = inputEmbedding(scope, weights.embedding, inputs)
  if (embeddingScale !== 1) h = scale(h, embeddingScale)
  if (weights.positions) h = add(h, embedding(scope, weights.positions, inputs.positions))
  for (const [index, layer] of weights.layers.entries()) {
    h = scope.block(h, (x) => mlpBlock(attentionBlock(x, layer, index, pass), layer, pass), {
      checkpoint: inputs.checkpoint,
    })
  }
  return normalise(h, weights.finalNorm, architecture)
}

function inputEmbedding(scope: Scope, table: Parameter, { tokens, inputMix }: ModelInputs): Tensor {
  const own = embedding(scope, table, tokens)
  if (!inputMix) return own
  return detach(add(own, mul(inputMix.weights, sub(embedding(scope, table, inputMix.tokens), own))))
}

function attentionBlock(h: Tensor, layer: Layer<Linear, Norm>, index: number, pass: Pass): Tensor {
  const { heads, keyHeads, headWidth, scales, windows, attentionSoftcap } = pass.architecture
  const x = normalise(h, layer.attentionNorm, pass.architecture)
  let [q, k, v] = projectParts(x, layer.qkv, [heads * headWidth, keyHeads * headWidth, keyHeads * headWidth], pass)
  x.forget()
  if (layer.queryNorm) q = normaliseHeads(q, layer.queryNorm, pass.architecture)
  if (layer.keyNorm) k = normaliseHeads(k, layer.keyNorm, pass.architecture)
  if (pass.angles) {
    q = turned(q, pass.angles, heads)
    k = turned(k, pass.angles, keyHeads)
  }
  if (pass.inputs.cache) [k, v] = intoCache(k, v, pass.inputs.cache, index)
  const shape: AttentionShape = {
    heads,
    keyHeads,
    width: headWidth,
    scale: scales[index],
    window: windows[index],
    softcap: attentionSoftcap,
    precision: pass.precision,
  }
  const attended = attention(q, k, v, pass.inputs.plan, shape)
  return ontoStream(h, attended, layer.output, layer.outputNorm, pass)
}

function mlpBlock(h: Tensor, layer: Layer<Linear, Norm>, pass: Pass): Tensor {
  const { mlpWidth, activation } = pass.architecture
  const x = normalise(h, layer.mlpNorm, pass.architecture)
  const parts = layer.gated ? projectParts(x, layer.mlp, [mlpWidth, mlpWidth], pass) : [project(x, layer.mlp[0], pass)]
  x.forget()
  const active = layer.gated ? gated(parts[0], parts[1], activation) : unary(activation, parts[0])
  const y = ontoStream(h, active, layer.down, layer.downNorm, pass)
  active.forget()
  return y
}

/** With its rotary embedding; what was before it is read by no gradient. */
function turned(x: Tensor, angles: RopeTable, heads: number): Tensor {
  const y = rope(x, angles, heads)
  x.release()
  return y
}

/** h + project(x), or h + norm(project(x)) where the family has a norm behind the block. */
function ontoStream(h: Tensor, x: Tensor, module: Linear, norm: Norm | null, pass: Pass): Tensor {
  if (!norm) return project(x, module, pass, h)
  return add(h, normalise(project(x, module, pass), norm, pass.architecture))
}

/** Several projections of one input, which a family may store fused as one. */
function projectParts(x: Tensor, modules: Linear[], widths: number[], pass: Pass): Tensor[] {
  if (modules.length > 1) return modules.map((module) => project(x, module, pass))
  const fused = project(x, modules[0], pass)
  let from = 0
  const parts = widths.map((width) => {
    from += width
    return slice(fused, from - width, width)
  })
  fused.release()
  return parts
}

/** x·Wᵀ + bias + residual, and the adapter's overlay where one lies over this module. */
function project(x: Tensor, module: Linear, pass: Pass, residual?: Tensor): Tensor {
  const { precision, architecture, inputs } = pass
  const { weight, bias } = module
  const y = linear(x, weight, { bias, add: residual, precision, inputMajor: architecture.inputMajor })
  const overlay = pass.overlays?.get(module.name)
  if (!overlay) return y
  const input = inputs.dropout
    ? dropout(x, overlay.dropout, { ...inputs.dropout, stream: overlay.stream, positions: inputs.positions })
    : x
  return linear(linear(input, overlay.a, { precision }), overlay.b, { alpha: overlay.scale, add: y, precision })
}

function normalise(x: Tensor, { weight, bias }: Norm, { norm }: Architecture): Tensor {
  return bias ? layernorm(x, weight, bias, norm.eps) : rmsnorm(x, weight, norm.eps, norm.offset)
}

function normaliseHeads(x: Tensor, { weight }: Norm, { norm }: Architecture): Tensor {
  return rmsnorm(x, weight, norm.eps, norm.offset)
}

/** Puts the batch's keys and values into their rows of the cache; attention reads the cache from here on. */
function intoCache(k: Tensor, v: Tensor, { layers, slots }: KeyValueCache, index: number): [Tensor, Tensor] {
  const { keys, values } = layers[index]
  const [count, width] = k.shape
  const { backend } = k.scope
  backend.run('scatterRows', { x: k.buffer, index: slots.buffer, y: keys.buffer, count, width })
  backend.run('scatterRows', { x: v.buffer, index: slots.buffer, y: values.buffer, count, width })
  return [keys, values]
}
