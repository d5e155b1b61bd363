import type { Backend } from './backend.ts'
import { type BinaryKind, type BufferId, binaryKinds, type UnaryKind, unaryKinds } from './kernels.ts'
import type { AttentionPlan } from './ops/attention.ts'
import type { Broadcast } from './ops/elementwise.ts'
import type { Parameter, Tensor } from './tensor.ts'

/** What each operation keeps for its gradient besides its inputs. */
export interface OpAttributes {
  unary: { kind: UnaryKind }
  binary: { kind: BinaryKind; a: Broadcast; b: Broadcast }
  scale: { alpha: number }
  sumRows: { rows: number; columns: number }
  segmentSum: { index: Tensor; count: number; width: number }
  gather: { index: Tensor; count: number; width: number }
  embedding: { ids: Tensor; count: number; width: number }
  slice: { rows: number; columns: number; from: number; count: number }
  linear: { rows: number; alpha: number; precision: number; inputMajor: boolean }
  rmsnorm: { rows: number; width: number; offset: number }
  layernorm: { rows: number; width: number }
  rope: { rows: number; heads: number; width: number; half: number; cos: Tensor; sin: Tensor }
  attention: AttentionPlan & {
    heads: number
    keyHeads: number
    width: number
    scale: number
    window: number
    softcap: number
    precision: number
  }
  gated: { kind: UnaryKind }
  dropout: {
    rows: number
    width: number
    rate: number
    seedLow: number
    seedHigh: number
    stream: number
    rowIds: Tensor
    positions: Tensor
  }
  logprobs: { rows: number; width: number; vocab: number; softcap: number; precision: number; targets: Tensor }
  block: { run: (x: Tensor) => Tensor }
}

export type OpName = keyof OpAttributes

/** One step of a tape. `saved` are tensors kept for the gradient only, freed once it is done. */
export interface TapeNode<Op extends OpName = OpName> {
  op: Op
  inputs: Tensor[]
  parameters: Parameter[]
  output: Tensor
  saved: Tensor[]
  attributes: OpAttributes[Op]
}

/** Where gradient rules put what they compute. */
export interface GradientSink {
  readonly backend: Backend
  wants(target: Tensor | Parameter): boolean
  /** Calls `write` with the input's gradient buffer and 1 to add to it, or 0 to set it; not at all if none is wanted. */
  into(tensor: Tensor, write: (buffer: BufferId, accumulate: number) => void): void
  /** Calls `write` with a new buffer to set, then adds it to the input's gradient, or drops it if none is wanted. */
  fresh(tensor: Tensor, write: (buffer: BufferId) => void): void
  /** Hands the cotangent itself on. */
  pass(node: TapeNode, tensor: Tensor, dy: BufferId): void
  /** Runs a part of the model again with a tape, and that tape backward. */
  replay(node: TapeNode, dy: BufferId, run: (x: Tensor) => Tensor): void
}

type Rule<Op extends OpName> = (node: TapeNode<Op>, dy: BufferId, sink: GradientSink) => void

/** dx (+)= the sum of dy over what an operand was broadcast to. */
function reduceInto(sink: GradientSink, tensor: Tensor, dy: BufferId, n: number, broadcast: Broadcast): void {
  const { length, repeat } = broadcast
  sink.into(tensor, (y, accumulate) => {
    if (length * repeat === n) sink.backend.run('sumRows', { x: dy, y, rows: length, columns: repeat, accumulate })
    else sink.backend.run('sumColumns', { x: dy, y, rows: n / length, columns: length, accumulate })
  })
}

