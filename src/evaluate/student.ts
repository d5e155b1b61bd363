import { HoneError } from '../base/index.ts'
import { type Interval, mean } from './bootstrap.ts'

/** Quantiles at 0.975 of Student's t with 1, 2, … 30 degrees of freedom (Abramowitz and Stegun 1964, table 26.10). */
const quantiles = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
]

/**
 * The mean of a few independent runs with its 95 % interval by Student's t: wide where seeds are few, as it should be; a
 * bootstrap of three values is not. A single value has no interval but itself to ±∞.
 * @throws HoneError E_INTERVAL without values, or on values that are not finite
 */
export function studentInterval(values: readonly number[]): Interval {
  if (values.length === 0 || !values.every(Number.isFinite)) {
    throw new HoneError(
      'E_INTERVAL',
      `got the values ${values.join(', ') || 'none'}; expected at least one, all finite`,
    )
  }
  const value = mean(values)
  const n = values.length
  if (n === 1) return { value, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY }
  const variance = values.reduce((sum, x) => sum + (x - value) ** 2, 0) / (n - 1)
  const t = quantiles[Math.min(n - 1, quantiles.length) - 1]
  const half = t * Math.sqrt(variance / n)
  return { value, low: value - half, high: value + half }
}
