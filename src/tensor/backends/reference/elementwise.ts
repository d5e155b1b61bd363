import { HoneError, philox } from '../../../base/index.ts'
import type { ReferenceKernel } from './kernels.ts'
import { binaryFunctions, unaryFunctions } from './scalar.ts'

type Names =
  | 'fill'
  | 'copy'
  | 'axpy'
  | 'unary'
  | 'unaryGrad'
  | 'binary'
  | 'sumRows'
  | 'sumColumns'
  | 'sumSquares'
  | 'gatherRows'
  | 'scatterRows'
  | 'scatterAddRows'
  | 'sliceColumns'
  | 'addColumns'
  | 'dropout'

function checkIndex(index: number, x: Float64Array, width: number, kernel: string): void {
  if (index < 0 || (index + 1) * width > x.length) {
    throw new HoneError('E_INDEX', `${kernel}: index ${index} is outside the ${Math.floor(x.length / width)} rows`)
  }
}

export const elementwise: { [K in Names]: ReferenceKernel<K> } = {
  fill: ({ y }, { n, value }) => {
    y.fill(value, 0, n)
  },
  copy: ({ x, y }, { n, xOffset, yOffset }) => y.set(x.subarray(xOffset, xOffset + n), yOffset),
  axpy: ({ x, y }, { n, alpha }) => {
    for (let i = 0; i < n; i++) y[i] += alpha * x[i]
  },
  unary: ({ x, y }, { n, kind }) => {
    const { f } = unaryFunctions[kind]
    for (let i = 0; i < n; i++) y[i] = f(x[i])
  },
  unaryGrad: ({ x, dy, dx }, { n, kind, accumulate }) => {
    const { df } = unaryFunctions[kind]
    for (let i = 0; i < n; i++) dx[i] = (accumulate ? dx[i] : 0) + dy[i] * df(x[i])
  },
  binary: ({ a, b, y }, { n, kind, aLength, aRepeat, bLength, bRepeat }) => {
    const f = binaryFunctions[kind]
    for (let i = 0; i < n; i++) y[i] = f(a[Math.floor(i / aRepeat) % aLength], b[Math.floor(i / bRepeat) % bLength])
  },
  sumRows: ({ x, y }, { rows, columns, accumulate }) => {
    for (let r = 0; r < rows; r++) {
      let sum = accumulate ? y[r] : 0
      for (let c = 0; c < columns; c++) sum += x[r * columns + c]
      y[r] = sum
    }
  },
  sumColumns: ({ x, y }, { rows, columns, accumulate }) => {
    if (!accumulate) y.fill(0, 0, columns)
    for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) y[c] += x[r * columns + c]
  },
  sumSquares: ({ x, y }, { n, index }) => {
    let sum = 0
    for (let i = 0; i < n; i++) sum += x[i] * x[i]
    y[index] = sum
  },
  gatherRows: ({ x, index, y }, { count, width }) => {
    for (let i = 0; i < count; i++) {
      checkIndex(index[i], x, width, 'gatherRows')
      y.set(x.subarray(index[i] * width, (index[i] + 1) * width), i * width)
    }
  },
  scatterRows: ({ x, index, y }, { count, width }) => {
    for (let i = 0; i < count; i++) {
      checkIndex(index[i], y, width, 'scatterRows')
      y.set(x.subarray(i * width, (i + 1) * width), index[i] * width)
    }
  },
  scatterAddRows: ({ x, index, y }, { count, width }) => {
    for (let i = 0; i < count; i++) {
      checkIndex(index[i], y, width, 'scatterAddRows')
      for (let c = 0; c < width; c++) y[index[i] * width + c] += x[i * width + c]
    }
  },
  sliceColumns: ({ x, y }, { rows, columns, from, count }) => {
    for (let r = 0; r < rows; r++) for (let c = 0; c < count; c++) y[r * count + c] = x[r * columns + from + c]
  },
  addColumns: ({ x, y }, { rows, columns, from, count }) => {
    for (let r = 0; r < rows; r++) for (let c = 0; c < count; c++) y[r * columns + from + c] += x[r * count + c]
  },
  dropout: ({ x, y, rowIds, positions }, { rows, width, rate, seedLow, seedHigh, stream }) => {
    const key = [seedLow >>> 0, seedHigh >>> 0] as const
    for (let t = 0; t < rows; t++) {
      for (let c = 0; c < width; c++) {
        const word = philox(key, [c >>> 2, positions[t] >>> 0, rowIds[t] >>> 0, stream >>> 0])[c & 3]
        y[t * width + c] = word >= rate * 2 ** 32 ? x[t * width + c] / (1 - rate) : 0
      }
    }
  },
}
