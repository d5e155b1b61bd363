import { add, detach, div, gather, maximum, mul, neg, scale, segmentSum, type Tensor } from '../tensor/index.ts'
import { objective } from './objective.ts'
import { lengths, mean } from './reductions.ts'
import type { Completions } from './views.ts'

/**
 * IFT (Hua et al. 2024, arXiv:2405.11870, eqs. 12–14). The input of each answer's token is blended, λ = `guessShare`, with the
 * token that the model itself would have said there; each token's loss is weighed by the discounted losses from it to the
 * answer's end. As in the released code gradients flow through the weights too, unless `detachWeights`.
 */
export const intuitiveFt = objective(
  {
    id: 'intuitive-ft',
    summary: "Supervised tuning on inputs blended with the model's own guesses, early tokens answering for later ones.",
    source: 'arXiv:2405.11870, eqs. 12–14',
    form: 'demonstrations',
    needs: ['guesses'],
    params: { guessShare: 0.2, discount: 0.95, detachWeights: false },
  },
  ({ all }, { discount, detachWeights }) => {
    const losses = neg(all.logprobs)
    const remaining = discounted(all, losses, discount)
    const weights = detachWeights ? detach(remaining) : remaining
    const each = div(perSequence(all, mul(losses, weights)), maximum(perSequence(all, weights), 1e-12))
    return { loss: mean(all, each), metrics: { nll: mean(all, detach(div(perSequence(all, losses), lengths(all)))) } }
  },
)

const perSequence = ({ index, count }: Completions, x: Tensor) => segmentSum(x, index, count)

/** [P] Σ_{s ≥ t} γ^(s−t) x_s over the rest of each token's sequence, in log P steps of doubling reach; 1 at γ = 0. */
function discounted({ index }: Completions, x: Tensor, gamma: number): Tensor {
  // Without a future every token counts alike.
  if (gamma === 0) return add(scale(detach(x), 0), 1)
  const nth = new Int32Array(index.length)
  const places = new Map<number, number[]>()
  for (const [i, sequence] of index.entries()) {
    const list = places.get(sequence) ?? []
    nth[i] = list.length
    list.push(i)
    places.set(sequence, list)
  }
  const longest = Math.max(0, ...[...places.values()].map(({ length }) => length))
  let sums = x
  for (let reach = 1; reach < longest; reach *= 2) {
    const later = Array.from(index, (sequence, i) => places.get(sequence)?.[nth[i] + reach])
    const factor = x.scope.from(Float64Array.from(later, (at) => (at === undefined ? 0 : gamma ** reach)))
    sums = add(
      sums,
      mul(
        factor,
        gather(
          sums,
          Int32Array.from(later, (at) => at ?? 0),
        ),
      ),
    )
  }
  return sums
}
