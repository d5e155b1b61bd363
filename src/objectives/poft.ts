import { add, detach, logSigmoid, neg, scale, sigmoid, sub } from '../tensor/index.ts'
import { objective } from './objective.ts'
import { mean, meanLogprobs } from './reductions.ts'

/**
 * PoFT (Fan et al. 2024, arXiv:2412.12865, eq. 7): the model is to find each answer likelier than aligned models do, whose
 * mean log-prob of a token, over the same tokens, comes with the row as `baseline`.
 */
export const poft = objective(
  {
    id: 'poft',
    summary: 'Supervised tuning that weighs a row by how much better aligned models still know it.',
    source: 'arXiv:2412.12865, eq. 7',
    form: 'demonstrations',
    needs: ['baseline'],
    params: { beta: 1, gamma: 0 },
  },
  ({ all }, { beta, gamma }) => {
    const ahead = sub(meanLogprobs(all), all.value('baseline'))
    const h = add(scale(ahead, beta), gamma)
    return {
      loss: mean(all, neg(logSigmoid(h))),
      metrics: {
        // What the row's gradient of supervised tuning is multiplied by, in units of β.
        rowWeight: mean(all, sigmoid(neg(detach(h)))),
        ahead: mean(all, detach(ahead)),
      },
    }
  },
)
