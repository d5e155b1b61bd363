import { add, div, gather, mul, neg, scale, sum } from '../tensor/index.ts'
import { objective } from './objective.ts'
import { lengths } from './reductions.ts'

/**
 * C-RLFT (Wang et al. 2023, arXiv:2309.11235, eq. 6): supervised tuning on sources of two qualities. Which one a row is of
 * stands in its `label` and, through the chat template's `condition`, in its prompt; the loss weighs it by exp(r_c / β).
 */
export const openchatCrlft = objective(
  {
    id: 'openchat-crlft',
    summary: 'Supervised tuning on good and mixed sources, each with a prefix and a weight of its own.',
    source: 'arXiv:2309.11235, eq. 6',
    form: 'demonstrations',
    needs: ['label', 'condition'],
    params: { expertWeight: 1, subWeight: 0.1, perSequence: false },
    linear: true,
  },
  ({ all, total }, { expertWeight, subWeight, perSequence }) => {
    const ofClass = add(mul(all.value('label'), expertWeight - subWeight), subWeight)
    const each = perSequence ? div(ofClass, lengths(all)) : ofClass
    const unit = perSequence ? 'sequences' : 'tokens'
    const expert = total(({ value }) => value('label') === 1)[unit]
    const sub = total(({ value }) => value('label') !== 1)[unit]
    const weights = mul(all.weights, gather(each, all.index))
    const weight = expertWeight * expert + subWeight * sub
    return { loss: scale(neg(sum(mul(weights, all.logprobs))), 1 / (weight || 1)) }
  },
)
