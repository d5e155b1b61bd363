import { objective } from './objective.ts'
import { judged } from './scores.ts'

/**
 * Process rewards (Lightman et al. 2023, arXiv:2305.20050): the cross-entropy of σ(r) at the end of each step with its label:
 * right or wrong, or the share of ways on from there that end well (Math-Shepherd, Wang et al. 2023, arXiv:2312.08935, eq. 2).
 * Every step of the batch counts alike.
 */
export const rewardProcess = objective(
  {
    id: 'reward-process',
    summary: 'Reward model: the score at the end of each step is to tell right steps from wrong ones.',
    source: 'arXiv:2305.20050; soft labels: arXiv:2312.08935, eq. 2',
    form: 'steps',
    needs: [],
    reads: 'score',
    params: {},
  },
  judged,
)
