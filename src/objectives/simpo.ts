import { scale, sub } from '../tensor/index.ts'
import { compared, lead, logistic } from './compare.ts'
import { objective } from './objective.ts'
import { meanLogprobs } from './reductions.ts'

/** SimPO (Meng et al. 2024, arXiv:2405.14734, eq. 6): rewards are mean log-probs, the better one is to lead by γ. */
export const simpo = objective(
  {
    id: 'simpo',
    summary: 'Logistic loss on the difference of mean log-probs less a margin; no reference.',
    source: 'arXiv:2405.14734, eq. 6',
    form: 'pairs',
    needs: [],
    params: { beta: 2, gamma: 1, labelSmoothing: 0 },
    imitates: 'chosen',
  },
  (views, { beta, gamma, labelSmoothing }) => {
    const rewards = {
      chosen: scale(meanLogprobs(views.chosen), beta),
      rejected: scale(meanLogprobs(views.rejected), beta),
    }
    return compared(views, rewards, logistic(sub(lead(views, rewards), gamma), labelSmoothing))
  },
)
