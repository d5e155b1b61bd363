import { HoneError } from '../../base/index.ts'
import { type BufferId, type UnaryKind, unaryKinds } from '../kernels.ts'
import type { Scope } from '../scope.ts'
import type { Parameter, Tensor } from '../tensor.ts'

export type Precision = 'f32' | 'bf16'
/** As kernels take it. */
export const precisionCode = (precision: Precision = 'f32') => (precision === 'bf16' ? 1 : 0)

/** Rows of a table: ids [T] → [T, D]. */
export function embedding(scope: Scope, table: Parameter, ids: Tensor): Tensor {
  const [, width] = table.shape
  const output = scope.empty([ids.size, width], 'embedding', { needsGrad: table.trainable })
  const attributes = { ids, count: ids.size, width }
  scope.backend.run('gatherRows', { x: table.buffer, index: ids.buffer, y: output.buffer, count: ids.size, width })
  scope.record({ op: 'embedding', inputs: [], parameters: [table], output, saved: [], attributes })
  return output
}

export interface LinearOptions {
  bias?: Parameter
  /** Added to the result: a residual, or what an adapter overlays. */
  add?: Tensor
  /** Factor on x·wᵀ. */
  alpha?: number
  precision?: Precision
  /** The weight is stored [K, N], as GPT-2's are. */
  inputMajor?: boolean
}

/** alpha · x·wᵀ + bias + add: x [T, K], w [N, K] → [T, N]. @throws HoneError E_SHAPE */
export function linear(x: Tensor, w: Parameter, options: LinearOptions = {}): Tensor {
  const { bias, add, alpha = 1, inputMajor = false } = options
  const { scope } = x
  const [n, k] = inputMajor ? [w.shape[1], w.shape[0]] : w.shape
  const rows = x.shape[0]
  if (x.shape[1] !== k) throw new HoneError('E_SHAPE', `linear: x is [${x.shape}] and ${w.name} is [${w.shape}]`)
  const trainable = w.trainable || (bias?.trainable ?? false)
  const output = scope.empty([rows, n], 'linear', { needsGrad: trainable || x.needsGrad || (add?.needsGrad ?? false) })
  if (add) scope.backend.run('copy', { x: add.buffer, y: output.buffer, n: output.size, xOffset: 0, yOffset: 0 })
  const precision = precisionCode(options.precision)
  scope.backend.run('matmul', {
    a: x.buffer,
    b: w.buffer,
    y: output.buffer,
    bias: bias?.buffer ?? null,
    m: rows,
    n,
    k,
    transA: 0,
    transB: inputMajor ? 0 : 1,
    accumulate: add ? 1 : 0,
    alpha,
    precision,
    weight: 1,
  })
  const attributes = { rows, alpha, precision, inputMajor }
  const inputs = add ? [x, add] : [x]
  scope.record({ op: 'linear', inputs, parameters: bias ? [w, bias] : [w], output, saved: [], attributes })
  return output
}

/** Columns from … from + count − 1 of x [T, N]: a part of a fused projection. */
export function slice(x: Tensor, from: number, count: number): Tensor {
  const { scope } = x
  const [rows, columns] = x.shape
  const output = scope.empty([rows, count], 'slice', { needsGrad: x.needsGrad })
  const attributes = { rows, columns, from, count }
  scope.backend.run('sliceColumns', { x: x.buffer, y: output.buffer, ...attributes })
  scope.record({ op: 'slice', inputs: [x], parameters: [], output, saved: [], attributes })
  return output
}

