import { HoneError, philox } from '../../../base/index.ts'
import { toBf16 } from './floats.ts'
import type { ReferenceKernel } from './kernels.ts'

type Names =
  | 'logprobs'
  | 'logprobsGrad'
  | 'logprobsWithGrad'
  | 'logits'
  | 'logitsLogprobs'
  | 'sampleTokens'
  | 'topTokens'

interface HeadNumbers {
  width: number
  vocab: number
  softcap: number
  precision: number
}

function logitRow(x: Float64Array, w: Float64Array, row: number, n: HeadNumbers): Float64Array {
  const round = n.precision === 1 ? toBf16 : (value: number) => value
  return Float64Array.from({ length: n.vocab }, (_, v) => {
    let sum = 0
    for (let d = 0; d < n.width; d++) sum += round(x[row * n.width + d]) * round(w[v * n.width + d])
    return n.softcap > 0 ? n.softcap * Math.tanh(sum / n.softcap) : sum
  })
}

function logSumExp(row: Float64Array): number {
  const most = row.reduce((a, b) => Math.max(a, b), -Infinity)
  return most + Math.log(row.reduce((sum, value) => sum + Math.exp(value - most), 0))
}

function checkTarget(id: number, vocab: number, kernel: string): void {
  if (id < 0 || id >= vocab)
    throw new HoneError('E_INDEX', `${kernel}: token id ${id} is outside the vocabulary of ${vocab}`)
}

export const vocabulary: { [K in Names]: ReferenceKernel<K> } = {
  logprobs: ({ x, w, targets, y, lse }, n) => {
    for (let r = 0; r < n.rows; r++) {
      checkTarget(targets[r], n.vocab, 'logprobs')
      const row = logitRow(x, w, r, n)
      lse[r] = logSumExp(row)
      y[r] = row[targets[r]] - lse[r]
    }
  },
  logprobsGrad: ({ x, w, targets, lse, dy, dx, dw }, n) => {
    const { width, vocab, softcap, accumulate } = n
    for (let r = 0; r < n.rows; r++) {
      const row = logitRow(x, w, r, n)
      if (!accumulate) dx.fill(0, r * width, (r + 1) * width)
      for (let v = 0; v < vocab; v++) {
        let dLogit = dy[r] * ((v === targets[r] ? 1 : 0) - Math.exp(row[v] - lse[r]))
        if (softcap > 0) dLogit *= 1 - (row[v] / softcap) ** 2
        for (let d = 0; d < width; d++) {
          dx[r * width + d] += dLogit * w[v * width + d]
          if (dw) dw[v * width + d] += dLogit * x[r * width + d]
        }
      }
    }
  },
  logprobsWithGrad: ({ x, w, targets, dy, y, dx, dw }, n) => {
    const lse = new Float64Array(n.rows)
    vocabulary.logprobs({ x, w, targets, y, lse }, n)
    vocabulary.logprobsGrad({ x, w, targets, lse, dy, dx, dw }, { ...n, accumulate: 0 })
  },
  logits: ({ x, w, y }, n) => {
    for (let r = 0; r < n.rows; r++) y.set(logitRow(x, w, r, n), r * n.vocab)
  },
  logitsLogprobs: ({ logits, targets, y }, { rows, vocab }) => {
    for (let r = 0; r < rows; r++) {
      checkTarget(targets[r], vocab, 'logitsLogprobs')
      y[r] = logits[r * vocab + targets[r]] - logSumExp(logits.subarray(r * vocab, (r + 1) * vocab))
    }
  },
  sampleTokens: ({ logits, settings, topK, keys, tokens, logprobs, drawn }, { rows, vocab, seedLow, seedHigh }) => {
    for (let r = 0; r < rows; r++) {
      const row = logits.subarray(r * vocab, (r + 1) * vocab)
      const [temperature, topP, minP] = settings.subarray(4 * r, 4 * r + 3)
      const lse = logSumExp(row)
      if (temperature === 0) {
        const best = row.reduce((at, value, v) => (value > row[at] ? v : at), 0)
        tokens[r] = best
        logprobs[r] = row[best] - lse
        drawn[r] = 0
        continue
      }
      const chosen = truncate(row, temperature, topK[r], topP, minP)
      const total = chosen.reduce((sum, { p }) => sum + p, 0)
      const words = philox([seedLow >>> 0, seedHigh >>> 0], [...keys.subarray(4 * r, 4 * r + 4)] as never)
      let left = (words[0] / 2 ** 32) * total
      let pick = chosen[chosen.length - 1]
      for (const candidate of chosen) {
        if (left < candidate.p) {
          pick = candidate
          break
        }
        left -= candidate.p
      }
      tokens[r] = pick.v
      logprobs[r] = row[pick.v] - lse
      drawn[r] = Math.log(pick.p / total)
    }
  },
  topTokens: ({ logits, tokens, logprobs }, { rows, vocab, count }) => {
    for (let r = 0; r < rows; r++) {
      const row = logits.subarray(r * vocab, (r + 1) * vocab)
      const lse = logSumExp(row)
      const order = Int32Array.from(row.keys()).sort((v, w) => row[w] - row[v] || v - w)
      for (let i = 0; i < count; i++) {
        tokens[r * count + i] = order[i]
        logprobs[r * count + i] = row[order[i]] - lse
      }
    }
  },
}

/** The candidates that survive top-k, top-p and min-p, most probable first (equals by id), with unnormalised weights. */
function truncate(
  row: Float64Array,
  temperature: number,
  topK: number,
  topP: number,
  minP: number,
): { v: number; p: number }[] {
  const scaled = row.map((value) => value / temperature)
  const lse = logSumExp(scaled)
  let kept = Array.from(scaled, (value, v) => ({ v, p: Math.exp(value - lse) })).sort((a, b) => b.p - a.p || a.v - b.v)
  if (topK > 0) kept = kept.slice(0, topK)
  if (topP < 1) {
    const total = kept.reduce((sum, { p }) => sum + p, 0)
    let sum = 0
    const end = kept.findIndex(({ p }) => (sum += p) >= topP * total)
    if (end >= 0) kept = kept.slice(0, end + 1)
  }
  if (minP > 0) kept = kept.filter(({ p }) => p >= minP * kept[0].p)
  return kept
}
