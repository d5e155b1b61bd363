import { div, scale, sub } from '../tensor/index.ts'
import { compared, lead, logistic } from './compare.ts'
import { objective } from './objective.ts'
import { lengths, logRatio } from './reductions.ts'

/** LN-DPO (Ahrabian et al. 2024, arXiv:2407.15229): DPO with each log-ratio divided by its answer's tokens. */
export const lnDpo = objective(
  {
    id: 'ln-dpo',
    summary: "DPO on the mean log-ratio of an answer's tokens: shorter answers, less sensitive to β.",
    source: 'arXiv:2407.15229',
    form: 'pairs',
    needs: ['reference'],
    params: { beta: 2, gamma: 0 },
    imitates: 'chosen',
  },
  (views, { beta, gamma }) => {
    const rewards = {
      chosen: scale(div(logRatio(views.chosen), lengths(views.chosen)), beta),
      rejected: scale(div(logRatio(views.rejected), lengths(views.rejected)), beta),
    }
    return compared(views, rewards, logistic(sub(lead(views, rewards), gamma)))
  },
)
