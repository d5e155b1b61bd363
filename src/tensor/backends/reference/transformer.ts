import { toBf16 } from './floats.ts'
import type { ReferenceKernel } from './kernels.ts'
import { unaryFunctions } from './scalar.ts'

type Names =
  | 'matmul'
  | 'rmsnorm'
  | 'rmsnormGrad'
  | 'layernorm'
  | 'layernormGrad'
  | 'ropeTable'
  | 'rope'
  | 'gated'
  | 'gatedGrad'

export const transformer: { [K in Names]: ReferenceKernel<K> } = {
  matmul: ({ a, b, y, bias }, { m, n, k, transA, transB, accumulate, alpha, precision }) => {
    const round = precision === 1 ? toBf16 : (value: number) => value
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0
        for (let p = 0; p < k; p++)
          sum += round(a[transA ? p * m + i : i * k + p]) * round(b[transB ? j * k + p : p * n + j])
        y[i * n + j] = (accumulate ? y[i * n + j] : 0) + alpha * sum + (bias ? bias[j] : 0)
      }
    }
  },

  rmsnorm: ({ x, w, y, rstd }, { rows, width, eps, offset }) => {
    for (let t = 0; t < rows; t++) {
      let square = 0
      for (let d = 0; d < width; d++) square += x[t * width + d] ** 2
      rstd[t] = 1 / Math.sqrt(square / width + eps)
      for (let d = 0; d < width; d++) y[t * width + d] = x[t * width + d] * rstd[t] * (offset + w[d])
    }
  },
  rmsnormGrad: ({ x, w, rstd, dy, dx, dw }, { rows, width, offset, accumulate }) => {
    for (let t = 0; t < rows; t++) {
      const at = t * width
      let dot = 0
      for (let d = 0; d < width; d++) {
        dot += dy[at + d] * (offset + w[d]) * x[at + d]
        if (dw) dw[d] += dy[at + d] * x[at + d] * rstd[t]
      }
      const pull = (dot * rstd[t] ** 3) / width
      for (let d = 0; d < width; d++) {
        const value = dy[at + d] * (offset + w[d]) * rstd[t] - x[at + d] * pull
        dx[at + d] = (accumulate ? dx[at + d] : 0) + value
      }
    }
  },

  layernorm: ({ x, w, b, y, mean, rstd }, { rows, width, eps }) => {
    for (let t = 0; t < rows; t++) {
      const row = x.subarray(t * width, (t + 1) * width)
      mean[t] = row.reduce((sum, v) => sum + v, 0) / width
      const variance = row.reduce((sum, v) => sum + (v - mean[t]) ** 2, 0) / width
      rstd[t] = 1 / Math.sqrt(variance + eps)
      for (let d = 0; d < width; d++) y[t * width + d] = (row[d] - mean[t]) * rstd[t] * w[d] + b[d]
    }
  },
  layernormGrad: ({ x, w, mean, rstd, dy, dx, dw, db }, { rows, width, accumulate }) => {
    for (let t = 0; t < rows; t++) {
      const at = t * width
      let sum = 0
      let dot = 0
      for (let d = 0; d < width; d++) {
        const normal = (x[at + d] - mean[t]) * rstd[t]
        sum += dy[at + d] * w[d]
        dot += dy[at + d] * w[d] * normal
        if (dw) dw[d] += dy[at + d] * normal
        if (db) db[d] += dy[at + d]
      }
      for (let d = 0; d < width; d++) {
        const normal = (x[at + d] - mean[t]) * rstd[t]
        const value = rstd[t] * (dy[at + d] * w[d] - sum / width - (normal * dot) / width)
        dx[at + d] = (accumulate ? dx[at + d] : 0) + value
      }
    }
  },

  ropeTable: ({ positions, frequencies, cos, sin }, { rows, half, scale }) => {
    for (let t = 0; t < rows; t++) {
      for (let i = 0; i < half; i++) {
        const angle = positions[t] * frequencies[i]
        cos[t * half + i] = Math.cos(angle) * scale
        sin[t * half + i] = Math.sin(angle) * scale
      }
    }
  },
  rope: ({ x, cos, sin, y }, { rows, heads, width, half, sign }) => {
    for (let t = 0; t < rows; t++) {
      for (let h = 0; h < heads; h++) {
        const at = (t * heads + h) * width
        for (let i = 0; i < half; i++) {
          const c = cos[t * half + i]
          const s = sign * sin[t * half + i]
          const first = x[at + i]
          const second = x[at + half + i]
          y[at + i] = first * c - second * s
          y[at + half + i] = second * c + first * s
        }
        for (let i = 2 * half; i < width; i++) y[at + i] = x[at + i]
      }
    }
  },

  gated: ({ gate, up, y }, { n, kind }) => {
    const { f } = unaryFunctions[kind]
    for (let i = 0; i < n; i++) y[i] = f(gate[i]) * up[i]
  },
  gatedGrad: ({ gate, up, dy, dGate, dUp }, { n, kind }) => {
    const { f, df } = unaryFunctions[kind]
    for (let i = 0; i < n; i++) {
      const value = f(gate[i])
      dGate[i] = dy[i] * up[i] * df(gate[i])
      dUp[i] = dy[i] * value
    }
  },
}
