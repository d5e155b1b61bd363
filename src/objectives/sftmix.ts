import { add, detach, div, mul, neg, segmentSum, sub } from '../tensor/index.ts'
import { objective } from './objective.ts'
import { mean, tokenLoss } from './reductions.ts'

/**
 * SFTMix (Xiao et al. 2024, arXiv:2410.05248, eq. 3). Rows labelled true are those of which a reference run was confident; each
 * is paired with one that is not. Beside the loss on both stands μ = `mixWeight` times the cross-entropy of their last hidden
 * states, mixed by λ ~ Beta(α, α) place by place from the start of the answers, with their next tokens mixed alike.
 */
export const sftmix = objective(
  {
    id: 'sftmix',
    summary:
      'Supervised tuning with mixup of hidden states between rows that are easy for the model and rows that are not.',
    source: 'arXiv:2410.05248, eq. 3',
    form: 'demonstrations',
    needs: ['label', 'partner'],
    params: { mixWeight: 0.2, mixAlpha: 0.5 },
  },
  ({ all, at, mixed, rows, scope }, { mixWeight }) => {
    const nll = tokenLoss(all)
    const { first, second, weights, row } = mixed
    const places = new Float64Array(rows.length)
    for (const r of row) places[r]++
    const each = neg(add(mul(weights, first), mul(sub(1, weights), second)))
    const mix = mean(at(0), div(segmentSum(each, row, rows.length), scope.from(places.map((n) => Math.max(n, 1)))))
    return { loss: add(nll, mul(mixWeight, mix)), metrics: { nll: detach(nll), mix: detach(mix) } }
  },
)
