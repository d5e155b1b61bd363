import { add, scale, square, sub } from '../tensor/index.ts'
import { compared, implicitRewards } from './compare.ts'
import { objective } from './objective.ts'
import { logRatio } from './reductions.ts'

/**
 * SPPO (Wu et al. 2024, arXiv:2405.00675, eq. 4.7; its η is 1/β). The probability that the chosen answer wins is the
 * row's `probability`, 1 where it has none (the hard form).
 */
export const sppo = objective(
  {
    id: 'sppo',
    summary: "Self-play preference optimisation: squares each answer's log-ratio towards its rate of winning.",
    source: 'arXiv:2405.00675, eq. 4.7',
    form: 'pairs',
    needs: ['reference'],
    params: { beta: 0.1 },
    imitates: 'chosen',
  },
  (views, { beta }) => {
    const target = scale(sub(views.chosen.value('probability', 1), 0.5), 1 / beta)
    const won = square(sub(logRatio(views.chosen), target))
    const lost = square(add(logRatio(views.rejected), target))
    return compared(views, implicitRewards(views, beta), add(won, lost))
  },
)
