import type { TokenTree } from '../batch/index.ts'
import { type Backend, Scope } from '../tensor/index.ts'
import type { Objective, Params } from './objective.ts'
import { makeViews, type ReadBatch } from './views.ts'

export interface Evaluated {
  /** This part's share of the batch's loss: shares add up to it. */
  loss: number
  /** Shares likewise. */
  metrics: Record<string, number>
  /** For each part [P]: d loss / d logprob. */
  cotangents: Float32Array[]
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
 * Evaluates an objective on log-probs that were read back, in f64 on the reference backend, and gives the cotangents
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
  const sizes = parts.map(({ tree }) => tree.targets.length)
  const total = sizes.reduce((a, b) => a + b, 0)
  const logprobs = new Float64Array(total)
  let at = 0
  for (const [p, part] of parts.entries()) {
    logprobs.set(part.logprobs, at)
    at += sizes[p]
  }
  const leaf = scope.from(logprobs, [total], { needsGrad: true })
  const { batch = parts.map(({ tree }) => tree), state = objective.state ?? {} } = options
  const value = await objective.evaluate(makeViews(scope, parts, leaf, batch, state), params)
  const metrics: Record<string, number> = {}
  for (const [name, tensor] of Object.entries(value.metrics ?? {})) metrics[name] = await tensor.item()
  const loss = await value.loss.item()
  scope.backward(value.loss)
  const gradient = await scope.gradient(leaf)
  const cotangents: Float32Array[] = []
  let start = 0
  for (const size of sizes) {
    cotangents.push(Float32Array.from(gradient.subarray(start, start + size)))
    start += size
  }
  return { loss, metrics, cotangents, ...(value.state && { state: value.state }) }
}
