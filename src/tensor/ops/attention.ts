import type { TokenTree } from '../../batch/index.ts'
import type { Scope } from '../scope.ts'
import type { Tensor } from '../tensor.ts'
import { type Precision, precisionCode } from './transformer.ts'

/** Which query rows see which key rows: see the `attention` kernel. */
export interface AttentionPlan {
  segments: Tensor
  spans: Tensor
  segmentCount: number
}

/** The plan of a packed tree whose keys are the batch's own rows. */
export function treePlan(scope: Scope, tree: TokenTree): AttentionPlan {
  const segments: number[] = []
  const spans: number[] = []
  for (let s = 0; s < tree.parents.length; s++) {
    const length = tree.starts[s + 1] - tree.starts[s]
    if (length === 0) continue
    const path: number[] = []
    for (let a = s; a >= 0; a = tree.parents[a]) path.unshift(a)
    const first = spans.length / 2
    for (const a of path)
      if (tree.starts[a + 1] > tree.starts[a]) spans.push(tree.starts[a], tree.starts[a + 1] - tree.starts[a])
    segments.push(tree.starts[s], length, tree.positions[tree.starts[s]], first, spans.length / 2 - first)
  }
  return attentionPlan(scope, segments, spans)
}

/** A plan from its raw numbers: [S × 5] and [· × 2] as the kernel reads them. */
export function attentionPlan(scope: Scope, segments: number[], spans: number[]): AttentionPlan {
  return {
    segments: scope.from(Int32Array.from(segments)),
    spans: scope.from(Int32Array.from(spans)),
    segmentCount: segments.length / 5,
  }
}

export interface AttentionShape {
  heads: number
  keyHeads: number
  /** Width of one head. */
  width: number
  scale: number
  /** How many positions back a query sees, itself included; 0 for all. */
  window: number
  softcap: number
  precision?: Precision
}

/** q [T, heads·width], k and v [rows, keyHeads·width] → [T, heads·width]. */
export function attention(q: Tensor, k: Tensor, v: Tensor, plan: AttentionPlan, given: AttentionShape): Tensor {
  const { scope } = q
  const shape = { ...given, precision: precisionCode(given.precision) }
  const needsGrad = q.needsGrad || k.needsGrad || v.needsGrad
  const output = scope.empty(q.shape, 'attention', { needsGrad })
  const lse = scope.empty([q.shape[0], shape.heads], 'attention')
  scope.backend.run('attention', {
    q: q.buffer,
    k: k.buffer,
    v: v.buffer,
    y: output.buffer,
    lse: lse.buffer,
    segments: plan.segments.buffer,
    spans: plan.spans.buffer,
    segmentCount: plan.segmentCount,
    ...shape,
  })
  const attributes = { ...plan, ...shape }
  scope.record({ op: 'attention', inputs: [q, k, v], parameters: [], output, saved: [lse], attributes })
  return output
}
