import { scale } from '../tensor/index.ts'
import { compared, lead, logistic } from './compare.ts'
import { objective } from './objective.ts'
import { sequenceLogprobs } from './reductions.ts'

/** CPO (Xu et al. 2024, arXiv:2401.08417, eqs. 3–5): DPO under a uniform reference, and imitation of the chosen answer. */
export const cpo = objective(
  {
    id: 'cpo',
    summary: 'DPO without a reference, with imitation of the better answer.',
    source: 'arXiv:2401.08417, eq. 5',
    form: 'pairs',
    needs: [],
    params: { beta: 0.1, labelSmoothing: 0, sftWeight: 1 },
    imitates: 'chosen',
  },
  (views, { beta, labelSmoothing }) => {
    const rewards = {
      chosen: scale(sequenceLogprobs(views.chosen), beta),
      rejected: scale(sequenceLogprobs(views.rejected), beta),
    }
    return compared(views, rewards, logistic(lead(views, rewards), labelSmoothing))
  },
)
