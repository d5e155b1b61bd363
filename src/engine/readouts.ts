import { HoneError } from '../base/index.ts'
import { predecessors, type TokenTree } from '../batch/index.ts'
import type { Model } from '../models/types.ts'
import type { Objective } from '../objectives/index.ts'
import {
  add,
  gather,
  type HeadOptions,
  linear,
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
import type { ForwardResult, Readout } from './types.ts'

/** What the head of a model gives: log-probs of the targets, or the score of each sequence. */
export interface MainReadout {
  name: Objective['reads']
  /** All that an engine over this model can give. */
  offers: readonly Readout[]
  /** The tokens of a batch whose hidden states the head is asked at. */
  at(batch: TokenTree): Int32Array
  /** One value for each of them. */
  read(asked: Asked): Tensor
  /** The further values that the batch asks for, or null. */
  extra(batch: TokenTree, asked: Asked, known: Tensor): Tensor | null
  /** The values under their name. */
  named(values: Float32Array): ForwardResult
}

export function mainReadout(model: Model, head: HeadOptions): MainReadout {
  const { score } = model
  if (score) {
    return {
      name: 'score',
      offers: ['score'],
      at: sequenceEnds,
      read: ({ hidden }) => linear(hidden, score),
      extra: () => null,
      named: (scores) => ({ logprobs: new Float32Array(0), scores }),
    }
  }
  return {
    name: 'logprob',
    offers: ['logprob', 'logprobsOf', 'topk', 'inputMix', 'hiddenMix'],
    at: predecessors,
    read: ({ hidden, targets }) => logprobs(hidden, model.head, targets, head),
    extra: (batch, asked, known) => readExtra(batch, asked, known, model.head, head),
    named: (values) => ({ logprobs: values }),
  }
}

function sequenceEnds({ ends, groups, places, rows }: TokenTree): Int32Array {
  const without = ends.indexOf(-1)
  if (without < 0) return ends
  throw new HoneError(
    'E_TREE',
    `row ${rows[groups[without]]}: sequence ${places[without]} has no marks, and so no end to score`,
  )
}

/**
 * Refuses an objective that a model's head cannot serve.
 * @throws HoneError E_READOUT
 */
export function requireReadout(readouts: ReadonlySet<Readout>, { id, reads }: Pick<Objective, 'id' | 'reads'>): void {
  if (readouts.has(reads)) return
  const help =
    reads === 'score'
      ? 'Open the model as a reward model: with a scalar head.'
      : 'A reward model has no vocabulary to write with: take the model that it was trained from.'
  throw new HoneError('E_READOUT', `${id} reads ${reads}, and this model gives ${[...readouts].join(', ')}`, { help })
}

/** What the head is asked for: [P, D] the states before each target, and [P] the targets' ids; or [N, D] at the ends. */
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
function readExtra(batch: TokenTree, asked: Asked, known: Tensor, w: Parameter, head: HeadOptions) {
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
