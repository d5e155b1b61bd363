import { type Interval, studentInterval } from '../evaluate/index.ts'
import type { Check, Verdict } from './types.ts'

interface Bounds {
  /** Where there is no effect: the interval must not reach it. Absent: the mean alone decides. */
  beyond?: number
  /** From here on the claim is refuted. */
  refutedAt?: number
  /** Not of the claim: that the experiment can tell. Where it fails nothing is shown, and nothing refuted. */
  premise?: boolean
}

/** The mean over seeds has to be at least `bound`, and its interval to lie above `beyond`. */
export function atLeast(what: string, values: readonly number[], bound: number, bounds: Bounds = {}): Check {
  return check(what, values, { side: 'at least', bound }, bounds)
}

/** The mean over seeds has to be at most `bound`, and its interval to lie below `beyond`. */
export function atMost(what: string, values: readonly number[], bound: number, bounds: Bounds = {}): Check {
  return check(what, values, { side: 'at most', bound }, bounds)
}

/**
 * What sums of fractions lose in floating point, and no figure that is measured can differ by: a mean that is the bound by its
 * counts reaches it.
 */
const rounding = 1e-9

function check(what: string, values: readonly number[], wanted: Check['wanted'], bounds: Bounds): Check {
  const measured = studentInterval(values)
  const { beyond, refutedAt, premise } = bounds
  const upward = wanted.side === 'at least'
  const lead = (value: number, bound: number) => (upward ? value - bound : bound - value)
  const near = (interval: Interval) => (upward ? interval.low : interval.high)
  const clear = beyond === undefined || lead(near(measured), beyond) > rounding
  return {
    what,
    measured,
    wanted,
    ...(beyond !== undefined && { beyond }),
    ...(premise && { premise }),
    holds: lead(measured.value, wanted.bound) >= -rounding && clear,
    refuted: refutedAt !== undefined && lead(measured.value, refutedAt) <= rounding,
  }
}

/** Refuted by one check, held by all, or else not shown; not shown either where a premise fails. */
export function verdictOf(checks: readonly Check[]): Verdict {
  if (checks.some(({ premise, holds }) => premise && !holds)) return 'not-shown'
  if (checks.some(({ refuted }) => refuted)) return 'refuted'
  return checks.every(({ holds }) => holds) ? 'holds' : 'not-shown'
}

/** Seed by seed, a less b. */
export const less = (a: readonly number[], b: readonly number[]): number[] => a.map((x, i) => x - b[i])

/** Seed by seed, a over b. */
export const over = (a: readonly number[], b: readonly number[]): number[] => a.map((x, i) => x / b[i])
