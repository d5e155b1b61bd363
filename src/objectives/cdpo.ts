import { compared, implicitRewards, lead, logistic } from './compare.ts'
import { objective } from './objective.ts'

/** Conservative DPO (Mitchell 2023, "A note on DPO with noisy preferences", eq. 5): DPO with smoothed labels. */
export const cdpo = objective(
  {
    id: 'cdpo',
    summary: 'DPO that takes a share ε of the pairs to be the wrong way round, and so stops at a finite margin.',
    source: 'Mitchell 2023, A note on DPO with noisy preferences',
    form: 'pairs',
    needs: ['reference'],
    params: { beta: 0.1, epsilon: 0.1 },
    imitates: 'chosen',
  },
  (views, { beta, epsilon }) => {
    const rewards = implicitRewards(views, beta)
    return compared(views, rewards, logistic(lead(views, rewards), epsilon))
  },
)
