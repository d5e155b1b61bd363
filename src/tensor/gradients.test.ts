import { describe, expect, test } from 'vitest'
import { random } from '../base/index.ts'
import { packTree } from '../batch/index.ts'
import { openReferenceBackend } from './backends/reference/index.ts'
import * as ops from './index.ts'
import { Parameter, Scope, type Tensor } from './index.ts'

const backend = openReferenceBackend()
const values = (name: string, n: number, low = -1, high = 1) =>
  Float64Array.from({ length: n }, (_, i) => low + (high - low) * random(1, name).unit(i))

interface Case {
  /** Shapes of the leaves, and where their values lie. */
  inputs: { shape: number[]; low?: number; high?: number }[]
  parameters?: number[][]
  run: (x: Tensor[], w: Parameter[]) => Tensor
}

const tree = packTree([
  { id: 0, segments: [{ tokens: [1, 2, 3] }, { tokens: [4, 5], parent: 0 }, { tokens: [6], parent: 0 }] },
  { id: 1, segments: [{ tokens: [7, 8] }] },
])
const attend = (window: number, softcap: number): Case => ({
  inputs: [{ shape: [8, 8] }, { shape: [8, 4] }, { shape: [8, 4] }],
  run: ([q, k, v]) =>
    ops.attention(q, k, v, ops.treePlan(q.scope, tree), {
      heads: 4,
      keyHeads: 2,
      width: 2,
      scale: 0.7,
      window,
      softcap,
    }),
})
const elementwise = (run: (x: Tensor) => Tensor, low = -2, high = 2): Case => ({
  inputs: [{ shape: [3, 5], low, high }],
  run: ([x]) => run(x),
})
const two = (run: (a: Tensor, b: Tensor) => Tensor, a: number[], b: number[], low = -1): Case => ({
  inputs: [{ shape: a }, { shape: b, low, high: 2 }],
  run: ([x, y]) => run(x, y),
})

