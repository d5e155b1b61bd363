import type { TokenTree } from '../batch/index.ts'
import { type Backend, Scope } from '../tensor/index.ts'
import type { Objective, Params } from './objective.ts'
import { makeViews, type ReadBatch } from './views.ts'

export interface Evaluated {
  /** This part's share of the batch's loss: shares add up to it. */
  loss: number
  /** Shares likewise. */
  metrics: Record<string, number>
  /** For each part d loss / d value of what the objective reads: [P] log-probs, or [N] scores. */
  cotangents: Float32Array[]
  /** For each part [E]: that of its further log-probs. */
  extra: Float32Array[]
  /** The running figures after this batch, where the objective has some. */
  state?: Record<string, number>
}

export interface EvaluateOptions {
  /** The whole optimiser batch, of which `parts` may be a share: denominators count it. Default: the parts. */
  batch?: readonly TokenTree[]
  /** Running figures before this batch. Default: those at the start of a run. */
  state?: Readonly<Record<string, number>>
}

/**
 * Evaluates an objective on log-probs, or scores, that were read back, in f64 on the reference backend, and gives the cotangents
 * that carry its gradient on through the model: the same on this machine and across a wire.
 */
export async function evaluateObjective<P extends Params>(
  host: Backend,
  objective: Objective<P>,
  params: P,
  parts: readonly ReadBatch[],
  options: EvaluateOptions = {},
): Promise<Evaluated> {
  using scope = new Scope(host, { record: true })
  const leaf = leafOf(
    scope,
    parts.map((part) => (objective.reads === 'score' ? (part.scores ?? []) : part.logprobs)),
  )
  const further = leafOf(
    scope,
    parts.map(({ extra = [] }) => extra),
  )
  const { batch = parts.map(({ tree }) => tree), state = objective.state ?? {} } = options
  const value = await objective.evaluate(
    makeViews(scope, parts, { [objective.reads]: leaf.tensor, extra: further.tensor }, batch, state),
    params,
  )
  const metrics: Record<string, number> = {}
  for (const [name, tensor] of Object.entries(value.metrics ?? {})) metrics[name] = await tensor.item()
  const loss = await value.loss.item()
  scope.backward(value.loss)
  const [cotangents, extra] = [await leaf.gradients(), await further.gradients()]
  return { loss, metrics, cotangents, extra, ...(value.state && { state: value.state }) }
}

/** Lists one after another as a leaf, whose gradient comes apart again. */
function leafOf(scope: Scope, lists: readonly ArrayLike<number>[]) {
  const values = new Float64Array(lists.reduce((sum, { length }) => sum + length, 0))
  let end = 0
  const ends = lists.map((list) => {
    values.set(list, end)
    return (end += list.length)
  })
  const tensor = scope.from(values, [values.length], { needsGrad: true })
  return {
    tensor,
    async gradients(): Promise<Float32Array[]> {
      const gradient = await scope.gradient(tensor)
      return ends.map((end, i) => Float32Array.from(gradient.subarray(end - lists[i].length, end)))
    },
  }
}