function binaryGrad(node: TapeNode<'binary'>, dy: BufferId, sink: GradientSink): void {
  const [a, b] = node.inputs
  const { kind } = node.attributes
  const { backend } = sink
  const n = node.output.size
  const whole: Broadcast = { length: n, repeat: 1 }
  const combine = (op: BinaryKind, left: BufferId, l: Broadcast, right: BufferId, r: Broadcast): BufferId => {
    const y = backend.alloc('f32', n)
    const broadcasts = { aLength: l.length, aRepeat: l.repeat, bLength: r.length, bRepeat: r.repeat }
    backend.run('binary', { a: left, b: right, y, n, kind: binaryKinds[op], ...broadcasts })
    return y
  }
  const give = (tensor: Tensor, broadcast: Broadcast, make: () => BufferId): void => {
    if (!sink.wants(tensor)) return
    const gradient = make()
    reduceInto(sink, tensor, gradient, n, broadcast)
    if (gradient !== dy) backend.free(gradient)
  }
  const at = node.attributes
  switch (kind) {
    case 'add':
    case 'sub':
      give(a, at.a, () => dy)
      give(b, at.b, () => {
        if (kind === 'add') return dy
        const negated = backend.alloc('f32', n)
        backend.run('unary', { x: dy, y: negated, n, kind: unaryKinds.neg })
        return negated
      })
      return
    case 'mul':
      give(a, at.a, () => combine('mul', dy, whole, b.buffer, at.b))
      give(b, at.b, () => combine('mul', dy, whole, a.buffer, at.a))
      return
    case 'div':
      give(a, at.a, () => combine('div', dy, whole, b.buffer, at.b))
      give(b, at.b, () => {
        // d(a/b)/db = −(a/b)/b
        const quotient = combine('div', node.output.buffer, whole, b.buffer, at.b)
        const product = combine('mul', dy, whole, quotient, whole)
        backend.run('unary', { x: product, y: product, n, kind: unaryKinds.neg })
        backend.free(quotient)
        return product
      })
      return
    case 'max':
    case 'min': {
      // The larger (smaller) one takes the cotangent; of equals each takes half.
      const share = (one: BufferId, o: Broadcast, other: BufferId, p: Broadcast) => () => {
        const difference = kind === 'max' ? combine('sub', one, o, other, p) : combine('sub', other, p, one, o)
        const magnitude = backend.alloc('f32', n)
        backend.run('unary', { x: difference, y: magnitude, n, kind: unaryKinds.abs })
        // (sign + 1) / 2, with sign = d / max(|d|, tiny)
        const tiny = backend.alloc('f32', 1)
        backend.run('fill', { y: tiny, n: 1, value: 1e-30 })
        const floor = combine('max', magnitude, whole, tiny, { length: 1, repeat: 1 })
        const sign = combine('div', difference, whole, floor, whole)
        const gradient = combine('mul', dy, whole, sign, whole)
        backend.run('axpy', { x: dy, y: gradient, n, alpha: 1 })
        const half = backend.alloc('f32', n)
        backend.run('fill', { y: half, n, value: 0 })
        backend.run('axpy', { x: gradient, y: half, n, alpha: 0.5 })
        for (const buffer of [difference, magnitude, tiny, floor, sign, gradient]) backend.free(buffer)
        return half
      }
      give(a, at.a, share(a.buffer, at.a, b.buffer, at.b))
      give(b, at.b, share(b.buffer, at.b, a.buffer, at.a))
      return
    }
    default:
      kind satisfies never
  }
}

