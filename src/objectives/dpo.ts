import { detach, logSigmoid, mul, neg, sigmoid, sub } from '../tensor/index.ts'
import { logRatio, objective, sequenceLogprobs } from './objective.ts'

/** DPO (Rafailov et al. 2023, arXiv:2305.18290, eq. 7): β is `beta`, y_w the chosen and y_l the rejected answer. */
export const dpo = objective(
  {
    id: 'dpo',
    summary: 'Direct preference optimisation: logistic loss on the difference of implicit rewards.',
    source: 'arXiv:2305.18290, eq. 7',
    needs: ['pairs', 'reference'],
    params: { beta: 0.1 },
    per: 'pair',
  },
  ({ chosen, rejected }, { beta }) => {
    const chosenReward = mul(beta, logRatio(chosen))
    const rejectedReward = mul(beta, logRatio(rejected))
    const margin = sub(chosenReward, rejectedReward)
    return {
      loss: neg(logSigmoid(margin)),
      metrics: {
        // 1 for a positive margin, ½ for none: a sigmoid so steep that it is a step.
        accuracy: sigmoid(mul(1e30, detach(margin))),
        margin: detach(margin),
        chosenReward: detach(chosenReward),
        rejectedReward: detach(rejectedReward),
        chosenLogprob: detach(sequenceLogprobs(chosen)),
        rejectedLogprob: detach(sequenceLogprobs(rejected)),
      },
    }
  },
)
