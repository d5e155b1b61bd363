import { HoneError } from '../../base/index.ts'
import { type BinaryKind, type BufferId, binaryKinds, type UnaryKind, unaryKinds } from '../kernels.ts'
import { type Shape, sizeOf, Tensor } from '../tensor.ts'

/** How an operand is spread over the output: entry i reads ⌊i / repeat⌋ mod length. */
export interface Broadcast {
  length: number
  repeat: number
}

const sameShape = (a: Shape, b: Shape) => a.length === b.length && a.every((extent, i) => extent === b[i])

/** Spreads `shape` over `output`: equal, one element, trailing extents, or leading extents followed by ones. */
function broadcast(shape: Shape, output: Shape): Broadcast | null {
  const size = sizeOf(shape)
  if (sameShape(shape, output)) return { length: size, repeat: 1 }
  if (size === 1) return { length: 1, repeat: sizeOf(output) }
  if (sameShape(shape, output.slice(output.length - shape.length))) return { length: size, repeat: 1 }
  const kept = shape.findLastIndex((extent) => extent !== 1) + 1
  if (shape.length === output.length && sameShape(shape.slice(0, kept), output.slice(0, kept))) {
    return { length: size, repeat: sizeOf(output.slice(kept)) }
  }
  return null
}

export function unary(kind: UnaryKind, x: Tensor): Tensor {
  const output = x.scope.empty(x.shape, kind, { needsGrad: x.needsGrad })
  const run = (y: BufferId) => x.scope.backend.run('unary', { x: x.buffer, y, n: x.size, kind: unaryKinds[kind] })
  run(output.buffer)
  output.repeatedBy(run)
  x.scope.record({ op: 'unary', inputs: [x], parameters: [], output, saved: [], attributes: { kind } })
  return output
}

/** An operand: a tensor, or a number spread over the other one. */
export type Operand = Tensor | number

export function binary(kind: BinaryKind, left: Operand, right: Operand): Tensor {
  const known = left instanceof Tensor ? left : right
  if (!(known instanceof Tensor))
    throw new HoneError('E_SHAPE', `${kind} of two plain numbers: one side must be a tensor`)
  const { scope } = known
  const a = left instanceof Tensor ? left : scope.from([left])
  const b = right instanceof Tensor ? right : scope.from([right])
  const shape = a.size > b.size || (a.size === b.size && a.shape.length >= b.shape.length) ? a.shape : b.shape
  const spreadA = broadcast(a.shape, shape)
  const spreadB = broadcast(b.shape, shape)
  if (!spreadA || !spreadB) {
    throw new HoneError('E_SHAPE', `${kind}: shapes [${a.shape}] and [${b.shape}] do not fit together`)
  }
  const output = scope.empty(shape, kind, { needsGrad: a.needsGrad || b.needsGrad })
  const spread = { aLength: spreadA.length, aRepeat: spreadA.repeat, bLength: spreadB.length, bRepeat: spreadB.repeat }
  scope.backend.run('binary', {
    a: a.buffer,
    b: b.buffer,
    y: output.buffer,
    n: output.size,
    kind: binaryKinds[kind],
    ...spread,
  })
  const attributes = { kind, a: spreadA, b: spreadB }
  scope.record({ op: 'binary', inputs: [a, b], parameters: [], output, saved: [], attributes })
  return output
}

export const add = (a: Operand, b: Operand) => binary('add', a, b)
export const sub = (a: Operand, b: Operand) => binary('sub', a, b)
export const mul = (a: Operand, b: Operand) => binary('mul', a, b)
export const div = (a: Operand, b: Operand) => binary('div', a, b)
export const maximum = (a: Operand, b: Operand) => binary('max', a, b)
export const minimum = (a: Operand, b: Operand) => binary('min', a, b)
export const clamp = (x: Tensor, low: number, high: number) => minimum(maximum(x, low), high)

export const neg = (x: Tensor) => unary('neg', x)
export const exp = (x: Tensor) => unary('exp', x)
export const log = (x: Tensor) => unary('log', x)
export const sqrt = (x: Tensor) => unary('sqrt', x)
export const square = (x: Tensor) => unary('square', x)
export const abs = (x: Tensor) => unary('abs', x)
export const tanh = (x: Tensor) => unary('tanh', x)
export const sigmoid = (x: Tensor) => unary('sigmoid', x)
export const logSigmoid = (x: Tensor) => unary('logSigmoid', x)
export const softplus = (x: Tensor) => unary('softplus', x)
export const relu = (x: Tensor) => unary('relu', x)
export const log1p = (x: Tensor) => unary('log1p', x)
export const expm1 = (x: Tensor) => unary('expm1', x)

/** alpha · x */
export function scale(x: Tensor, alpha: number): Tensor {
  const output = x.scope.empty(x.shape, 'scale', { needsGrad: x.needsGrad })
  x.scope.backend.run('fill', { y: output.buffer, n: x.size, value: 0 })
  x.scope.backend.run('axpy', { x: x.buffer, y: output.buffer, n: x.size, alpha })
  x.scope.record({ op: 'scale', inputs: [x], parameters: [], output, saved: [], attributes: { alpha } })
  return output
}

/** The same values with no way back: gradients stop here. */
export function detach(x: Tensor): Tensor {
  const output = x.scope.empty(x.shape, 'detach')
  x.scope.backend.run('copy', { x: x.buffer, y: output.buffer, n: x.size, xOffset: 0, yOffset: 0 })
  return output
}