/** Every operation's gradient. */
export const gradients: { [Op in OpName]: Rule<Op> } = {
  unary: ({ inputs: [x], attributes: { kind } }, dy, sink) => {
    sink.into(x, (dx, accumulate) =>
      sink.backend.run('unaryGrad', { x: x.buffer, dy, dx, n: x.size, kind: unaryKinds[kind], accumulate }),
    )
  },
  binary: binaryGrad,
  scale: ({ inputs: [x], attributes: { alpha } }, dy, sink) => {
    sink.into(x, (dx, accumulate) => {
      if (!accumulate) sink.backend.run('fill', { y: dx, n: x.size, value: 0 })
      sink.backend.run('axpy', { x: dy, y: dx, n: x.size, alpha })
    })
  },
  sumRows: ({ inputs: [x], attributes: { rows, columns } }, dy, sink) => {
    sink.fresh(x, (dx) => {
      const one = sink.backend.alloc('f32', 1)
      sink.backend.run('fill', { y: one, n: 1, value: 1 })
      const spread = { aLength: rows, aRepeat: columns, bLength: 1, bRepeat: 1 }
      sink.backend.run('binary', { a: dy, b: one, y: dx, n: x.size, kind: binaryKinds.mul, ...spread })
      sink.backend.free(one)
    })
  },
  segmentSum: ({ inputs: [x], attributes: { index, count, width } }, dy, sink) => {
    sink.fresh(x, (y) => sink.backend.run('gatherRows', { x: dy, index: index.buffer, y, count, width }))
  },
  gather: ({ inputs: [x], attributes: { index, count, width } }, dy, sink) => {
    sink.into(x, (y, accumulate) => {
      if (!accumulate) sink.backend.run('fill', { y, n: x.size, value: 0 })
      sink.backend.run('scatterAddRows', { x: dy, index: index.buffer, y, count, width })
    })
  },
  embedding: ({ parameters: [table], attributes: { ids, count, width } }, dy, sink) => {
    if (!sink.wants(table)) return
    sink.backend.run('scatterAddRows', { x: dy, index: ids.buffer, y: table.grad(), count, width })
  },
  slice: ({ inputs: [x], attributes }, dy, sink) => {
    sink.into(x, (y, accumulate) => {
      if (!accumulate) sink.backend.run('fill', { y, n: x.size, value: 0 })
      sink.backend.run('addColumns', { x: dy, y, ...attributes })
    })
  },
  linear: (node, dy, sink) => {
    const [x, add] = node.inputs
    const [w, bias] = node.parameters
    const { rows, alpha, precision, inputMajor } = node.attributes
    const n = node.output.shape[1]
    const k = x.shape[1]
    const common = { bias: null, alpha, precision, weight: 0 }
    sink.into(x, (y, accumulate) => {
      const shape = { m: rows, n: k, k: n, transA: 0, transB: inputMajor ? 1 : 0, accumulate }
      sink.backend.run('matmul', { a: dy, b: w.buffer, y, ...shape, ...common })
    })
    if (sink.wants(w)) {
      // dw is dyᵀ·x [N, K], or xᵀ·dy where the weight is stored [K, N].
      const [a, b] = inputMajor ? [x.buffer, dy] : [dy, x.buffer]
      const shape = { m: w.shape[0], n: w.shape[1], k: rows, transA: 1, transB: 0, accumulate: 1 }
      sink.backend.run('matmul', { a, b, y: w.grad(), ...shape, ...common })
    }
    if (bias && sink.wants(bias)) {
      sink.backend.run('sumColumns', { x: dy, y: bias.grad(), rows, columns: n, accumulate: 1 })
    }
    if (add) sink.pass(node as TapeNode, add, dy)
  },
  rmsnorm: ({ inputs: [x], parameters: [w], saved: [rstd], attributes }, dy, sink) => {
    const dw = sink.wants(w) ? w.grad() : null
    const run = (dx: BufferId, accumulate: number) =>
      sink.backend.run('rmsnormGrad', {
        x: x.buffer,
        w: w.buffer,
        rstd: rstd.buffer,
        dy,
        dx,
        dw,
        ...attributes,
        accumulate,
      })
    if (sink.wants(x)) sink.into(x, run)
    else sink.fresh(x, (dx) => run(dx, 0))
  },
  layernorm: ({ inputs: [x], parameters: [w, b], saved: [mean, rstd], attributes }, dy, sink) => {
    const dw = sink.wants(w) ? w.grad() : null
    const db = sink.wants(b) ? b.grad() : null
    const held = { x: x.buffer, w: w.buffer, mean: mean.buffer, rstd: rstd.buffer, dy, dw, db }
    const run = (dx: BufferId, accumulate: number) =>
      sink.backend.run('layernormGrad', { ...held, dx, ...attributes, accumulate })
    if (sink.wants(x)) sink.into(x, run)
    else sink.fresh(x, (dx) => run(dx, 0))
  },
  rope: ({ inputs: [x], attributes: { rows, heads, width, half, cos, sin } }, dy, sink) => {
    sink.fresh(x, (y) =>
      sink.backend.run('rope', { x: dy, cos: cos.buffer, sin: sin.buffer, y, rows, heads, width, half, sign: -1 }),
    )
  },
  attention: (node, dy, sink) => {
    const [q, k, v] = node.inputs
    const { segments, spans, ...shape } = node.attributes
    const numbers = { ...shape, keyRows: k.shape[0] }
    const held = { q: q.buffer, k: k.buffer, v: v.buffer, y: node.output.buffer, lse: node.saved[0].buffer, dy }
    const plan = { segments: segments.buffer, spans: spans.buffer }
    sink.fresh(q, (dq) =>
      sink.fresh(k, (dk) =>
        sink.fresh(v, (dv) => sink.backend.run('attentionGrad', { ...held, dq, dk, dv, ...plan, ...numbers })),
      ),
    )
  },
  gated: ({ inputs: [gate, up], attributes: { kind } }, dy, sink) => {
    const held = { gate: gate.buffer, up: up.buffer, dy, n: gate.size, kind: unaryKinds[kind] }
    sink.fresh(gate, (dGate) => sink.fresh(up, (dUp) => sink.backend.run('gatedGrad', { ...held, dGate, dUp })))
  },
  dropout: ({ inputs: [x], attributes: { rowIds, positions, ...numbers } }, dy, sink) => {
    const keys = { rowIds: rowIds.buffer, positions: positions.buffer }
    sink.fresh(x, (y) => sink.backend.run('dropout', { x: dy, y, ...keys, ...numbers }))
  },
  logprobs: ({ inputs: [x], parameters: [w], saved: [lse], attributes: { targets, ...numbers } }, dy, sink) => {
    const dw = sink.wants(w) ? w.grad() : null
    const held = { x: x.buffer, w: w.buffer, targets: targets.buffer, lse: lse.buffer, dy, dw, ...numbers }
    const run = (dx: BufferId, accumulate: number) => sink.backend.run('logprobsGrad', { ...held, dx, accumulate })
    if (sink.wants(x)) sink.into(x, run)
    else sink.fresh(x, (dx) => run(dx, 0))
  },
  block: (node, dy, sink) => sink.replay(node, dy, node.attributes.run),
}
