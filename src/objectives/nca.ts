import { add, logSigmoid, neg, scale } from '../tensor/index.ts'
import { compared, implicitRewards } from './compare.ts'
import { objective } from './objective.ts'

/** NCA for pairs (Chen et al. 2024, arXiv:2402.05369, eq. 13 with one better answer of two). */
export const nca = objective(
  {
    id: 'nca',
    summary: 'Noise-contrastive alignment: raises the better answer against the reference itself, not the worse one.',
    source: 'arXiv:2402.05369, eq. 13',
    form: 'pairs',
    needs: ['reference'],
    params: { beta: 0.01 },
    imitates: 'chosen',
  },
  (views, { beta }) => {
    const rewards = implicitRewards(views, beta)
    const noise = add(logSigmoid(neg(rewards.chosen)), logSigmoid(neg(rewards.rejected)))
    return compared(views, rewards, neg(add(logSigmoid(rewards.chosen), scale(noise, 0.5))))
  },
)
