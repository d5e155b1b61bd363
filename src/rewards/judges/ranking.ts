import type { Ranking } from './types.ts'

/** The ranking that follows from a score for each answer. */
export function rankingOf(scores: number[]): Ranking {
  const order = scores.map((_, i) => i).sort((a, b) => scores[b] - scores[a] || a - b)
  return { order, scores }
}
