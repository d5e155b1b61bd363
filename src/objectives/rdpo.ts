import { add, logSigmoid, neg, scale } from '../tensor/index.ts'
import { compared, implicitRewards, lead } from './compare.ts'
import { objective } from './objective.ts'

/**
 * Robust DPO (Chowdhury et al. 2024, arXiv:2403.00409, eq. 12): where a share ε of the pairs is the wrong way round, its
 * expectation is DPO's loss on the right ones. Unbounded below.
 */
export const rdpo = objective(
  {
    id: 'rdpo',
    summary: 'DPO corrected for a known share ε of flipped pairs, so that it is unbiased.',
    source: 'arXiv:2403.00409, eq. 12',
    form: 'pairs',
    needs: ['reference'],
    params: { beta: 0.1, epsilon: 0.1 },
    imitates: 'chosen',
  },
  (views, { beta, epsilon }) => {
    const rewards = implicitRewards(views, beta)
    const h = lead(views, rewards)
    const observed = scale(logSigmoid(h), -(1 - epsilon))
    const flipped = scale(logSigmoid(neg(h)), epsilon)
    return compared(views, rewards, scale(add(observed, flipped), 1 / (1 - 2 * epsilon)))
  },
)
