import type { Peak } from './peak.ts'
import type { Contest } from './results.ts'
import { flopsPerToken, parametersOf, shapes } from './shapes.ts'

/** The precision that a contestant's name tells. */
export const precisionOf = (name: string): string => /\b(f32|bf16|q8_0)\b/.exec(name)?.[1] ?? ''

/** Bytes of a weight; q8_0 has a scale of 16 bits for every 32 of them. */
const weightBytes: Readonly<Record<string, number>> = { f32: 4, bf16: 2, q8_0: 34 / 32 }

/** GFLOP/s of a contestant that trains with `rate` tokens a second. */
export const gflopsOf = ({ what, shape }: Pick<Contest, 'what' | 'shape'>, rate: number): number =>
  (rate * flopsPerToken(shapes[shape], what === 'lora' ? 16 : 0)) / 1e9

/**
 * Share of what the machine can do: of its floating-point peak in training; in decoding of one sequence of the bandwidth
 * with which it reads, as each token reads every weight once. Null elsewhere.
 */
export function shareOfCeiling(
  contest: Pick<Contest, 'what' | 'shape'>,
  outcome: { name: string; rate: number },
  peak: Peak,
): number | null {
  const precision = precisionOf(outcome.name)
  if (contest.what === 'train' || contest.what === 'lora') {
    return gflopsOf(contest, outcome.rate) / peak[precision as 'f32' | 'bf16']
  }
  if (contest.what !== 'decode 1') return null
  return (outcome.rate * parametersOf(shapes[contest.shape]) * weightBytes[precision]) / (peak.read * 1e9)
}
