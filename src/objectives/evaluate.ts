import type { TokenTree } from '../batch/index.ts'
import { type Backend, gather, Scope, scale, sum, type Tensor } from '../tensor/index.ts'
import type { Completions, Objective, Views } from './objective.ts'

/** One packed batch's values, read back from the model. */
export interface ReadBatch {
  tree: TokenTree
  /** [P] log-probs of the targets. */
  logprobs: ArrayLike<number>
  /** [P] those of the reference model. */
  reference?: ArrayLike<number> | null
}

export interface Evaluated {
  /** This part's share of the batch's loss: shares add up to it. */
  loss: number
  /** Sums over this part's units, already divided by the whole batch's count. */
  metrics: Record<string, number>
  /** For each part [P]: d loss / d logprob. */
  cotangents: Float32Array[]
}

/** How many units a batch holds: the denominator of an objective's mean. */
export function countUnits(objective: Pick<Objective, 'per'>, trees: readonly TokenTree[]): number {
  if (objective.per === 'pair') return trees.reduce((total, tree) => total + tree.sequenceCount / 2, 0)
  return trees.reduce((total, tree) => tree.weights.reduce((a, b) => a + b, total), 0)
}

/**
 * Evaluates an objective on log-probs that were read back, in f64 on the reference backend, and gives the cotangents
 * that carry its gradient on through the model: the same on this machine and across a wire.
 *
 * @param units denominator of the mean: of the whole optimiser batch, of which `parts` may be a share
 */
export async function evaluateObjective<P extends Record<string, number>>(
  host: Backend,
  objective: Objective<P>,
  params: P,
  parts: readonly ReadBatch[],
  units: number,
): Promise<Evaluated> {
  using scope = new Scope(host, { record: true })
  const sizes = parts.map(({ tree }) => tree.targets.length)
  const total = sizes.reduce((a, b) => a + b, 0)
  const logprobs = new Float64Array(total)
  const weights = new Float64Array(total)
  const index = new Int32Array(total)
  const withReference = parts.every(({ reference }) => reference)
  const reference = new Float64Array(total)
  let at = 0
  let sequences = 0
  for (const part of parts) {
    logprobs.set(part.logprobs, at)
    weights.set(part.tree.weights, at)
    if (part.reference) reference.set(part.reference, at)
    for (const [i, sequence] of part.tree.sequences.entries()) index[at + i] = sequences + sequence
    at += part.tree.targets.length
    sequences += part.tree.sequenceCount
  }
  const leaf = scope.from(logprobs, [total], { needsGrad: true })
  const all: Completions = {
    logprobs: leaf,
    weights: scope.from(weights),
    reference: withReference ? scope.from(reference) : null,
    index,
    count: sequences,
  }
  const value = objective.evaluate(makeViews(scope, all), params)
  const loss = scale(sum(value.loss), 1 / units)
  const figures: [string, Tensor][] = Object.entries(value.metrics ?? {}).map(([name, x]) => [
    name,
    scale(sum(x), 1 / units),
  ])
  const metrics: Record<string, number> = {}
  for (const [name, tensor] of figures) metrics[name] = await tensor.item()
  const lossValue = await loss.item()
  scope.backward(loss)
  const gradient = await scope.gradient(leaf)
  const cotangents: Float32Array[] = []
  let start = 0
  for (const size of sizes) {
    cotangents.push(Float32Array.from(gradient.subarray(start, start + size)))
    start += size
  }
  return { loss: lossValue, metrics, cotangents }
}

/** The two sides of pairs are made only when an objective reads them. */
function makeViews(scope: Scope, all: Completions): Views {
  const side = (parity: number): Completions => {
    const picked = Int32Array.from(all.index.keys()).filter((i) => all.index[i] % 2 === parity)
    return {
      logprobs: gather(all.logprobs, picked),
      weights: gather(all.weights, picked),
      reference: all.reference && gather(all.reference, picked),
      index: picked.map((i) => all.index[i] >> 1),
      count: all.count >> 1,
    }
  }
  let chosen: Completions | undefined
  let rejected: Completions | undefined
  return {
    scope,
    all,
    get chosen() {
      return (chosen ??= side(0))
    },
    get rejected() {
      return (rejected ??= side(1))
    },
  }
}
