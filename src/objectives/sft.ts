import { mul, neg } from '../tensor/index.ts'
import { objective } from './objective.ts'

/** Cross-entropy on the learnt tokens, each by its weight; the mean is over the whole batch's weight, not per row. */
export const sft = objective(
  {
    id: 'sft',
    summary: 'Supervised tuning: the mean negative log-prob of the learnt tokens.',
    source: 'maximum likelihood',
    needs: [],
    params: {},
    per: 'token',
    linear: true,
  },
  ({ all }) => ({ loss: neg(mul(all.weights, all.logprobs)) }),
)
