import { detach, logSigmoid, mul, neg, sub, type Tensor } from '../tensor/index.ts'
import { compared, log1mExp } from './compare.ts'
import { objective } from './objective.ts'
import { meanLogprobs } from './reductions.ts'

/** log(p / (1 − p)) of p = exp(mean log-prob) */
export const logOdds = (logprob: Tensor): Tensor => sub(logprob, log1mExp(logprob))

/** ORPO (Hong et al. 2024, arXiv:2403.07691, eqs. 6–7): imitation of the chosen answer and λ times the log odds ratio. */
export const orpo = objective(
  {
    id: 'orpo',
    summary: 'Supervised tuning on the better answer with a penalty on the odds of the worse one; no reference.',
    source: 'arXiv:2403.07691, eq. 6',
    form: 'pairs',
    needs: [],
    params: { lambda: 0.1, sftWeight: 1 },
    imitates: 'chosen',
  },
  (views, { lambda }) => {
    const odds = {
      chosen: logOdds(meanLogprobs(views.chosen)),
      rejected: logOdds(meanLogprobs(views.rejected)),
    }
    const rewards = { chosen: mul(lambda, detach(odds.chosen)), rejected: mul(lambda, detach(odds.rejected)) }
    return compared(views, rewards, mul(lambda, neg(logSigmoid(sub(odds.chosen, odds.rejected)))))
  },
)
