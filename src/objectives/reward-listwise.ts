import { detach, gather, mul, segmentSum, sub, type Tensor } from '../tensor/index.ts'
import { leads, logistic } from './compare.ts'
import { objective } from './objective.ts'
import { mean } from './reductions.ts'
import { centred } from './reward.ts'

/**
 * Bradley–Terry over all pairs of a list in which one answer is better than the other (InstructGPT, Ouyang et al. 2022,
 * arXiv:2203.02155, eq. 1): every answer is computed once, and a list counts as one row however many pairs it has. With
 * scores of 1 and 0 these are all its good answers against all its bad ones; without scores the order decides.
 */
export const rewardListwise = objective(
  {
    id: 'reward-listwise',
    summary: 'Reward model: every better answer of a list is to have a greater score than every worse one.',
    source: 'arXiv:2203.02155, eq. 1',
    form: 'rankings',
    needs: [],
    reads: 'score',
    params: { centering: 0 },
  },
  async (views, { centering }) => {
    const { all, rows, scope } = views
    const grades = await all.value('score', Number.NaN).read()
    const pairs = rows.flatMap((sequences, row) => pairsOf(sequences, grades).map((pair) => ({ ...pair, row })))
    const pick = (of: 'better' | 'worse') =>
      gather(
        all.scores,
        Int32Array.from(pairs, (pair) => pair[of]),
      )
    const [better, worse] = [pick('better'), pick('worse')]
    const rowOf = Int32Array.from(pairs, ({ row }) => row)
    const share = scope.from(Float64Array.from(pairs, (pair) => pair.share))
    const perList = (each: Tensor) => mean(views.at(0), segmentSum(mul(share, each), rowOf, rows.length))
    const margin = detach(sub(better, worse))
    return {
      loss: perList(centred(logistic(sub(better, worse)), better, worse, centering)),
      metrics: { accuracy: perList(leads(margin)), margin: perList(margin) },
    }
  },
)

/**
 * The pairs of one list, the better answer first, each with its share of the list. Answers stand from best to worst. A list
 * without such a pair has its first answer against itself, with no share: nothing to learn, but no empty tensor either.
 */
function pairsOf(sequences: readonly number[], grades: ArrayLike<number>) {
  const pairs = sequences.flatMap((better, place) =>
    sequences
      .slice(place + 1)
      .filter((worse) => !(grades[better] === grades[worse]))
      .map((worse) => ({ better, worse })),
  )
  if (pairs.length === 0) return [{ better: sequences[0], worse: sequences[0], share: 0 }]
  return pairs.map((pair) => ({ ...pair, share: 1 / pairs.length }))
}
