import { expm1, logSigmoid, minimum, mul, neg, scale, type Tensor } from '../tensor/index.ts'
import { compared, lead, logistic } from './compare.ts'
import { objective } from './objective.ts'
import { logRatio } from './reductions.ts'

/**
 * DPO (Rafailov et al. 2023, arXiv:2305.18290, eq. 7): β is `beta`, y_w the chosen and y_l the rejected answer. Other
 * divergences than the reverse KL (Wang et al. 2023, arXiv:2309.16240, table 1) take f′(π/π_ref) in place of the log-ratio.
 */
export const dpo = objective(
  {
    id: 'dpo',
    summary: 'Direct preference optimisation: logistic loss on the difference of implicit rewards.',
    source: 'arXiv:2305.18290, eq. 7',
    form: 'pairs',
    needs: ['reference'],
    params: { beta: 0.1, labelSmoothing: 0, divergence: 'reverse-kl', divergenceAlpha: 0.5 },
    imitates: 'chosen',
  },
  (views, { beta, labelSmoothing, divergence, divergenceAlpha }) => {
    const slope = (ratio: Tensor) => slopes[divergence](ratio, divergenceAlpha)
    const rewards = {
      chosen: mul(beta, slope(logRatio(views.chosen))),
      rejected: mul(beta, slope(logRatio(views.rejected))),
    }
    return compared(views, rewards, logistic(lead(views, rewards), labelSmoothing))
  },
)

/** f′(u) of each divergence, up to a constant, by log u. */
const slopes: Record<string, (ratio: Tensor, alpha: number) => Tensor> = {
  'reverse-kl': (ratio) => ratio,
  // −1/u + 1
  'forward-kl': (ratio) => alphaSlope(ratio, 1),
  // log(2u / (1 + u)) − log 2
  'jensen-shannon': (ratio) => logSigmoid(ratio),
  alpha: (ratio, alpha) => (alpha === 0 ? ratio : alphaSlope(ratio, alpha)),
}

/** (1 − u^−α) / α. At e⁶⁰ the exponential is cut: an answer that the model has all but ruled out is not pushed back up. */
const alphaSlope = (ratio: Tensor, alpha: number) => scale(neg(expm1(minimum(scale(ratio, -alpha), 60))), 1 / alpha)
