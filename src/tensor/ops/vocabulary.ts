import type { Parameter, Tensor } from '../tensor.ts'
import { add, mul, scale, sub, tanh } from './elementwise.ts'
import { gather, sumRows } from './reduce.ts'
import { embedding, type HeadOptions, logits } from './transformer.ts'

/**
 * log p of further tokens at each row: ids [R · K] (K of row 0, then of row 1, …) → [R · K], differentiable. They are formed
 * from the log-prob of one token a row, `known` [R] of `targets`: two log-probs of a row differ as their logits do.
 */
export function logprobsOf(
  { x, known, targets }: { x: Tensor; known: Tensor; targets: Tensor },
  w: Parameter,
  ids: Int32Array,
  options: HeadOptions = {},
): Tensor {
  const rows = x.shape[0]
  const each = Int32Array.from({ length: ids.length }, (_, i) => Math.floor((i * rows) / ids.length))
  const logit = (hidden: Tensor, tokens: Tensor) => {
    const z = sumRows(mul(hidden, embedding(x.scope, w, tokens)))
    return options.softcap ? scale(tanh(scale(z, 1 / options.softcap)), options.softcap) : z
  }
  const ahead = sub(logit(gather(x, each), x.scope.from(ids)), gather(logit(x, targets), each))
  return add(gather(known, each), ahead)
}

/** The `count` most probable tokens of each row of x [R, D] and their log-probs, in order; not differentiable. */
export function topTokens(x: Tensor, w: Parameter, count: number, options: HeadOptions = {}) {
  const z = logits(x, w, options)
  const [rows, vocab] = z.shape
  const tokens = x.scope.empty([rows, count], 'topTokens', { dtype: 'i32' })
  const values = x.scope.empty([rows, count], 'topTokens')
  const held = { logits: z.buffer, tokens: tokens.buffer, logprobs: values.buffer }
  x.scope.backend.run('topTokens', { ...held, rows, vocab, count })
  z.release()
  return { tokens, logprobs: values }
}
