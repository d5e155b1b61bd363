import { HoneError } from '../../base/index.ts'
import { rankingOf } from './ranking.ts'
import type { Comparison, Judge, JudgedPair, PairVerdict, Ranking, Settled } from './types.ts'

/** How the wins of a round robin become a score for each answer: [N][N] wins of the row over the column → [N]. */
export const rankingRules = {
  /** Games won; a tie is half a win for both. */
  wins: (wins) => wins.map((row) => row.reduce((sum, value) => sum + value, 0)),
  'bradley-terry': (wins) => bradleyTerry(wins),
} as const satisfies Record<string, (wins: readonly (readonly number[])[]) => number[]>

export type RankingRule = keyof typeof rankingRules

/** Ranks lists by comparing each answer of one with each other. */
export function rankByPairs(compare: Judge['compare'], rule: RankingRule): Judge['rank'] {
  return async (lists, options = {}) => {
    const games = lists.map(({ answers }) =>
      answers.flatMap((_, i) => answers.slice(i + 1).map((_, k) => [i, i + 1 + k] as const)),
    )
    const pairs = lists.flatMap(({ answers, ...rest }, l) =>
      games[l].map(([i, j]): JudgedPair => ({ ...rest, answers: [answers[i], answers[j]] })),
    )
    const verdicts = await compare(pairs, options)
    let at = 0
    return lists.map(({ answers }, l): Settled<Ranking> => {
      const own = verdicts.slice(at, (at += games[l].length))
      const failed = own.find((one) => one instanceof HoneError)
      if (failed) return failed
      const wins = answers.map(() => new Array<number>(answers.length).fill(0))
      for (const [game, [i, j]] of games[l].entries()) {
        const share = shareOf[(own[game] as Comparison).verdict]
        wins[i][j] += share
        wins[j][i] += 1 - share
      }
      return rankingOf(rankingRules[rule](wins))
    })
  }
}

const shareOf: Record<PairVerdict, number> = { first: 1, tie: 0.5, second: 0 }

/**
 * Strengths of the model P(i beats j) = σ(θ_i − θ_j) by the MM algorithm (Hunter 2004, eq. 3), of mean 0. Before it each pair is
 * given `prior` ties, without which who never loses would be infinitely strong.
 * @param wins [N][N] how often the row beat the column; a tie is half a win for both
 * @returns [N] θ
 */
export function bradleyTerry(wins: readonly (readonly number[])[], { prior = 0.1 }: { prior?: number } = {}): number[] {
  const count = wins.length
  const won = (i: number, j: number) => (i === j ? 0 : wins[i][j] + prior / 2)
  const all = Array.from({ length: count }, (_, i) => i)
  const total = all.map((i) => all.reduce((sum, j) => sum + won(i, j), 0))
  let strengths = new Array<number>(count).fill(1)
  for (let round = 0; round < 100_000 && count > 1; round++) {
    const raw = all.map((i) => {
      const games = all.reduce((sum, j) => sum + (won(i, j) + won(j, i)) / (strengths[i] + strengths[j]), 0)
      return total[i] / games
    })
    const scale = Math.exp(raw.reduce((sum, value) => sum + Math.log(value), 0) / count)
    const next = raw.map((value) => value / scale)
    const change = Math.max(...next.map((value, i) => Math.abs(Math.log(value / strengths[i]))))
    strengths = next
    if (change < 1e-12) break
  }
  return strengths.map(Math.log)
}
