import { scale } from '../tensor/index.ts'
import { compared, hinge, lead } from './compare.ts'
import { objective } from './objective.ts'
import { sequenceLogprobs } from './reductions.ts'

/** SLiC (Zhao et al. 2023, arXiv:2305.10425, eq. 1) as RSO writes it (arXiv:2309.06657, eq. 7): γ is `beta`. */
export const slic = objective(
  {
    id: 'slic',
    summary: 'Hinge loss on the difference of log-probs, without a reference.',
    source: 'arXiv:2305.10425, eq. 1',
    form: 'pairs',
    needs: [],
    params: { beta: 0.1 },
    imitates: 'chosen',
  },
  (views, { beta }) => {
    const rewards = {
      chosen: scale(sequenceLogprobs(views.chosen), beta),
      rejected: scale(sequenceLogprobs(views.rejected), beta),
    }
    return compared(views, rewards, hinge(lead(views, rewards)))
  },
)
