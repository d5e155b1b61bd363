import { compared, hinge as hingeLoss, implicitRewards, lead } from './compare.ts'
import { objective } from './objective.ts'

/** SLiC's hinge (Zhao et al. 2023, arXiv:2305.10425) on DPO's rewards, as in RSO (Liu et al. 2023, arXiv:2309.06657, eq. 8). */
export const hinge = objective(
  {
    id: 'hinge',
    summary: 'Hinge loss on the difference of implicit rewards: pairs that lead by 1 are left alone.',
    source: 'arXiv:2309.06657, eq. 8 (SLiC: arXiv:2305.10425)',
    form: 'pairs',
    needs: ['reference'],
    params: { beta: 0.1 },
    imitates: 'chosen',
  },
  (views, { beta }) => {
    const rewards = implicitRewards(views, beta)
    return compared(views, rewards, hingeLoss(lead(views, rewards)))
  },
)
