import { logSigmoid, mul, neg, scale, sub } from '../tensor/index.ts'
import { objective } from './objective.ts'
import { logRatio } from './reductions.ts'
import { rated, sign } from './unpaired.ts'

/**
 * BCO (Jung et al. 2024, arXiv:2404.04656, eq. 9): a classifier of good and bad answers by their rewards, shifted by
 * δ = (E[r | good] + E[r | bad]) / 2. The two means run over past batches and are 0 at the start, where the policy is the
 * reference; a batch is judged by those before it, so that no row of a batch depends on another.
 */
export const bco = objective(
  {
    id: 'bco',
    summary: 'Binary classifier optimisation: tells answers rated good from bad ones by their implicit rewards.',
    source: 'arXiv:2404.04656, eq. 9',
    form: 'unpaired',
    needs: ['reference'],
    params: { beta: 0.1, decay: 0.9 },
    scope: 'batch',
    state: { good: 0, bad: 0 },
  },
  async ({ all, state }, { beta, decay }) => {
    const reward = scale(logRatio(all), beta)
    const shifted = sub(reward, (state['good'] + state['bad']) / 2)
    const [rewards, labels, weights] = await Promise.all([
      reward.read(),
      all.value('label').read(),
      all.sequenceWeights.read(),
    ])
    const running = (label: number, before: number) => {
      const weight = labels.map((own, i) => (own === label ? weights[i] : 0))
      const total = sumOf(weight)
      return total === 0 ? before : decay * before + ((1 - decay) * sumOf(weight.map((w, i) => w * rewards[i]))) / total
    }
    return {
      ...rated(all, reward, neg(logSigmoid(mul(sign(all), shifted)))),
      state: { good: running(1, state['good']), bad: running(0, state['bad']) },
    }
  },
)

const sumOf = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0)
