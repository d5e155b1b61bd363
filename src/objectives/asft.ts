import { add, logSigmoid, mul, neg, scale } from '../tensor/index.ts'
import { compared } from './compare.ts'
import { objective } from './objective.ts'
import { logOdds } from './orpo.ts'
import { meanLogprobs } from './reductions.ts'

/**
 * ASFT (Wang et al. 2024, arXiv:2409.10571): with p the geometric mean of an answer's token probabilities,
 * −log p(y_w) − λ [log σ(β log odds(y_w)) + log σ(−β log odds(y_l))]. At β = 1 the brackets are log p(y_w) + log(1 − p(y_l)).
 */
export const asft = objective(
  {
    id: 'asft',
    summary: 'Supervised tuning that raises the better and lowers the worse answer, each by itself; no reference.',
    source: 'arXiv:2409.10571',
    form: 'pairs',
    needs: [],
    params: { lambda: 0.1, beta: 1 },
  },
  (views, { lambda, beta }) => {
    const chosen = meanLogprobs(views.chosen)
    const odds = { chosen: scale(logOdds(chosen), beta), rejected: scale(logOdds(meanLogprobs(views.rejected)), beta) }
    const align = neg(add(logSigmoid(odds.chosen), logSigmoid(neg(odds.rejected))))
    return compared(views, odds, add(neg(chosen), mul(lambda, align)))
  },
)
