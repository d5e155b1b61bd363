import { add, logSigmoid, mul, neg, sigmoid, sub, type Tensor } from '../tensor/index.ts'
import { compared, implicitRewards, lead } from './compare.ts'
import { objective } from './objective.ts'

/**
 * EXO for pairs (Ji et al. 2024, arXiv:2402.00856, eq. 16): the reverse KL from the model's choice (σ(h), σ(−h)) to the
 * labels (1 − ε, ε).
 */
export const exo = objective(
  {
    id: 'exo',
    summary: "Efficient exact optimisation: reverse KL between the model's choice and the smoothed label.",
    source: 'arXiv:2402.00856, eq. 16',
    form: 'pairs',
    needs: ['reference'],
    params: { beta: 0.1, epsilon: 1e-3 },
    imitates: 'chosen',
  },
  (views, { beta, epsilon }) => {
    const rewards = implicitRewards(views, beta)
    const h = lead(views, rewards)
    // At ε = 0 the divergence is infinite.
    const share = Math.max(epsilon, 1e-12)
    const part = (x: Tensor, label: number) => mul(sigmoid(x), sub(logSigmoid(x), label))
    return compared(views, rewards, add(part(h, Math.log1p(-share)), part(neg(h), Math.log(share))))
  },
)
