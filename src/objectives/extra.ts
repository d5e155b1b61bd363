import { HoneError } from '../base/index.ts'
import type { TokenTree } from '../batch/index.ts'
import { gather, type Scope, type Tensor } from '../tensor/index.ts'

const missing = (what: string) => new HoneError('E_READOUT', `this objective needs ${what}, and the batch has none`)

/** The candidates of all trees, and their log-probs out of the further ones that were read. */
export function readCandidates(scope: Scope, trees: readonly TokenTree[], extra: Tensor) {
  const lists = trees.map(({ candidates }) => {
    if (!candidates) throw missing('the log-probs of a teacher')
    return candidates
  })
  const teacher = Float64Array.from(lists.flatMap(({ logprobs }) => [...logprobs]))
  return { count: lists[0].count, logprobs: extra, teacher: scope.from(teacher) }
}

/** Both log-probs at each mixed place of all trees: they were read in turn, first and second. */
export function readMixed(scope: Scope, trees: readonly TokenTree[], extra: Tensor) {
  const weights: number[] = []
  const row: number[] = []
  let base = 0
  for (const { hiddenMix, groups, sequences, rows } of trees) {
    if (!hiddenMix) throw missing('mixed hidden states')
    weights.push(...hiddenMix.weights)
    for (const target of hiddenMix.first) row.push(base + groups[sequences[target]])
    base += rows.length
  }
  const side = (place: number) =>
    gather(
      extra,
      Int32Array.from(weights, (_, i) => 2 * i + place),
    )
  return { first: side(0), second: side(1), weights: scope.from(weights), row: Int32Array.from(row) }
}
