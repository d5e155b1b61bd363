import { add, mul, sub } from '../tensor/index.ts'
import { compared, implicitRewards, lead, logistic } from './compare.ts'
import { objective } from './objective.ts'
import { lengths } from './reductions.ts'

/**
 * DPO with a penalty on length (Park et al. 2024, arXiv:2403.19159, eq. 9; called R-DPO there, not to be taken for the
 * robust `rdpo`). The reward of a token is α less, so a longer chosen answer already explains a part of its preference.
 */
export const lengthDpo = objective(
  {
    id: 'length-dpo',
    summary:
      'DPO that does not learn from length: α for each token by which the better answer is longer counts as known.',
    source: 'arXiv:2403.19159, eq. 9',
    form: 'pairs',
    needs: ['reference'],
    params: { beta: 0.1, lengthPenalty: 0.01 },
    imitates: 'chosen',
  },
  (views, { beta, lengthPenalty }) => {
    const rewards = implicitRewards(views, beta)
    const longer = sub(lengths(views.chosen), lengths(views.rejected))
    return compared(views, rewards, logistic(add(lead(views, rewards), mul(lengthPenalty, longer))))
  },
)
