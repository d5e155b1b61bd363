import { expm1, minimum, neg, scale, sub, type Tensor } from '../tensor/index.ts'
import { compared, lead, logistic } from './compare.ts'
import { objective } from './objective.ts'
import { meanLogprobs } from './reductions.ts'
import type { Completions } from './views.ts'

/**
 * AlphaPO (Gupta et al. 2025, arXiv:2501.03884, eq. 5): SimPO whose reward is β (1 − p^−α) / α of the mean token probability
 * p; α is `shape`, and at 0 the reward is SimPO's β log p.
 */
export const alphapo = objective(
  {
    id: 'alphapo',
    summary: 'SimPO with rewards that bend with the log-prob: α above 0 pulls low probabilities up the harder.',
    source: 'arXiv:2501.03884, eq. 5',
    form: 'pairs',
    needs: [],
    params: { beta: 2, gamma: 0.5, shape: 0.25 },
    imitates: 'chosen',
  },
  (views, { beta, gamma, shape }) => {
    const reward = (side: Completions): Tensor => {
      const logprob = meanLogprobs(side)
      if (shape === 0) return scale(logprob, beta)
      return scale(neg(expm1(minimum(scale(logprob, -shape), 60))), beta / shape)
    }
    const rewards = { chosen: reward(views.chosen), rejected: reward(views.rejected) }
    return compared(views, rewards, logistic(sub(lead(views, rewards), gamma)))
  },
)
