import { add, detach, mul, neg, softplus, sub, type Tensor } from '../tensor/index.ts'
import { leads, type Rewards } from './compare.ts'
import type { ObjectiveValue } from './objective.ts'
import { mean } from './reductions.ts'
import type { Completions, Views } from './views.ts'

/** −y log σ(s) − (1 − y) log σ(−s), for scores s [N] and labels y [N] from 0 to 1. */
export const crossEntropy = (scores: Tensor, labels: Tensor): Tensor =>
  add(mul(labels, softplus(neg(scores))), mul(sub(1, labels), softplus(scores)))

/** The mean score. */
export const scoreFigures = (of: Completions) => ({ score: mean(of, detach(of.scores)) })

/** A loss over scored pairs as its mean, with what reward models are judged by. */
export function scored({ chosen }: Views, rewards: Rewards, loss: Tensor): ObjectiveValue {
  const [better, worse] = [detach(rewards.chosen), detach(rewards.rejected)]
  const margin = sub(better, worse)
  return {
    loss: mean(chosen, loss),
    metrics: {
      accuracy: mean(chosen, leads(margin)),
      margin: mean(chosen, margin),
      chosenReward: mean(chosen, better),
      rejectedReward: mean(chosen, worse),
    },
  }
}

/** Cross-entropy of every sequence with its `label`; a score above 0 says that it is a good one. */
export function judged({ all }: Views): ObjectiveValue {
  const label = all.value('label')
  const says = leads(detach(all.scores))
  const agrees = add(mul(leads(sub(label, 0.5)), says), mul(leads(sub(0.5, label)), sub(1, says)))
  return {
    loss: mean(all, crossEntropy(all.scores, label)),
    metrics: { accuracy: mean(all, agrees), ...scoreFigures(all) },
  }
}
