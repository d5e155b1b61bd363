import { add, detach, mul, neg, scale, segmentSum, square, sub, type Tensor } from '../tensor/index.ts'
import { objective } from './objective.ts'
import { logRatio, mean, sequenceLogprobs } from './reductions.ts'

/**
 * Nash-MD (Munos et al. 2023, arXiv:2312.00886, §7.2): the policy gradient on an answer of one's own, which came with the
 * probability `score` of being preferred to one of the mixture with the reference; ½ is taken off as a baseline. The paper
 * takes β times a token's log-ratio as a penalty through which no gradient flows, log-ratio · ∇log π: that is the gradient of
 * half its square, which is what stands here.
 */
export const nashMd = objective(
  {
    id: 'nash-md',
    summary: 'Policy gradient on how often an answer is preferred to one of a mixture with the reference.',
    source: 'arXiv:2312.00886, §7.2',
    form: 'demonstrations',
    needs: ['reference', 'score'],
    params: { beta: 0.1 },
  },
  ({ all }, { beta }) => {
    // logRatio refuses rows without a reference.
    const kl = detach(logRatio(all))
    const ratio = sub(all.logprobs, all.reference as Tensor)
    const penalty = segmentSum(scale(square(ratio), 0.5), all.index, all.count)
    const gain = mul(sub(all.value('score'), 0.5), sequenceLogprobs(all))
    return {
      loss: mean(all, add(neg(gain), scale(penalty, beta))),
      metrics: { winRate: mean(all, all.value('score')), kl: mean(all, kl) },
    }
  },
)
