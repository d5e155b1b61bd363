import { HoneError } from '../../base/index.ts'
import type { Answered, Comparer, Duel } from '../../rewards/index.ts'

/** Places of two answers that are compared. */
type Match = readonly [number, number]

/** The better and the worse of the answers to a prompt, or null where the comparisons do not agree on them. */
export type Duelled = Match | null

/**
 * The best and the worst of `n` answers by comparisons in pairs (INPO, arXiv:2407.00617, §4): all play once, the winners play
 * down to the best and the losers to the worst, and the best has to win against the worst. Of eight answers that is
 * 4 + 3 + 3 + 1 comparisons. Yields matches that may be played at once, and is told who won: true for the first.
 */
export function* tournament(n: number): Generator<Match[], Duelled, readonly boolean[]> {
  if (n < 2) return null
  const first = matchesOf([...Array(n).keys()])
  const won = yield first.matches
  let best = [...first.matches.map((match, i) => match[won[i] ? 0 : 1]), ...first.idle]
  // One that has not played is among the winners: it has not lost.
  let worst = first.matches.map((match, i) => match[won[i] ? 1 : 0])
  while (best.length > 1 || worst.length > 1) {
    const [up, down] = [matchesOf(best), matchesOf(worst)]
    const ends = yield [...up.matches, ...down.matches]
    best = [...up.matches.map((match, i) => match[ends[i] ? 0 : 1]), ...up.idle]
    worst = [...down.matches.map((match, i) => match[ends[up.matches.length + i] ? 1 : 0]), ...down.idle]
  }
  const last: Match = [best[0], worst[0]]
  if (n === 2) return last
  const [holds] = yield [last]
  return holds ? last : null
}

function matchesOf(players: readonly number[]): { matches: Match[]; idle: number[] } {
  const pairs = Math.floor(players.length / 2)
  const matches = Array.from({ length: pairs }, (_, i): Match => [players[2 * i], players[2 * i + 1]])
  return { matches, idle: players.slice(2 * pairs) }
}

/**
 * A tournament among the answers to each prompt; matches of all prompts are judged together. A tie goes to the first.
 * @throws HoneError E_SCORE for a judge that does not give a probability for each pair
 */
export async function playTournaments(
  comparer: Comparer,
  asked: readonly Answered[],
  signal?: AbortSignal,
): Promise<Duelled[]> {
  const results: Duelled[] = asked.map(() => null)
  const games = asked.map(({ answers }) => tournament(answers.length))
  let open = games.flatMap((game, i) => advance(i, game.next()))
  function advance(i: number, { done, value }: IteratorResult<Match[], Duelled>) {
    if (!done) return [{ i, matches: value }]
    results[i] = value
    return []
  }
  while (open.length > 0) {
    const duels = open.flatMap(({ i, matches }) =>
      matches.map(([a, b]): Duel => {
        const { answers, ...rest } = asked[i]
        return { ...rest, first: answers[a], second: answers[b] }
      }),
    )
    const chances = await comparer.compare(duels, { signal })
    requireChances(comparer, chances, duels.length)
    let at = 0
    open = open.flatMap(({ i, matches }) => {
      const won = matches.map(() => chances[at++] >= 0.5)
      return advance(i, games[i].next(won))
    })
  }
  return results
}

function requireChances({ id }: Comparer, chances: readonly number[], wanted: number): void {
  const wrong = chances.find((chance) => !(chance >= 0 && chance <= 1))
  if (wrong === undefined && chances.length === wanted) return
  const got = wrong === undefined ? `${chances.length} probabilities` : `the probability ${wrong}`
  throw new HoneError('E_SCORE', `${id} gave ${got} for ${wanted} pairs of answers, expected one from 0 to 1 for each`)
}
