import { add, detach, mul, relu, scale, sigmoid, sub } from '../tensor/index.ts'
import { objective } from './objective.ts'
import { logRatio, mean } from './reductions.ts'
import { rated, sign } from './unpaired.ts'

/**
 * KTO (Ethayarajh et al. 2024, arXiv:2402.01306, eq. 8): r is the log-ratio and z_0, the reference point, an estimate of the
 * KL divergence: the mean log-ratio of answers to other prompts in the batch, not below 0, through which no gradient goes.
 */
export const kto = objective(
  {
    id: 'kto',
    summary: 'Learns from answers rated good or bad, each by itself, with the losses and gains of prospect theory.',
    source: 'arXiv:2402.01306, eq. 8',
    form: 'unpaired',
    needs: ['reference', 'mismatched'],
    params: { beta: 0.1, desirableWeight: 1, undesirableWeight: 1 },
    scope: 'batch',
  },
  ({ at }, { beta, desirableWeight, undesirableWeight }) => {
    const answers = at(0)
    const ratio = logRatio(answers)
    const kl = relu(mean(at(1), detach(logRatio(at(1)))))
    const weight = add(mul(answers.value('label'), desirableWeight - undesirableWeight), undesirableWeight)
    const lost = sigmoid(mul(sign(answers), scale(sub(kl, ratio), beta)))
    const { loss, metrics } = rated(answers, scale(ratio, beta), mul(weight, lost))
    return { loss, metrics: { ...metrics, kl } }
  },
)
