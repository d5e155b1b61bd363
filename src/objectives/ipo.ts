import { div, scale, square, sub } from '../tensor/index.ts'
import { compared } from './compare.ts'
import { objective } from './objective.ts'
import { lengths, logRatio } from './reductions.ts'

/**
 * IPO (Azar et al. 2023, arXiv:2310.12036, eq. 17; its τ is `beta`). The paper writes sums over tokens; its authors' figures
 * are of means, which is what `averaged` does and what other trainers do.
 */
export const ipo = objective(
  {
    id: 'ipo',
    summary: 'Squared distance of the difference of log-ratios from 1/(2β): does not run off on certain pairs.',
    source: 'arXiv:2310.12036, eq. 17',
    form: 'pairs',
    needs: ['reference'],
    params: { beta: 0.1, averaged: true },
    imitates: 'chosen',
  },
  (views, { beta, averaged }) => {
    const { chosen, rejected } = views
    const rewards = {
      chosen: averaged ? div(logRatio(chosen), lengths(chosen)) : logRatio(chosen),
      rejected: averaged ? div(logRatio(rejected), lengths(rejected)) : logRatio(rejected),
    }
    const scaled = { chosen: scale(rewards.chosen, beta), rejected: scale(rewards.rejected, beta) }
    return compared(views, scaled, square(sub(sub(rewards.chosen, rewards.rejected), 1 / (2 * beta))))
  },
)
