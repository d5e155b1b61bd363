import { add, mul, square, type Tensor } from '../tensor/index.ts'
import { lead, logistic } from './compare.ts'
import { objective } from './objective.ts'
import { scored } from './scores.ts'

/**
 * Bradley–Terry (1952) as InstructGPT trains it (Ouyang et al. 2022, arXiv:2203.02155, eq. 1): −log σ(r_w − r_l − m), where m
 * is the pair's `margin` (Llama 2, Touvron et al. 2023, arXiv:2307.09288, eq. 2). Pairs say nothing of where 0 lies:
 * `centering` · (r_w + r_l)² puts it between the two answers (Eisenstein et al. 2023, arXiv:2312.09244).
 */
export const reward = objective(
  {
    id: 'reward',
    summary: 'Reward model: the better answer of a pair is to have the greater score (Bradley–Terry).',
    source: 'arXiv:2203.02155, eq. 1; margin: arXiv:2307.09288, eq. 2',
    form: 'pairs',
    needs: [],
    reads: 'score',
    params: { centering: 0 },
  },
  (views, { centering }) => {
    const rewards = { chosen: views.chosen.scores, rejected: views.rejected.scores }
    const loss = logistic(lead(views, rewards))
    return scored(views, rewards, centred(loss, rewards.chosen, rewards.rejected, centering))
  },
)

/** loss + c · (r_w + r_l)² */
export const centred = (loss: Tensor, better: Tensor, worse: Tensor, c: number): Tensor =>
  c === 0 ? loss : add(loss, mul(c, square(add(better, worse))))
