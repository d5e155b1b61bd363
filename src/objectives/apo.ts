import { add, neg, sigmoid, sub } from '../tensor/index.ts'
import { compared, implicitRewards } from './compare.ts'
import { objective } from './objective.ts'

/** APO-zero (D'Oosterlinck et al. 2024, arXiv:2408.06266, eq. 7): for answers better than the model's own. */
export const apoZero = objective(
  {
    id: 'apo-zero',
    summary: 'Anchored preference optimisation: the better answer up, the worse one down.',
    source: 'arXiv:2408.06266, eq. 7',
    form: 'pairs',
    needs: ['reference'],
    params: { beta: 0.1 },
    imitates: 'chosen',
  },
  (views, { beta }) => {
    const rewards = implicitRewards(views, beta)
    return compared(views, rewards, add(sigmoid(neg(rewards.chosen)), sigmoid(rewards.rejected)))
  },
)

/** APO-down (eq. 8): for answers worse than the model's own. */
export const apoDown = objective(
  {
    id: 'apo-down',
    summary: 'Anchored preference optimisation: both answers down, the worse one further.',
    source: 'arXiv:2408.06266, eq. 8',
    form: 'pairs',
    needs: ['reference'],
    params: { beta: 0.1 },
    imitates: 'chosen',
  },
  (views, { beta }) => {
    const rewards = implicitRewards(views, beta)
    const gap = sub(rewards.rejected, rewards.chosen)
    return compared(views, rewards, add(sigmoid(rewards.chosen), sigmoid(gap)))
  },
)
