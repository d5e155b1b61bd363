import { add, detach, scale } from '../tensor/index.ts'
import { compared, implicitRewards, lead, logistic } from './compare.ts'
import { objective } from './objective.ts'
import { logRatio, mean } from './reductions.ts'

/**
 * SELM (Zhang et al. 2024, arXiv:2405.19332, eq. 7) and XPO (Xie et al. 2024, arXiv:2405.21046, algorithm 1, whose α is `optimism` · β): DPO, and
 * `optimism` (α) times β log π(y)/π_ref(y) of the answer y that the reference itself gives. Descending on it takes probability
 * from what the reference does already, whatever that is worth, so that answers not yet seen gain some.
 */
export const selm = objective(
  {
    id: 'selm',
    summary: 'Self-exploration: DPO that also takes probability from what the reference itself answers.',
    source: 'arXiv:2405.19332, eq. 7; arXiv:2405.21046, algorithm 1',
    form: 'explorations',
    needs: ['reference'],
    params: { beta: 0.01, optimism: 0.001 },
    imitates: 'chosen',
  },
  (views, { beta, optimism }) => {
    const rewards = implicitRewards(views, beta)
    const { loss, metrics } = compared(views, rewards, logistic(lead(views, rewards)))
    const usual = mean(views.usual, scale(logRatio(views.usual), beta))
    return { loss: add(loss, scale(usual, optimism)), metrics: { ...metrics, usualReward: detach(usual) } }
  },
)
