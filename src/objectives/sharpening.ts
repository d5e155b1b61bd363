import { add, detach, scale, square, sub } from '../tensor/index.ts'
import { compared, implicitRewards } from './compare.ts'
import { objective } from './objective.ts'
import { mean, sequenceLogprobs } from './reductions.ts'

/**
 * RLHF-Sharpening (Huang et al. 2024, arXiv:2412.01951, §3.2 and §4.3): implicit rewards are regressed on differences of
 * given ones, which came as the `score` of each answer. `optimism` (α) takes log-prob from the usual answer, one of the reference's
 * own, as XPO does; 0 leaves the regression alone.
 */
export const sharpening = objective(
  {
    id: 'sharpening',
    summary: 'Squared distance of the difference of implicit rewards from that of scores; may leave the usual answer.',
    source: 'arXiv:2412.01951, §3.2 and §4.3',
    form: 'explorations',
    needs: ['reference', 'score'],
    params: { beta: 0.1, optimism: 0 },
  },
  (views, { beta, optimism }) => {
    const { chosen, rejected, usual } = views
    const rewards = implicitRewards(views, beta)
    const wanted = sub(chosen.value('score'), rejected.value('score'))
    const { loss, metrics } = compared(views, rewards, square(sub(sub(rewards.chosen, rewards.rejected), wanted)))
    const told = mean(usual, sequenceLogprobs(usual))
    return { loss: add(loss, scale(told, optimism)), metrics: { ...metrics, usualLogprob: detach(told) } }
  },
)
