import { HoneError } from '../base/index.ts'
import { div, mul, neg, scale, segmentSum, sub, sum, type Tensor } from '../tensor/index.ts'
import type { Completions } from './views.ts'

/** [N] Σ over a sequence's tokens of log p. */
export function sequenceLogprobs({ logprobs, index, count }: Completions): Tensor {
  return segmentSum(logprobs, index, count)
}

/** [N] learnt tokens of each sequence, the end-of-turn token included and the prompt not. */
export function lengths({ logprobs, index, count }: Completions): Tensor {
  const counted = new Float64Array(count)
  for (const sequence of index) counted[sequence]++
  return logprobs.scope.from(counted)
}

/** [N] mean over a sequence's tokens of log p. */
export const meanLogprobs = (completions: Completions) => div(sequenceLogprobs(completions), lengths(completions))

/** [N] Σ over a sequence's tokens of log p − log p_reference: the implicit reward of DPO without its β. */
export function logRatio(completions: Completions): Tensor {
  if (!completions.reference)
    throw new HoneError('E_REFERENCE', 'this objective needs reference log-probs and got none')
  return segmentSum(sub(completions.logprobs, completions.reference), completions.index, completions.count)
}

/** The mean of x [N] over all such sequences of the optimiser batch, by their weights; here this part's share of it. */
export function mean({ sequenceWeights, total }: Completions, x: Tensor): Tensor {
  return scale(sum(mul(sequenceWeights, x)), 1 / (total.sequences || 1))
}

/** The mean of x [P] over all tokens of such sequences in the optimiser batch, by their weights; this part's share. */
export function tokenMean({ weights, total }: Completions, x: Tensor): Tensor {
  return scale(sum(mul(weights, x)), 1 / (total.tokens || 1))
}

/** The mean negative log-prob of a token. */
export const tokenLoss = (completions: Completions) => neg(tokenMean(completions, completions.logprobs))
