import type { Tensor } from '../tensor.ts'

/** Sum over the last axis: [rows…, columns] → [rows…]. */
export function sumRows(x: Tensor): Tensor {
  const columns = x.shape.at(-1) ?? 1
  const rows = x.size / Math.max(columns, 1)
  const output = x.scope.empty(x.shape.slice(0, -1), 'sumRows', { needsGrad: x.needsGrad })
  x.scope.backend.run('sumRows', { x: x.buffer, y: output.buffer, rows, columns, accumulate: 0 })
  x.scope.record({ op: 'sumRows', inputs: [x], parameters: [], output, saved: [], attributes: { rows, columns } })
  return output
}

/** Sum of all elements: a tensor of shape []. */
export function sum(x: Tensor): Tensor {
  const output = x.scope.empty([], 'sum', { needsGrad: x.needsGrad })
  const attributes = { rows: 1, columns: x.size }
  x.scope.backend.run('sumRows', { x: x.buffer, y: output.buffer, ...attributes, accumulate: 0 })
  x.scope.record({ op: 'sumRows', inputs: [x], parameters: [], output, saved: [], attributes })
  return output
}

/** y[g] = Σ of x[i] over index[i] = g: x [n] or [n, width] → [groups] or [groups, width]. Empty groups give 0. */
export function segmentSum(x: Tensor, index: Int32Array, groups: number): Tensor {
  const [count, ...rest] = x.shape
  const width = x.size / Math.max(count, 1) || 1
  const ids = x.scope.from(index)
  const output = x.scope.empty([groups, ...rest], 'segmentSum', { needsGrad: x.needsGrad })
  x.scope.backend.run('fill', { y: output.buffer, n: output.size, value: 0 })
  x.scope.backend.run('scatterAddRows', { x: x.buffer, index: ids.buffer, y: output.buffer, count, width })
  const attributes = { index: ids, count, width }
  x.scope.record({ op: 'segmentSum', inputs: [x], parameters: [], output, saved: [], attributes })
  return output
}

/** y[i] = x[index[i]] along the first axis. */
export function gather(x: Tensor, index: Int32Array): Tensor {
  const [rows, ...rest] = x.shape
  const width = x.size / Math.max(rows, 1) || 1
  const ids = x.scope.from(index)
  const output = x.scope.empty([index.length, ...rest], 'gather', { needsGrad: x.needsGrad })
  const attributes = { index: ids, count: index.length, width }
  x.scope.backend.run('gatherRows', { x: x.buffer, index: ids.buffer, y: output.buffer, count: index.length, width })
  x.scope.record({ op: 'gather', inputs: [x], parameters: [], output, saved: [], attributes })
  return output
}
