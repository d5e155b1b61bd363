import { HoneError } from '../base/index.ts'
import { type Scope, segmentSum, sub, type Tensor } from '../tensor/index.ts'

/** What an objective may ask of the data and the engine. */
export type Need = 'pairs' | 'reference'

/**
 * The log-probs of some sequences, as an objective sees them. P learnt tokens over N sequences; token i belongs to
 * sequence index[i].
 */
export interface Completions {
  /** [P], differentiable. */
  logprobs: Tensor
  /** [P] of the reference model, where the objective needs it. */
  reference: Tensor | null
  /** [P] what the data weighs each token with (1 as a rule). */
  weights: Tensor
  index: Int32Array
  /** N */
  count: number
}

/** What an objective is called with: `all`, and for pairs the two sides in the same order. */
export interface Views {
  scope: Scope
  all: Completions
  chosen: Completions
  rejected: Completions
}

/** An objective's value: a loss per unit, and figures per unit that are averaged like it. */
export interface ObjectiveValue {
  /** [units] */
  loss: Tensor
  metrics?: Record<string, Tensor>
}

export interface Objective<P extends Record<string, number> = Record<string, number>> {
  id: string
  /** One line of meaning. */
  summary: string
  /** Paper and equation. */
  source: string
  needs: readonly Need[]
  /** Defaults of its parameters. */
  params: P
  /**
   * What the loss is averaged over: the learnt tokens (by their weights) or the pairs of the whole optimiser batch. The
   * denominator is counted before the first micro-batch, so that micro-batches add up to the big batch.
   */
  per: 'token' | 'pair'
  /** The loss is linear in the log-probs, so that its gradient is known before them: the engine saves work. */
  linear: boolean
  /** 'batch' where a unit's loss depends on other units: all micro-batches are read before it is evaluated once. */
  scope: 'row' | 'batch'
  evaluate(views: Views, params: P): ObjectiveValue
}

/** Declares an objective; `scope` is 'row' and `linear` is false unless said otherwise. */
export function objective<P extends Record<string, number>>(
  spec: Omit<Objective<P>, 'evaluate' | 'scope' | 'linear'> & Partial<Pick<Objective<P>, 'scope' | 'linear'>>,
  evaluate: Objective<P>['evaluate'],
): Objective<P> {
  return { scope: 'row', linear: false, ...spec, evaluate }
}

/** [N] Σ over a sequence's tokens of log p. */
export function sequenceLogprobs({ logprobs, index, count }: Completions): Tensor {
  return segmentSum(logprobs, index, count)
}

/** [N] Σ over a sequence's tokens of log p − log p_reference: the implicit reward of DPO without its β. */
export function logRatio(completions: Completions): Tensor {
  if (!completions.reference)
    throw new HoneError('E_REFERENCE', 'this objective needs reference log-probs and got none')
  return segmentSum(sub(completions.logprobs, completions.reference), completions.index, completions.count)
}

/** The parameters of an objective with some replaced. @throws HoneError E_CONFIG on a name it does not have */
export function withParams<P extends Record<string, number>>(base: Objective<P>, given: Record<string, number>): P {
  for (const name of Object.keys(given)) {
    if (!(name in base.params)) {
      throw new HoneError('E_CONFIG', `objective '${base.id}' has no parameter '${name}'`, {
        help: `It has: ${Object.keys(base.params).join(', ') || 'none'}.`,
      })
    }
  }
  return { ...base.params, ...given }
}
