import {
  add,
  detach,
  exp,
  log1p,
  minimum,
  mul,
  neg,
  scale,
  segmentSum,
  softplus,
  sub,
  type Tensor,
} from '../tensor/index.ts'
import { objective } from './objective.ts'
import { tokenLoss, tokenMean } from './reductions.ts'

/** Probabilities below this are taken for rounding: a divergence from 0 would be infinite. */
const LEAST = 1e-8

/**
 * Distillation of a teacher's most probable tokens (Hinton et al. 2015, arXiv:1503.02531) by the generalised Jensen–Shannon
 * divergence (Agarwal et al. 2023, arXiv:2306.13649, eq. 1). All tokens beside those count as one more outcome on both sides,
 * so the loss is a divergence of distributions and at most that over the whole vocabulary.
 */
export const distill = objective(
  {
    id: 'distill',
    summary: "Learns a teacher's distribution over its most probable tokens at every learnt token.",
    source: 'arXiv:2306.13649, eq. 1',
    form: 'demonstrations',
    needs: ['teacher'],
    params: { mixing: 0, topK: 20, nllWeight: 0 },
  },
  ({ all, candidates }, { mixing, nllWeight }) => {
    const { count, teacher, logprobs } = candidates
    const token = Int32Array.from({ length: logprobs.size }, (_, i) => Math.floor(i / count))
    /** log(1 − Σ p) of each token: what is left beside its candidates. */
    const rest = (some: Tensor) => log1p(neg(minimum(segmentSum(exp(some), token, all.index.length), 1 - LEAST)))
    const spread = (student: Tensor, given: Tensor) => divergence(student, given, mixing)
    const listed = segmentSum(spread(logprobs, teacher), token, all.index.length)
    const kl = tokenMean(all, add(listed, spread(rest(logprobs), rest(teacher))))
    const metrics = { divergence: detach(kl) }
    return { loss: nllWeight === 0 ? kl : add(kl, scale(tokenLoss(all), nllWeight)), metrics }
  },
)

/** An outcome's part of β KL(t ‖ m) + (1 − β) KL(s ‖ m), m = β t + (1 − β) s; KL(t ‖ s) at β = 0 and KL(s ‖ t) at 1. */
function divergence(student: Tensor, teacher: Tensor, beta: number): Tensor {
  if (beta === 0) return mul(exp(teacher), sub(teacher, student))
  if (beta === 1) return mul(exp(student), sub(student, teacher))
  const ownShare = add(student, Math.log1p(-beta))
  const mixture = add(ownShare, softplus(sub(add(teacher, Math.log(beta)), ownShare)))
  const fromTeacher = mul(exp(teacher), sub(teacher, mixture))
  return add(scale(fromTeacher, beta), scale(mul(exp(student), sub(student, mixture)), 1 - beta))
}