/** x / rms(x) · (offset + w), over rows as long as w [D]: x is [T, D], or [T, heads·D] where each head is normed (Qwen3). */
export function rmsnorm(x: Tensor, w: Parameter, eps: number, offset = 0): Tensor {
  const { scope } = x
  const [width] = w.shape
  const rows = x.size / width
  const output = scope.empty(x.shape, 'rmsnorm', { needsGrad: x.needsGrad || w.trainable })
  const rstd = scope.empty([rows], 'rmsnorm')
  const run = (y: BufferId, rstd: BufferId) =>
    scope.backend.run('rmsnorm', { x: x.buffer, w: w.buffer, y, rstd, rows, width, eps, offset })
  run(output.buffer, rstd.buffer)
  output.repeatedBy((y) => withScratch(scope, rows, (rstd) => run(y, rstd)))
  const attributes = { rows, width, offset }
  scope.record({ op: 'rmsnorm', inputs: [x], parameters: [w], output, saved: [rstd], attributes })
  return output
}

/** (x − mean) / deviation · w + b: x [T, D]. */
export function layernorm(x: Tensor, w: Parameter, b: Parameter, eps: number): Tensor {
  const { scope } = x
  const [rows, width] = x.shape
  const output = scope.empty(x.shape, 'layernorm', { needsGrad: x.needsGrad || w.trainable || b.trainable })
  const mean = scope.empty([rows], 'layernorm')
  const rstd = scope.empty([rows], 'layernorm')
  const run = (y: BufferId, mean: BufferId, rstd: BufferId) =>
    scope.backend.run('layernorm', { x: x.buffer, w: w.buffer, b: b.buffer, y, mean, rstd, rows, width, eps })
  run(output.buffer, mean.buffer, rstd.buffer)
  output.repeatedBy((y) => withScratch(scope, rows, (mean) => withScratch(scope, rows, (rstd) => run(y, mean, rstd))))
  const attributes = { rows, width }
  scope.record({ op: 'layernorm', inputs: [x], parameters: [w, b], output, saved: [mean, rstd], attributes })
  return output
}

/** Runs with a buffer of `size` elements that nobody reads afterwards. */
function withScratch({ backend }: Scope, size: number, run: (buffer: BufferId) => void): void {
  const buffer = backend.alloc('f32', size)
  run(buffer)
  backend.free(buffer)
}

export interface RopeTable {
  cos: Tensor
  sin: Tensor
  /** How many angles: half the rotated width. */
  half: number
}

/** Cosines and sines [T, half] of the rotary angles at these positions, times `factor`. */
export function ropeTable(positions: Tensor, frequencies: Tensor, factor = 1): RopeTable {
  const { scope } = positions
  const rows = positions.size
  const half = frequencies.size
  const cos = scope.empty([rows, half], 'ropeTable')
  const sin = scope.empty([rows, half], 'ropeTable')
  const held = { positions: positions.buffer, frequencies: frequencies.buffer, cos: cos.buffer, sin: sin.buffer }
  scope.backend.run('ropeTable', { ...held, rows, half, scale: factor })
  return { cos, sin, half }
}

/** Rotary embedding of x [T, heads·width] (Su et al. 2021), halves paired. */
export function rope(x: Tensor, { cos, sin, half }: RopeTable, heads: number): Tensor {
  const { scope } = x
  const rows = x.shape[0]
  const width = x.shape[1] / heads
  const output = scope.empty(x.shape, 'rope', { needsGrad: x.needsGrad })
  const held = { x: x.buffer, cos: cos.buffer, sin: sin.buffer, y: output.buffer }
  scope.backend.run('rope', { ...held, rows, heads, width, half, sign: 1 })
  const attributes = { rows, heads, width, half, cos, sin }
  scope.record({ op: 'rope', inputs: [x], parameters: [], output, saved: [], attributes })
  return output
}

/** f(gate) · up (Shazeer 2020). */
export function gated(gate: Tensor, up: Tensor, kind: UnaryKind): Tensor {
  const { scope } = gate
  const output = scope.empty(gate.shape, 'gated', { needsGrad: gate.needsGrad || up.needsGrad })
  const run = (y: BufferId) =>
    scope.backend.run('gated', { gate: gate.buffer, up: up.buffer, y, n: gate.size, kind: unaryKinds[kind] })
  run(output.buffer)
  output.repeatedBy(run)
  scope.record({ op: 'gated', inputs: [gate, up], parameters: [], output, saved: [], attributes: { kind } })
  return output
}

