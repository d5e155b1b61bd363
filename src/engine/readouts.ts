import type { TokenTree } from '../batch/index.ts'
import {
  add,
  gather,
  type HeadOptions,
  logprobs,
  logprobsOf,
  mul,
  type Parameter,
  type Scope,
  sub,
  sum,
  type Tensor,
  topTokens,
} from '../tensor/index.ts'

/** What the head is asked for: [P, D] the states before each target, and [P] the targets' ids. */
export interface Asked {
  hidden: Tensor
  targets: Tensor
}

/** What a batch blends into its inputs, as the model reads it. */
export function inputMix(scope: Scope, { inputMix: mix, tokens }: TokenTree) {
  if (!mix) return undefined
  return { tokens: scope.from(mix.tokens), weights: scope.from(mix.weights, [tokens.length, 1]) }
}

/** The further log-probs that a batch asks for, or null: of its candidates, or of both tokens at each mixed place in turn. */
export function readExtra(batch: TokenTree, asked: Asked, known: Tensor, w: Parameter, head: HeadOptions) {
  const { candidates, hiddenMix } = batch
  const { hidden, targets } = asked
  if (candidates) return logprobsOf({ x: hidden, known, targets }, w, candidates.tokens, head)
  if (!hiddenMix || hiddenMix.first.length === 0) return null
  const { first, second, weights } = hiddenMix
  const share = hidden.scope.from(weights, [weights.length, 1])
  const [one, other] = [gather(hidden, first), gather(hidden, second)]
  const mixed = add(other, mul(share, sub(one, other)))
  const twice = Int32Array.from({ length: 2 * first.length }, (_, i) => i >> 1)
  const ids = twice.map((m, i) => batch.tokens[batch.targets[(i % 2 === 0 ? first : second)[m]]])
  return logprobs(gather(mixed, twice), w, hidden.scope.from(ids), head)
}

/** Rows whose logits are formed at once, so that they stay small beside the model. */
const TOP_ROWS = 64

/** The most probable tokens at each target, in order. */
export async function readTop({ hidden }: Asked, w: Parameter, count: number, head: HeadOptions) {
  const rows = hidden.shape[0]
  const found = { count, tokens: new Int32Array(rows * count), logprobs: new Float32Array(rows * count) }
  for (let first = 0; first < rows; first += TOP_ROWS) {
    const some = Int32Array.from({ length: Math.min(TOP_ROWS, rows - first) }, (_, i) => first + i)
    const top = topTokens(gather(hidden, some), w, count, head)
    found.tokens.set(await top.tokens.read(), first * count)
    found.logprobs.set(await top.logprobs.read(), first * count)
  }
  return found
}

/** Σ output · cotangent over both readouts: one scalar from which a tape goes back through them at once. */
export function weighed(output: Tensor, cotangent: Float32Array, extra: Tensor, further: Float32Array): Tensor {
  const { scope } = output
  return add(sum(mul(output, scope.from(cotangent))), sum(mul(extra, scope.from(further))))
}