const cases: Record<string, Case> = {
  neg: elementwise(ops.neg),
  exp: elementwise(ops.exp),
  log: elementwise(ops.log, 0.2, 2),
  sqrt: elementwise(ops.sqrt, 0.2, 2),
  square: elementwise(ops.square),
  abs: elementwise(ops.abs),
  tanh: elementwise(ops.tanh),
  sigmoid: elementwise(ops.sigmoid),
  logSigmoid: elementwise(ops.logSigmoid, -20, 20),
  softplus: elementwise(ops.softplus, -20, 20),
  relu: elementwise(ops.relu),
  log1p: elementwise(ops.log1p, -0.5, 2),
  expm1: elementwise(ops.expm1),
  silu: elementwise((x) => ops.unary('silu', x)),
  gelu: elementwise((x) => ops.unary('gelu', x), -4, 4),
  geluTanh: elementwise((x) => ops.unary('geluTanh', x), -4, 4),
  reciprocal: elementwise((x) => ops.unary('reciprocal', x), 0.3, 2),
  scale: elementwise((x) => ops.scale(x, -1.7)),
  'add, a row': two(ops.add, [3, 5], [5]),
  'sub, a column': two(ops.sub, [3, 5], [3, 1]),
  'mul, a scalar': two(ops.mul, [3, 5], [1]),
  'mul, reversed': two((a, b) => ops.mul(b, a), [3, 5], [5]),
  'div, the same': two(ops.div, [3, 5], [3, 5], 0.4),
  'div, a column': two(ops.div, [3, 5], [3, 1], 0.4),
  maximum: two(ops.maximum, [3, 5], [3, 5]),
  'minimum, a number': elementwise((x) => ops.minimum(x, 0.3)),
  clamp: elementwise((x) => ops.clamp(x, -0.4, 0.9)),
  'one tensor twice': elementwise((x) => ops.mul(x, ops.add(x, x))),
  sumRows: elementwise(ops.sumRows),
  sum: elementwise(ops.sum),
  segmentSum: { inputs: [{ shape: [5, 2] }], run: ([x]) => ops.segmentSum(x, Int32Array.of(2, 0, 2, 3, 0), 4) },
  gather: { inputs: [{ shape: [4, 3] }], run: ([x]) => ops.gather(x, Int32Array.of(3, 1, 3)) },
  slice: { inputs: [{ shape: [4, 6] }], run: ([x]) => ops.add(ops.slice(x, 1, 2), ops.slice(x, 2, 2)) },
  embedding: {
    inputs: [{ shape: [3, 4] }],
    parameters: [[6, 4]],
    run: ([x], [w]) => ops.add(x, ops.embedding(x.scope, w, x.scope.from(Int32Array.of(5, 1, 5)))),
  },
  'linear with bias, residual and factor': {
    inputs: [{ shape: [4, 3] }, { shape: [4, 5] }],
    parameters: [[5, 3], [5]],
    run: ([x, add], [w, bias]) => ops.linear(x, w, { bias, add, alpha: 0.7 }),
  },
  'linear, input-major': {
    inputs: [{ shape: [4, 3] }],
    parameters: [[3, 5], [5]],
    run: ([x], [w, bias]) => ops.linear(x, w, { bias, inputMajor: true }),
  },
  'residual stream': {
    inputs: [{ shape: [4, 3] }],
    parameters: [[3], [3, 3], [3, 3]],
    run: ([x], [norm, a, b]) => {
      const h = ops.linear(ops.rmsnorm(x, norm, 1e-6), a, { add: x })
      return ops.linear(ops.tanh(h), b, { add: h })
    },
  },
  rmsnorm: {
    inputs: [{ shape: [4, 6] }],
    parameters: [[6]],
    run: ([x], [w]) => ops.rmsnorm(x, w, 1e-5, 1),
  },
  'rmsnorm of each head': {
    inputs: [{ shape: [3, 8] }],
    parameters: [[4]],
    run: ([x], [w]) => ops.rmsnorm(x, w, 1e-5),
  },
  layernorm: {
    inputs: [{ shape: [4, 6] }],
    parameters: [[6], [6]],
    run: ([x], [w, b]) => ops.layernorm(x, w, b, 1e-5),
  },
  rope: {
    inputs: [{ shape: [3, 12] }],
    run: ([x]) => {
      const table = ops.ropeTable(x.scope.from(Int32Array.of(0, 5, 9)), x.scope.from([1, 0.3]), 1.1)
      return ops.rope(x, table, 2)
    },
  },
  gated: two((a, b) => ops.gated(a, b, 'silu'), [3, 5], [3, 5]),
  dropout: {
    inputs: [{ shape: [4, 9] }],
    run: ([x]) => {
      const rowIds = x.scope.from(Int32Array.of(7, 7, 8, 8))
      return ops.dropout(x, 0.4, { seed: 5, stream: 2, rowIds, positions: x.scope.from(Int32Array.of(0, 1, 0, 1)) })
    },
  },
  attention: attend(0, 0),
  'attention, window': attend(2, 0),
  'attention, soft cap': attend(0, 0.8),
  logprobs: {
    inputs: [{ shape: [3, 4] }],
    parameters: [[7, 4]],
    run: ([x], [w]) => ops.logprobs(x, w, x.scope.from(Int32Array.of(6, 0, 3))),
  },
  'logprobs, soft cap': {
    inputs: [{ shape: [3, 4] }],
    parameters: [[7, 4]],
    run: ([x], [w]) => ops.logprobs(x, w, x.scope.from(Int32Array.of(6, 0, 3)), { softcap: 0.9 }),
  },
  logprobsOf: {
    inputs: [{ shape: [3, 4] }],
    parameters: [[7, 4]],
    run: ([x], [w]) => ops.logprobsOf(knownAt(x, w, 0.9), w, Int32Array.of(1, 6, 2, 0, 5, 3), { softcap: 0.9 }),
  },
  'parts that are made again': {
    inputs: [{ shape: [4, 3] }],
    parameters: [[3], [3], [2, 3], [2, 3], [3, 2]],
    run: ([x], [norm, shift, gate, up, down]) => {
      const normed = [ops.rmsnorm(x, norm, 1e-6), ops.layernorm(x, norm, shift, 1e-6)]
      const [a, b] = [ops.linear(normed[0], gate), ops.linear(normed[1], up)]
      const [active, other] = [ops.gated(a, b, 'silu'), ops.unary('gelu', a)]
      const y = ops.linear(active, down, { add: ops.linear(other, down) })
      for (const part of [...normed, active, other]) {
        part.forget()
        expect(part.freed).toBe(true)
      }
      return y
    },
  },
  'checkpointed block': {
    inputs: [{ shape: [4, 3] }],
    parameters: [[3], [3, 3]],
    run: ([x], [norm, w]) =>
      x.scope.block(x, (h) => ops.linear(ops.rmsnorm(h, norm, 1e-6), w, { add: h }), { checkpoint: true }),
  },
}

/** The log-probs of one token a row, from which those of others are formed. */
function knownAt(x: Tensor, w: Parameter, softcap = 0) {
  const targets = x.scope.from(Int32Array.of(6, 0, 3))
  return { x, targets, known: ops.logprobs(x, w, targets, { softcap }) }
}