/** What the draw of a dropout mask is keyed by, besides the column. */
export interface DropoutKey {
  seed: number
  /** One number for each place in the model that drops. */
  stream: number
  rowIds: Tensor
  positions: Tensor
}

/** Inverted dropout of x [T, D]: kept values are divided by 1 − rate. */
export function dropout(x: Tensor, rate: number, { seed, stream, rowIds, positions }: DropoutKey): Tensor {
  if (rate === 0) return x
  const { scope } = x
  const [rows, width] = x.shape
  const output = scope.empty(x.shape, 'dropout', { needsGrad: x.needsGrad })
  const numbers = { rows, width, rate, seedLow: seed >>> 0, seedHigh: Math.floor(seed / 2 ** 32) >>> 0, stream }
  const keys = { rowIds: rowIds.buffer, positions: positions.buffer }
  scope.backend.run('dropout', { x: x.buffer, y: output.buffer, ...keys, ...numbers })
  const attributes = { ...numbers, rowIds, positions }
  scope.record({ op: 'dropout', inputs: [x], parameters: [], output, saved: [], attributes })
  return output
}

export interface HeadOptions {
  /** softcap · tanh(z / softcap) on the logits; 0 leaves them. */
  softcap?: number
  precision?: Precision
}

/** log p(targets[r] | x[r]) [R] through the vocabulary projection w [V, D], without forming the logits. */
export function logprobs(x: Tensor, w: Parameter, targets: Tensor, options: HeadOptions = {}): Tensor {
  const { scope } = x
  const [rows, width] = x.shape
  const [vocab] = w.shape
  const output = scope.empty([rows], 'logprobs', { needsGrad: x.needsGrad || w.trainable })
  const lse = scope.empty([rows], 'logprobs')
  const numbers = { rows, width, vocab, softcap: options.softcap ?? 0, precision: precisionCode(options.precision) }
  const held = { x: x.buffer, w: w.buffer, targets: targets.buffer, y: output.buffer, lse: lse.buffer }
  scope.backend.run('logprobs', { ...held, ...numbers })
  const attributes = { ...numbers, targets }
  scope.record({ op: 'logprobs', inputs: [x], parameters: [w], output, saved: [lse], attributes })
  return output
}

/**
 * `logprobs` for a cotangent dy [R] that is known beforehand: the log-probs [R], and the cotangent of x [R, D] from which
 * `scope.backward` goes on. The gradient of w is added at once. Each logit is formed once instead of twice.
 */
export function logprobsWithGrad(x: Tensor, w: Parameter, targets: Tensor, dy: Tensor, options: HeadOptions = {}) {
  const { scope } = x
  const [rows, width] = x.shape
  const values = scope.empty([rows], 'logprobs')
  const gradient = scope.empty(x.shape, 'logprobs')
  scope.backend.run('logprobsWithGrad', {
    ...{ x: x.buffer, w: w.buffer, targets: targets.buffer, dy: dy.buffer, y: values.buffer, dx: gradient.buffer },
    dw: w.trainable ? w.grad() : null,
    ...{ rows, width, vocab: w.shape[0], softcap: options.softcap ?? 0, precision: precisionCode(options.precision) },
  })
  return { values, gradient }
}

/** Logits [R, V] of x [R, D]: for sampling and tests; not differentiable. */
export function logits(x: Tensor, w: Parameter, options: HeadOptions = {}): Tensor {
  const [rows, width] = x.shape
  const [vocab] = w.shape
  const output = x.scope.empty([rows, vocab], 'logits')
  const numbers = { rows, width, vocab, softcap: options.softcap ?? 0, precision: precisionCode(options.precision) }
  x.scope.backend.run('logits', { x: x.buffer, w: w.buffer, y: output.buffer, ...numbers })
  return output
}
