import { div, scale, sub, type Tensor } from '../tensor/index.ts'
import { compared, hinge, lead, logistic } from './compare.ts'
import { objective } from './objective.ts'
import { lengths, sequenceLogprobs } from './reductions.ts'
import type { Completions } from './views.ts'

/**
 * TPO (Saeidi et al. 2024, arXiv:2405.16681, eq. 9): CPO's comparison of the second with the third of three answers, and
 * `sftWeight` (α) times imitation of the best. With `averaged` and a margin γ it is TPO-L of the paper's later versions.
 */
export const tpo = objective(
  {
    id: 'tpo',
    summary: 'Triple preference optimisation: imitates the best of three answers, prefers the second to the third.',
    source: 'arXiv:2405.16681, eq. 9',
    form: 'triples',
    needs: [],
    params: { beta: 0.2, sftWeight: 0.9, comparison: 'logistic', averaged: false, gamma: 0 },
    imitates: 'gold',
  },
  (views, { beta, comparison, averaged, gamma }) => {
    const reward = (side: Completions): Tensor => {
      const sum = scale(sequenceLogprobs(side), beta)
      return averaged ? div(sum, lengths(side)) : sum
    }
    const rewards = { chosen: reward(views.chosen), rejected: reward(views.rejected) }
    const h = sub(lead(views, rewards), gamma)
    return compared(views, rewards, comparison === 'hinge' ? hinge(h) : logistic(h))
  },
)
