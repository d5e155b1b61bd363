import { HoneError, random } from '../base/index.ts'

/** An estimate with the ends of its confidence interval. */
export interface Interval {
  value: number
  low: number
  high: number
}

export interface IntervalOptions {
  /** Share of intervals that should hold the true value (default 0.95). */
  level?: number
}

export interface BootstrapOptions extends IntervalOptions {
  seed?: number
  /** Number of resamples (default 2000). */
  resamples?: number
}

function checkLevel(level: number): void {
  if (level > 0 && level < 1) return
  throw new HoneError('E_INTERVAL', `a confidence level of ${level} was asked for; expected one between 0 and 1`)
}

function checkValues(values: ArrayLike<number>): void {
  if (values.length === 0) throw new HoneError('E_INTERVAL', 'no values to make an interval of; expected at least one')
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i]))
      throw new HoneError('E_INTERVAL', `value ${i} is ${values[i]}; expected finite numbers`)
  }
}

/** Arithmetic mean, summed in order. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]
  return sum / values.length
}

/** The quantile of sorted values, linear between neighbours (definition 7 of Hyndman and Fan 1996). */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const at = share * (sorted.length - 1)
  const below = Math.floor(at)
  const above = Math.min(below + 1, sorted.length - 1)
  return sorted[below] + (at - below) * (sorted[above] - sorted[below])
}

/**
 * Percentile bootstrap interval of a mean (Efron and Tibshirani 1993, chapter 13): resamples with replacement, each keyed
 * by (seed, resample), so that the same values and seed give the same bits.
 * @throws HoneError E_INTERVAL without values, on values that are not finite, or on a level outside (0, 1).
 */
export function bootstrapMean(values: ArrayLike<number>, options: BootstrapOptions = {}): Interval {
  const { seed = 0, resamples = 2000, level = 0.95 } = options
  checkLevel(level)
  checkValues(values)
  const n = values.length
  const value = mean(values)
  const source = random(seed, 'bootstrap')
  const means = Float64Array.from({ length: resamples }, (_, round) => {
    let sum = 0
    // Four words a call, each scaled to an index: the bias of at most n / 2³² is far below the interval's own error.
    for (let i = 0; i < n; i += 4) {
      const words = source.words(round, i)
      for (let k = 0; k < 4 && i + k < n; k++) sum += values[Math.floor((words[k] / 4294967296) * n)]
    }
    return sum / n
  }).sort()
  return { value, low: quantile(means, (1 - level) / 2), high: quantile(means, (1 + level) / 2) }
}

/**
 * Interval of the mean of `after[i] − before[i]`: two models asked the same questions, resampled question by question.
 * @throws HoneError E_INTERVAL when the lengths differ, and as `bootstrapMean`.
 */
export function bootstrapDifference(
  before: ArrayLike<number>,
  after: ArrayLike<number>,
  options: BootstrapOptions = {},
): Interval {
  if (before.length !== after.length) {
    throw new HoneError('E_INTERVAL', `${before.length} values before and ${after.length} after; expected pairs`, {
      help: 'Score both models on the same items, in the same order.',
    })
  }
  return bootstrapMean(
    Float64Array.from({ length: before.length }, (_, i) => after[i] - before[i]),
    options,
  )
}

/** Standard normal distribution function by Marsaglia's series (2004): exact to double precision for |x| < 7. */
function normalCdf(x: number): number {
  let term = x
  let sum = x
  for (let k = 3; sum + term !== sum; k += 2) {
    term *= (x * x) / k
    sum += term
  }
  return 0.5 + sum * Math.exp(-0.5 * x * x - 0.9189385332046727)
}

/** The z with Φ(z) = share, for a share in [0.5, 1): Newton from 0, which nears the root from below without overshoot. */
export function normalQuantile(share: number): number {
  let z = 0
  for (let round = 0; round < 100; round++) {
    const step = (share - normalCdf(z)) * Math.sqrt(2 * Math.PI) * Math.exp(0.5 * z * z)
    z += step
    if (Math.abs(step) < 1e-14) break
  }
  return z
}

/**
 * Wilson's score interval of a proportion (1927): sound for few trials and at 0 or all successes, where the bootstrap's
 * interval has no width.
 * @throws HoneError E_INTERVAL unless 0 ≤ successes ≤ n, n ≥ 1 and the level lies in (0, 1).
 */
export function wilson(successes: number, n: number, options: IntervalOptions = {}): Interval {
  const { level = 0.95 } = options
  checkLevel(level)
  if (!(n >= 1 && successes >= 0 && successes <= n)) {
    throw new HoneError('E_INTERVAL', `${successes} successes of ${n}; expected 0 ≤ successes ≤ n and n ≥ 1`)
  }
  const z = normalQuantile((1 + level) / 2)
  const share = successes / n
  const scale = 1 / (1 + (z * z) / n)
  const centre = scale * (share + (z * z) / (2 * n))
  const half = scale * z * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n))
  return { value: share, low: Math.max(0, centre - half), high: Math.min(1, centre + half) }
}
