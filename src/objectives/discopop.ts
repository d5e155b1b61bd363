import { add, exp, logSigmoid, mul, neg, scale, sigmoid, sub } from '../tensor/index.ts'
import { compared, implicitRewards, lead } from './compare.ts'
import { objective } from './objective.ts'

/** DiscoPOP's log-ratio modulated loss (Lu et al. 2024, arXiv:2406.08414, eq. 5). */
export const discopop = objective(
  {
    id: 'discopop',
    summary: 'A loss that was found by search: logistic and exponential, blended by the margin.',
    source: 'arXiv:2406.08414, eq. 5',
    form: 'pairs',
    needs: ['reference'],
    params: { beta: 0.05, tau: 0.05 },
    imitates: 'chosen',
  },
  (views, { beta, tau }) => {
    const rewards = implicitRewards(views, beta)
    const h = lead(views, rewards)
    const steep = scale(h, 1 / tau)
    const logistic = mul(sigmoid(neg(steep)), neg(logSigmoid(h)))
    // e^−h · σ(h/τ) in one exponential: the factors alone would be ∞ · 0 far below 0.
    return compared(views, rewards, add(logistic, exp(sub(logSigmoid(steep), h))))
  },
)
