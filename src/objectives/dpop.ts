import { mul, neg, relu, scale, sub } from '../tensor/index.ts'
import { compared, implicitRewards, lead, logistic } from './compare.ts'
import { objective } from './objective.ts'
import { logRatio } from './reductions.ts'

/** DPO-positive (Pal et al. 2024, arXiv:2402.13228, eq. 3): no credit while the chosen answer is below the reference. */
export const dpop = objective(
  {
    id: 'dpop',
    summary: 'DPO with a penalty, λ times its fall, where the better answer becomes less probable than at the start.',
    source: 'arXiv:2402.13228, eq. 3',
    form: 'pairs',
    needs: ['reference'],
    params: { beta: 0.3, lambda: 50 },
    imitates: 'chosen',
  },
  (views, { beta, lambda }) => {
    const rewards = implicitRewards(views, beta)
    const fall = scale(relu(neg(logRatio(views.chosen))), beta)
    return compared(views, rewards, logistic(sub(lead(views, rewards), mul(lambda, fall))))
  },
)
