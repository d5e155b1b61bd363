import { objective } from './objective.ts'
import { tokenLoss } from './reductions.ts'

/** Cross-entropy on the learnt tokens, each by its weight; the mean is over the whole batch's weight, not per row. */
export const sft = objective(
  {
    id: 'sft',
    summary: 'Supervised tuning: the mean negative log-prob of the learnt tokens.',
    source: 'maximum likelihood',
    form: 'demonstrations',
    needs: [],
    params: {},
    linear: true,
  },
  ({ all }) => ({ loss: tokenLoss(all) }),
)
