import { toBf16 } from './floats.ts'
import type { ReferenceKernel } from './kernels.ts'

/** How a factor of a product is rounded. */
const rounding = (precision: number) => (precision === 1 ? toBf16 : (value: number) => value)

/** Key rows of one segment's path, in the order of path positions. */
function pathRows(segments: Int32Array, spans: Int32Array, s: number): number[] {
  const rows: number[] = []
  const first = segments[5 * s + 3]
  for (let i = first; i < first + segments[5 * s + 4]; i++) {
    for (let r = 0; r < spans[2 * i + 1]; r++) rows.push(spans[2 * i] + r)
  }
  return rows
}

interface Score {
  /** Softmax weight and capped score's derivative for each visible key. */
  weights: Float64Array
  slopes: Float64Array
  from: number
  lse: number
}

/** Scores of one query row and head against the keys it sees. */
function scoreRow(
  q: Float64Array,
  k: Float64Array,
  row: number,
  head: number,
  path: number[],
  position: number,
  n: Readonly<Record<'heads' | 'keyHeads' | 'width' | 'scale' | 'window' | 'softcap' | 'precision', number>>,
): Score {
  const { heads, keyHeads, width, scale, window, softcap } = n
  const round = rounding(n.precision)
  const keyHead = Math.floor((head * keyHeads) / heads)
  const from = window > 0 ? Math.max(0, position - window + 1) : 0
  const count = position - from + 1
  const weights = new Float64Array(count)
  const slopes = new Float64Array(count).fill(1)
  for (let j = 0; j < count; j++) {
    const keyRow = path[from + j]
    let dot = 0
    for (let e = 0; e < width; e++)
      dot += round(q[(row * heads + head) * width + e]) * round(k[(keyRow * keyHeads + keyHead) * width + e])
    dot *= scale
    if (softcap > 0) {
      const t = Math.tanh(dot / softcap)
      dot = softcap * t
      slopes[j] = 1 - t * t
    }
    weights[j] = dot
  }
  const most = weights.reduce((a, b) => Math.max(a, b), -Infinity)
  let sum = 0
  for (let j = 0; j < count; j++) sum += Math.exp(weights[j] - most)
  const lse = most + Math.log(sum)
  for (let j = 0; j < count; j++) weights[j] = Math.exp(weights[j] - lse)
  return { weights, slopes, from, lse }
}

export const attention: ReferenceKernel<'attention'> = ({ q, k, v, y, lse, segments, spans }, n) => {
  const { segmentCount, heads, keyHeads, width } = n
  const round = rounding(n.precision)
  for (let s = 0; s < segmentCount; s++) {
    const path = pathRows(segments, spans, s)
    for (let i = 0; i < segments[5 * s + 1]; i++) {
      const row = segments[5 * s] + i
      for (let h = 0; h < heads; h++) {
        const keyHead = Math.floor((h * keyHeads) / heads)
        const score = scoreRow(q, k, row, h, path, segments[5 * s + 2] + i, n)
        lse[row * heads + h] = score.lse
        for (let e = 0; e < width; e++) {
          let sum = 0
          for (let j = 0; j < score.weights.length; j++) {
            sum += round(score.weights[j]) * round(v[(path[score.from + j] * keyHeads + keyHead) * width + e])
          }
          y[(row * heads + h) * width + e] = sum
        }
      }
    }
  }
}

export const attentionGrad: ReferenceKernel<'attentionGrad'> = ({ q, k, v, dy, dq, dk, dv, segments, spans }, n) => {
  const { segmentCount, keyRows, heads, keyHeads, width, scale } = n
  const round = rounding(n.precision)
  dk.fill(0, 0, keyRows * keyHeads * width)
  dv.fill(0, 0, keyRows * keyHeads * width)
  for (let s = 0; s < segmentCount; s++) {
    const path = pathRows(segments, spans, s)
    for (let i = 0; i < segments[5 * s + 1]; i++) {
      const row = segments[5 * s] + i
      for (let h = 0; h < heads; h++) {
        const keyHead = Math.floor((h * keyHeads) / heads)
        const { weights, slopes, from } = scoreRow(q, k, row, h, path, segments[5 * s + 2] + i, n)
        const at = (row * heads + h) * width
        const dWeights = weights.map((_, j) => {
          const key = (path[from + j] * keyHeads + keyHead) * width
          let dot = 0
          for (let e = 0; e < width; e++) dot += round(dy[at + e]) * round(v[key + e])
          return dot
        })
        const mean = weights.reduce((sum, w, j) => sum + w * dWeights[j], 0)
        for (let e = 0; e < width; e++) dq[at + e] = 0
        for (let j = 0; j < weights.length; j++) {
          const key = (path[from + j] * keyHeads + keyHead) * width
          const dScore = weights[j] * (dWeights[j] - mean) * slopes[j] * scale
          for (let e = 0; e < width; e++) {
            dq[at + e] += round(dScore) * round(k[key + e])
            dk[key + e] += round(dScore) * round(q[at + e])
            dv[key + e] += round(weights[j]) * round(dy[at + e])
          }
        }
      }
    }
  }
}
