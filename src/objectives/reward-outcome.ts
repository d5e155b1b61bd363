import { objective } from './objective.ts'
import { judged } from './scores.ts'

/**
 * Outcome rewards (Cobbe et al. 2021, arXiv:2110.14168; Uesato et al. 2022, arXiv:2211.14275): the cross-entropy of σ(r) at
 * the end of an answer with whether it is correct.
 */
export const rewardOutcome = objective(
  {
    id: 'reward-outcome',
    summary: 'Reward model: the score is to tell correct answers from wrong ones.',
    source: 'arXiv:2110.14168; arXiv:2211.14275',
    form: 'unpaired',
    needs: [],
    reads: 'score',
    params: {},
  },
  judged,
)
