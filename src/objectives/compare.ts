import {
  add,
  detach,
  expm1,
  log,
  logSigmoid,
  minimum,
  mul,
  neg,
  relu,
  scale,
  sigmoid,
  sub,
  type Tensor,
} from '../tensor/index.ts'
import type { ObjectiveValue } from './objective.ts'
import { logRatio, mean, sequenceLogprobs } from './reductions.ts'
import type { Completions, Views } from './views.ts'

/** [pairs] what each answer of a pair is worth to the model. */
export interface Rewards {
  chosen: Tensor
  rejected: Tensor
}

/** DPO's implicit rewards, β · log(π / π_ref). */
export const implicitRewards = ({ chosen, rejected }: Views, beta: number): Rewards => ({
  chosen: scale(logRatio(chosen), beta),
  rejected: scale(logRatio(rejected), beta),
})

/** [pairs] by how much the better answer leads, less the `margin` that the data asks of the pair. */
export const lead = ({ chosen }: Views, rewards: Rewards): Tensor =>
  sub(sub(rewards.chosen, rewards.rejected), chosen.value('margin', 0))

/** −(1 − ε) log σ(h) − ε log σ(−h) */
export function logistic(h: Tensor, epsilon = 0): Tensor {
  const straight = neg(logSigmoid(h))
  if (epsilon === 0) return straight
  return add(scale(straight, 1 - epsilon), scale(logSigmoid(neg(h)), -epsilon))
}

/** max(0, 1 − h) */
export const hinge = (h: Tensor): Tensor => relu(sub(1, h))

/**
 * log(1 − eˣ) for a log-prob x ≤ 0, by expm1: exact to rounding at either end. Where x rounds to 0 it is held at −10⁻⁶,
 * with no gradient: the answer cannot become more probable.
 */
export const log1mExp = (x: Tensor): Tensor => log(neg(expm1(minimum(x, -1e-6))))

/** 1 where a reward leads, ½ where neither does: a sigmoid so steep that it is a step. */
export const leads = (h: Tensor) => sigmoid(mul(1e30, h))

/** A loss over pairs as its mean, with the figures that all of them report. */
export function compared(views: Views, rewards: Rewards, loss: Tensor): ObjectiveValue {
  const { chosen, rejected } = views
  const better = detach(rewards.chosen)
  const worse = detach(rewards.rejected)
  const margin = sub(better, worse)
  const report = (x: Tensor, of: Completions = chosen) => mean(of, x)
  return {
    loss: mean(chosen, loss),
    metrics: {
      accuracy: report(leads(margin)),
      margin: report(margin),
      chosenReward: report(better),
      rejectedReward: report(worse),
      chosenLogprob: report(detach(sequenceLogprobs(chosen))),
      rejectedLogprob: report(detach(sequenceLogprobs(rejected)), rejected),
    },
  }
}