test('log-probs of further tokens are those that the head gives them; the most probable come first', async () => {
  using scope = new Scope(backend)
  const w = new Parameter('w', backend, [7, 4])
  w.write(values('head', 28))
  const x = scope.from(values('hidden', 12), [3, 4])
  const all = Int32Array.from({ length: 21 }, (_, i) => i % 7)
  const found = [...(await ops.logprobsOf(knownAt(x, w), w, all).read())]
  const rows = [0, 1, 2].map((r) => found.slice(7 * r, 7 * r + 7))
  for (const row of rows) expect(row.reduce((sum, lp) => sum + Math.exp(lp), 0)).toBeCloseTo(1, 12)
  const { tokens, logprobs } = ops.topTokens(x, w, 2)
  const [ids, best] = [await tokens.read(), await logprobs.read()]
  for (const [r, row] of rows.entries()) {
    const order = [...row.keys()].sort((i, j) => row[j] - row[i])
    expect([...ids.subarray(2 * r, 2 * r + 2)]).toEqual(order.slice(0, 2))
    expect(best[2 * r]).toBeCloseTo(row[order[0]], 12)
    expect(best[2 * r + 1]).toBeCloseTo(row[order[1]], 12)
  }
  w.dispose()
})

/** Σ y · cotangent, by which a gradient of any shape is probed. */
async function probe(c: Case, inputs: Float64Array[], weights: Float64Array[], gradientsWanted: boolean) {
  using scope = new Scope(backend, { record: true })
  const x = c.inputs.map(({ shape }, i) => scope.from(inputs[i], shape, { needsGrad: true }))
  const w = (c.parameters ?? []).map((shape, i) => {
    const parameter = new Parameter(`w${i}`, backend, shape)
    parameter.write(weights[i])
    return parameter
  })
  const y = c.run(x, w)
  const cotangent = values('cotangent', y.size)
  const result = (await y.read()) as Float64Array
  const value = result.reduce((sum, v, i) => sum + v * cotangent[i], 0)
  const found: Float64Array[] = []
  if (gradientsWanted) {
    scope.backward(y, scope.from(cotangent, y.shape))
    for (const leaf of x) found.push((await scope.gradient(leaf)) as Float64Array)
    for (const parameter of w) found.push((await parameter.readGrad()) as Float64Array)
  }
  for (const parameter of w) parameter.dispose()
  return { value, found }
}

describe('gradients agree with finite differences', () => {
  for (const [name, c] of Object.entries(cases)) {
    test(name, async () => {
      const inputs = c.inputs.map(({ shape, low, high }, i) => values(`x${i}`, ops.sizeOf(shape), low, high))
      const weights = (c.parameters ?? []).map((shape, i) => values(`w${i}`, ops.sizeOf(shape)))
      const { found } = await probe(c, inputs, weights, true)
      const all = [...inputs, ...weights]
      const step = 1e-5
      for (const [k, array] of all.entries()) {
        for (let i = 0; i < array.length; i++) {
          const held = array[i]
          array[i] = held + step
          const up = (await probe(c, inputs, weights, false)).value
          array[i] = held - step
          const down = (await probe(c, inputs, weights, false)).value
          array[i] = held
          const expected = (up - down) / (2 * step)
          expect(Math.abs(found[k][i] - expected), `input ${k}, entry ${i}`).toBeLessThan(
            1e-7 + 1e-6 * Math.abs(expected),
          )
        }
      }
    })
  }
})

test('nothing stays allocated after the scopes end', () => {
  expect(backend.stats().buffers).toBe(0)
})

test('a freed tensor says what made it', () => {
  const scope = new Scope(backend)
  const y = ops.exp(scope.from([1, 2]))
  scope[Symbol.dispose]()
  expect(() => y.buffer).toThrow(/made by 'exp' was used after it was freed/)
})

test('what nothing can make again is kept for the backward pass, and only for that', () => {
  using scope = new Scope(backend, { record: true })
  const kept = scope.from([1, 2])
  kept.forget()
  expect(kept.freed).toBe(false)
  using forward = new Scope(backend)
  const dropped = forward.from([1, 2])
  dropped.forget()
  expect(dropped.freed).toBe(true)
})

test('gradients add up over two passes and a frozen weight gets none', async () => {
  const w = new Parameter('w', backend, [1, 2])
  w.write(Float64Array.of(1, 2))
  for (let pass = 0; pass < 2; pass++) {
    using scope = new Scope(backend, { record: true })
    scope.backward(ops.linear(scope.from([3, 4], [1, 2]), w))
  }
  expect([...(await w.readGrad())]).toEqual([6, 8])
  w.freeze()
  using scope = new Scope(backend, { record: true })
  const x = scope.from([3, 4], [1, 2], { needsGrad: true })
  scope.backward(ops.linear(x, w))
  expect(w.hasGrad).toBe(false)
  expect([...(await scope.gradient(x))]).toEqual([1, 2])
  w.dispose()
})

test('log-sigmoid stays finite and exact at the ends', async () => {
  using scope = new Scope(backend, { record: true })
  const x = scope.from([-1000, -100, -89, 0, 1000], [5], { needsGrad: true })
  const y = ops.logSigmoid(x)
  expect([...(await y.read())]).toEqual([-1000, -100, -89, -Math.LN2, -0])
  scope.backward(y)
  expect([...(await scope.gradient(x))]).toEqual([1, 1, 1, 0.5, 0])
})
