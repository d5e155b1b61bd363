import { HoneError } from '../../base/index.ts'
import { rankingOf } from './ranking.ts'
import { type RankingRule, rankByPairs } from './round-robin.ts'
import { askInBothOrders, joinOrders } from './swap.ts'
import type {
  Comparison,
  Judge,
  JudgeCallOptions,
  JudgedAnswer,
  JudgedList,
  JudgedPair,
  JudgeKind,
  Preference,
  Ranking,
  Score,
  Settled,
} from './types.ts'

/** What a judge can do by itself: at least one of these. */
export interface JudgeAbilities {
  score?(items: readonly JudgedAnswer[], options: JudgeCallOptions): Promise<Settled<Score>[]>
  /** On each pair in the order shown. */
  prefer?(pairs: readonly JudgedPair[], options: JudgeCallOptions): Promise<Settled<Preference>[]>
  /** Places of the answers as shown, the best first. */
  order?(lists: readonly JudgedList[], options: JudgeCallOptions): Promise<Settled<{ order: number[]; why?: string }>[]>
}

export interface JudgeOptions {
  /** Asks each pair in both orders, and each list forwards and backwards; default true. */
  swap?: boolean
  /** Scores no further apart than this are a tie; default 0. */
  tieMargin?: number
  /** How pairs become a ranking; default 'wins'. */
  ranking?: RankingRule
}

type Calls = Pick<Judge, 'score' | 'compare' | 'rank'>
type Derived = { [K in JudgeKind]?: { how: string; call: Calls[Call[K]] } }
interface Call {
  pointwise: 'score'
  pairwise: 'compare'
  listwise: 'rank'
}

/**
 * A judge out of what it can do, with the kinds that follow from it:
 * - a pointwise judge compares by the difference of scores and ranks by scores;
 * - a pairwise judge ranks by a round robin;
 * - a listwise judge compares two as a list of two.
 * Scores do not follow from comparisons: one answer alone has nothing to be compared with.
 */
export function makeJudge(id: string, abilities: JudgeAbilities, options: JudgeOptions = {}): Judge {
  const { score, prefer, order } = abilities
  const { swap = true, tieMargin = 0, ranking = 'wins' } = options
  const asked: Derived = {
    ...(score && { pointwise: { how: 'asked', call: (items, options = {}) => score(items, options) } }),
    ...(prefer && {
      pairwise: { how: swap ? 'asked in both orders' : 'asked', call: comparing(prefer, swap) },
    }),
    ...(order && {
      listwise: { how: swap ? 'asked forwards and backwards' : 'asked', call: listing(order, swap) },
    }),
  }
  const offered: Derived = { ...asked }
  if (score) {
    offered.pairwise ??= { how: 'by the difference of scores', call: comparingScores(score, tieMargin) }
    offered.listwise ??= { how: 'by scores', call: rankingScores(score) }
  }
  if (asked.pairwise) {
    const { call } = asked.pairwise
    offered.listwise ??= { how: `round robin, by ${ranking}`, call: rankByPairs(call, ranking) }
  }
  if (order) offered.pairwise ??= { how: 'as a list of two', call: comparing(pairsAsLists(order), swap) }

  const call = <K extends JudgeKind>(kind: K): Calls[Call[K]] =>
    offered[kind]?.call ??
    (async () => {
      throw new HoneError(
        'E_JUDGE_KIND',
        `${id} is asked for ${kind} verdicts; it offers ${Object.keys(offered).join(', ')}`,
      )
    })
  const kinds = Object.fromEntries(Object.entries(offered).map(([kind, { how }]) => [kind, how]))
  return { id, kinds, score: call('pointwise'), compare: call('pairwise'), rank: call('listwise') }
}

const comparing =
  (prefer: NonNullable<JudgeAbilities['prefer']>, swap: boolean): Judge['compare'] =>
  async (pairs, options = {}) => {
    if (swap) return askInBothOrders(prefer, pairs, options)
    const preferences = await prefer(pairs, options)
    return preferences.map((one) => (one instanceof HoneError ? one : { ...one, orders: null }))
  }

function listing(order: NonNullable<JudgeAbilities['order']>, swap: boolean): Judge['rank'] {
  return async (lists, options = {}) => {
    const backwards = swap ? lists.map((list) => ({ ...list, answers: list.answers.toReversed() })) : []
    const given = await order([...lists, ...backwards], options)
    return lists.map((list, i) =>
      joinOrders(list.answers.length, swap ? [given[i], given[lists.length + i]] : [given[i]]),
    )
  }
}

const pairsAsLists =
  (order: NonNullable<JudgeAbilities['order']>): NonNullable<JudgeAbilities['prefer']> =>
  async (pairs, options) =>
    (await order(pairs, options)).map((one) =>
      one instanceof HoneError ? one : { verdict: one.order[0] === 0 ? 'first' : 'second', why: one.why },
    )

const comparingScores =
  (score: NonNullable<JudgeAbilities['score']>, tieMargin: number): Judge['compare'] =>
  async (pairs, options = {}) => {
    const scores = await score(pairs.flatMap(alone), options)
    return pairs.map((_, i): Settled<Comparison> => {
      const [first, second] = [scores[2 * i], scores[2 * i + 1]]
      if (first instanceof HoneError) return first
      if (second instanceof HoneError) return second
      const lead = first.score - second.score
      return { verdict: Math.abs(lead) <= tieMargin ? 'tie' : lead > 0 ? 'first' : 'second', orders: null }
    })
  }

const rankingScores =
  (score: NonNullable<JudgeAbilities['score']>): Judge['rank'] =>
  async (lists, options = {}) => {
    const scores = await score(lists.flatMap(alone), options)
    let at = 0
    return lists.map(({ answers }): Settled<Ranking> => {
      const own = scores.slice(at, (at += answers.length))
      const failed = own.find((one) => one instanceof HoneError)
      return failed ?? rankingOf(own.map((one) => (one as Score).score))
    })
  }

const alone = ({ answers, ...rest }: JudgedList | JudgedPair): JudgedAnswer[] =>
  answers.map((answer) => ({ ...rest, answer }))
