import { add, detach, mul } from '../tensor/index.ts'
import { compared, implicitRewards, lead, logistic } from './compare.ts'
import { objective } from './objective.ts'
import { tokenLoss } from './reductions.ts'

/**
 * LongPO (Chen et al. 2025, arXiv:2502.13922, eqs. 8–10): the policy's log-probs are those after the long prompt, the
 * reference's those after the short one, summed over all turns of a row inside the sigmoid. Beside it stands the mean
 * negative log-prob of every token of the long chosen sequence, its prompt (the row's third sequence) included.
 */
export const longpo = objective(
  {
    id: 'longpo',
    summary:
      'Carries what a model does on short prompts over to long ones: DPO whose reference reads the short prompt.',
    source: 'arXiv:2502.13922, eq. 10',
    form: 'pairs',
    needs: ['reference', 'shortPrompt'],
    params: { beta: 0.01, lambda: 0.01, nllWeight: 1, everyToken: true },
  },
  (views, { beta, lambda, nllWeight, everyToken }) => {
    const rewards = implicitRewards(views, beta)
    const nll = tokenLoss(everyToken ? views.where(({ place }) => place !== 1) : views.chosen)
    const { loss, metrics } = compared(views, rewards, logistic(lead(views, rewards)))
    return { loss: add(mul(nllWeight, nll), mul(lambda, loss)), metrics: { ...metrics, nll: detach(nll) } }
  },
)
