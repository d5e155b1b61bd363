import { HoneError } from '../../base/index.ts'
import type { JudgeAbilities } from './judge.ts'
import { rankingOf } from './ranking.ts'
import type { Comparison, JudgeCallOptions, JudgedPair, PairVerdict, Preference, Ranking, Settled } from './types.ts'

const mirrored: Record<PairVerdict, PairVerdict> = { first: 'second', second: 'first', tie: 'tie' }

/**
 * Each pair in both orders, which cancels a liking for a place (Zheng et al. 2023, arXiv:2306.05685, section 3.4): an answer wins
 * where both orders say so, and all else is a tie.
 */
export async function askInBothOrders(
  prefer: NonNullable<JudgeAbilities['prefer']>,
  pairs: readonly JudgedPair[],
  options: JudgeCallOptions,
): Promise<Settled<Comparison>[]> {
  const both = pairs.flatMap((pair): JudgedPair[] => {
    const [first, second] = pair.answers
    return [pair, { ...pair, answers: [second, first] }]
  })
  const given = await prefer(both, options)
  return pairs.map((_, i) => joinVerdicts(given[2 * i], given[2 * i + 1]))
}

function joinVerdicts(given: Settled<Preference>, swapped: Settled<Preference>): Settled<Comparison> {
  if (given instanceof HoneError) return given
  if (swapped instanceof HoneError) return swapped
  const orders = [given.verdict, mirrored[swapped.verdict]] as const
  const isKnown = given.chance !== undefined && swapped.chance !== undefined
  return {
    verdict: orders[0] === orders[1] ? orders[0] : 'tie',
    orders,
    ...(isKnown && { chance: 0.5 + (given.chance! - swapped.chance!) / 2 }),
    ...(given.why !== undefined && { why: given.why }),
  }
}

/** One ranking out of a list's order as given and, where there is one, backwards: by the mean place (Borda). */
export function joinOrders(
  count: number,
  [given, backwards]: Settled<{ order: number[]; why?: string }>[],
): Settled<Ranking> {
  if (given instanceof HoneError) return given
  if (backwards instanceof HoneError) return backwards
  const scores = new Array<number>(count).fill(0)
  for (const [place, answer] of given.order.entries()) scores[answer] -= backwards ? place / 2 : place
  for (const [place, answer] of backwards?.order.entries() ?? []) scores[count - 1 - answer] -= place / 2
  return { ...rankingOf(scores.map((score) => score + 0)), ...(given.why !== undefined && { why: given.why }) }
}
