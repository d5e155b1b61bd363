import { add, neg, scale } from '../tensor/index.ts'
import { compared, implicitRewards, lead, logistic } from './compare.ts'
import { objective } from './objective.ts'
import { meanLogprobs, sequenceLogprobs } from './reductions.ts'

/**
 * RPO (Liu et al. 2024, arXiv:2405.16436, eq. 4.5): DPO and ηβ times the negative log-prob of the chosen answer, summed over
 * its tokens or, with `averaged`, their mean.
 */
export const rpoSft = objective(
  {
    id: 'rpo-sft',
    summary: 'DPO that also imitates the better answer, which bounds over-optimisation of the implicit reward.',
    source: 'arXiv:2405.16436, eq. 4.5',
    form: 'pairs',
    needs: ['reference'],
    params: { beta: 0.01, eta: 0.005, averaged: false },
  },
  (views, { beta, eta, averaged }) => {
    const rewards = implicitRewards(views, beta)
    const logprobs = averaged ? meanLogprobs(views.chosen) : sequenceLogprobs(views.chosen)
    return compared(views, rewards, add(logistic(lead(views, rewards)), scale(neg(logprobs), eta * beta)))
  },
)
