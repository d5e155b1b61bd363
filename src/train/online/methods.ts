import { type Need, type Objective, objectives } from '../../objectives/index.ts'
import { rejectionSample } from '../../rewards/index.ts'
import { onlineKeys } from './config.ts'
import type { Chance, Judged, LearnKeys, Lesson, OnlineMethod } from './types.ts'

const order = (scores: readonly number[]) => [...scores.keys()].sort((a, b) => scores[b] - scores[a] || a - b)

/**
 * A better and a worse answer of one prompt; none where their scores are equal. `best-worst` is the exploration of Online-RLHF
 * (Dong et al. 2024, arXiv:2405.07863, §3) and with two answers online DPO (Guo et al. 2024, arXiv:2402.04792).
 */
export function choosePair(
  { scores }: Pick<Judged, 'scores'>,
  { pairing }: Pick<LearnKeys, 'pairing'>,
  chance: Chance,
) {
  const ranked = order(scores)
  const pick = (among: readonly number[], place: number) => among[Math.floor(chance(place) * among.length)]
  const first = pairing === 'random' ? pick(ranked, 0) : ranked[0]
  const others = ranked.filter((one) => one !== first)
  const seconds = {
    'best-worst': () => others[others.length - 1],
    'best-second': () => others[0],
    'in-twos': () => others[0],
  }
  const second = pairing in seconds ? seconds[pairing as keyof typeof seconds]() : pick(others, 1)
  if (second === undefined || scores[first] === scores[second]) return null
  return scores[first] > scores[second] ? ([first, second] as const) : ([second, first] as const)
}

/** Places of draws: those that choose a pair come first, then those that put answers into twos, then those that keep them. */
const [firstShuffle, firstTrial] = [16, 2 ** 24]

/**
 * Pairs of the answers that rejection sampling keeps, where it is asked for: one, or in twos as many as there are twos of
 * them, which is the first round of a tournament (RSO, Liu et al. 2023, arXiv:2309.06657, §3.3). Equal ones are left out.
 */
const pair = ({ scores, duel }: Judged, keys: LearnKeys, chance: Chance): Lesson[] => {
  if (duel !== undefined) return duel ? [{ sequences: duel }] : []
  const { accept, acceptTemperature: temperature } = keys
  const unit = (trial: number) => chance(firstTrial + trial)
  const kept = accept === null ? [...scores.keys()] : rejectionSample(scores, { keep: accept, temperature, unit })
  const groups = keys.pairing === 'in-twos' ? twos(kept, chance) : [kept]
  return groups.flatMap((group): Lesson[] => {
    const chosen = choosePair({ scores: group.map((place) => scores[place]) }, keys, chance)
    if (!chosen) return []
    const sequences = chosen.map((at) => group[at])
    return [{ sequences, values: { score: sequences.map((place) => scores[place]) } }]
  })
}

const twos = (places: readonly number[], chance: Chance) => {
  const key = new Map(places.map((place) => [place, chance(firstShuffle + place)]))
  const shuffled = [...places].sort((a, b) => (key.get(a) ?? 0) - (key.get(b) ?? 0))
  return Array.from({ length: shuffled.length >> 1 }, (_, i) => shuffled.slice(2 * i, 2 * i + 2))
}

const ranking = ({ scores }: Judged): Lesson[] => {
  const sequences = order(scores)
  if (scores[sequences[0]] === scores[sequences[sequences.length - 1]]) return []
  return [{ sequences, values: { score: sequences.map((place) => scores[place]) } }]
}

const isGood = (score: number, threshold: number | null) => threshold === null || score >= threshold

const rated = ({ scores }: Judged, { threshold }: LearnKeys): Lesson[] =>
  [...scores.keys()].map((place) => ({
    sequences: [place],
    values: { label: [Number(isGood(scores[place], threshold))] },
  }))

/** The first of answers that differ by more than spaces, good and bad apart, each in random order. */
function distinct({ answers, scores }: Judged, { threshold }: LearnKeys, chance: Chance) {
  const seen = new Set<string>()
  const places = [...scores.keys()].filter((place) => {
    const text = answers[place].text.replace(/\s+/g, ' ').trim()
    return !seen.has(text) && seen.add(text)
  })
  const key = new Map(places.map((place) => [place, chance(firstShuffle + place)]))
  const shuffled = places.sort((a, b) => (key.get(a) ?? 0) - (key.get(b) ?? 0))
  const { good = [], bad = [] } = Object.groupBy(shuffled, (place) =>
    isGood(scores[place], threshold) ? 'good' : 'bad',
  )
  return { good, bad }
}

/**
 * Good and bad answers in pairs, the fewer of the two kinds taken again and again until the others are through: none of a
 * prompt whose answers are all good or all bad.
 */
function contrasted(judged: Judged, keys: LearnKeys, chance: Chance): [good: number, bad: number][] {
  const { good, bad } = distinct(judged, keys, chance)
  const most = Math.min(good.length, bad.length) === 0 ? 0 : Math.max(good.length, bad.length)
  const count = Math.min(most, keys.perPrompt ?? Number.POSITIVE_INFINITY)
  return Array.from({ length: count }, (_, i) => [good[i % good.length], bad[i % bad.length]])
}

/** What objectives of a form learn of the answers to a prompt. */
const byForm = {
  pairs: { learn: pair, what: 'Pairs' },
  rankings: { learn: ranking, what: 'Rankings' },
  unpaired: { learn: rated, what: 'Ratings by the threshold' },
}

/** What a row can be given here besides its answers. */
const offered: readonly Need[] = ['reference', 'score', 'label', 'mismatched']

/** Objectives that need no more of a row than is offered, each as a method on the model's own answers. */
function overObjectives(): OnlineMethod[] {
  const fits = ({ needs, params }: Objective) =>
    needs.every((need) => offered.includes(need)) && Object.keys(params).every((name) => !(name in onlineKeys))
  return Object.values(objectives).flatMap((objective): OnlineMethod[] => {
    const { id, form, reads } = objective
    if (reads === 'score' || !(form in byForm) || !fits(objective)) return []
    const { learn, what } = byForm[form as keyof typeof byForm]
    return [
      {
        id,
        objective: id as OnlineMethod['objective'],
        summary: `${what} of the model's own answers: ${objective.summary}`,
        source: id === 'dpo' ? 'arXiv:2402.04792, algorithm 1' : objective.source,
        reads: 'prompts',
        judged: true,
        duels: form === 'pairs' && !objective.needs.includes('score'),
        learn,
      },
    ]
  })
}

/**
 * A pair of the answers, that of the opponent among them, and the latter once more as the usual one. Where all are worth the
 * same the pair is even, so that nothing but the usual answer is moved.
 */
const exploration = (judged: Judged, keys: LearnKeys, chance: Chance): Lesson[] => {
  const scores = [...judged.scores, judged.opponentScores[0]]
  const places = choosePair({ scores }, keys, chance) ?? [scores.length - 1, scores.length - 1]
  const all = [...places, scores.length - 1]
  const sequences = all.map((place) => (place < judged.scores.length ? place : { opponent: 0 }))
  return [{ sequences, values: { score: all.map((place) => scores[place]) } }]
}

/** By Bradley and Terry: how often an answer of this score is preferred to one of that. */
const preferred = (score: number, other: number) => 1 / (1 + Math.exp(other - score))

const special: readonly OnlineMethod[] = [
  {
    id: 'raft',
    objective: 'sft',
    summary: 'Iterative rejection sampling: imitates the best of n answers of its own.',
    source: 'RAFT, arXiv:2304.06767, algorithm 1',
    reads: 'prompts',
    judged: true,
    defaults: { threshold: null },
    learn: ({ scores }, { threshold }) => {
      const best = order(scores)[0]
      return isGood(scores[best], threshold) ? [{ sequences: [best] }] : []
    },
  },
  {
    id: 'star',
    objective: 'sft',
    summary: 'Imitates its own answers that reach the threshold, each round anew from the model of the start.',
    source: 'STaR without rationalisation, arXiv:2203.14465, algorithm 1; ReST-EM, arXiv:2312.06585',
    reads: 'prompts',
    judged: true,
    restarts: true,
    learn: ({ scores }, { threshold }) =>
      [...scores.keys()].filter((place) => isGood(scores[place], threshold)).map((place) => ({ sequences: [place] })),
  },
  {
    id: 'rft',
    objective: 'sft',
    summary: 'Rejection-sampling fine-tuning: imitates its different answers that reach the threshold.',
    source: 'RFT, arXiv:2308.01825, §3.3; here in rounds',
    reads: 'prompts',
    judged: true,
    learn: (judged, keys, chance) =>
      distinct(judged, keys, chance)
        .good.slice(0, keys.perPrompt ?? undefined)
        .map((place) => ({ sequences: [place] })),
  },
  {
    id: 'plum',
    objective: 'dpo',
    summary: 'Pairs of an answer that reaches the threshold with one that does not: tests as preferences.',
    source: 'PLUM, arXiv:2406.06887',
    reads: 'prompts',
    judged: true,
    learn: (judged, keys, chance) => contrasted(judged, keys, chance).map((sequences) => ({ sequences })),
  },
  {
    id: 'plum-kto',
    objective: 'kto',
    summary: 'As plum, each answer by itself: as many of a prompt that reach the threshold as do not, rated.',
    source: 'PLUM, arXiv:2406.06887',
    reads: 'prompts',
    judged: true,
    learn: (judged, keys, chance) =>
      contrasted(judged, keys, chance)
        .flat()
        .map((place, i) => ({ sequences: [place], values: { label: [1 - (i % 2)] } })),
  },
  {
    id: 'spin',
    objective: 'dpo',
    summary: 'Self-play: prefers demonstrations to its own answers of the round before.',
    source: 'SPIN, arXiv:2401.01335, eq. 4.7',
    reads: 'demonstrations',
    judged: false,
    defaults: { n: 1, referenceShare: 0, carry: 1 },
    learn: ({ answers }) => [...answers.keys()].map((place) => ({ sequences: ['demonstration', place] })),
  },
  {
    id: 'nash-md',
    objective: 'nash-md',
    summary: 'Towards the Nash equilibrium: plays against the mixture of itself with the reference.',
    source: 'Nash-MD, arXiv:2312.00886, §7.2; scores stand for preferences as in Bradley–Terry',
    reads: 'prompts',
    judged: true,
    opponent: { from: 'mixture' },
    defaults: { n: 1 },
    learn: ({ scores, opponentScores }) =>
      scores.map((score, place) => ({
        sequences: [place],
        values: { score: [preferred(score, opponentScores[place])] },
      })),
  },
  {
    id: 'selm',
    objective: 'selm',
    summary:
      'Self-exploring: online DPO that takes probability from what the model answers greedily as a round begins.',
    source: 'SELM, arXiv:2405.19332, algorithm 1',
    reads: 'prompts',
    judged: true,
    opponent: { from: 'model', once: 'greedy' },
    defaults: { referenceShare: 0 },
    learn: exploration,
  },
  {
    id: 'xpo',
    objective: 'selm',
    summary: 'Exploratory preference optimisation: online DPO that takes probability from what the reference answers.',
    source: 'XPO, arXiv:2405.21046, algorithm 1: its α is optimism · beta',
    reads: 'prompts',
    judged: true,
    opponent: { from: 'reference', once: 'drawn' },
    defaults: { n: 1, beta: 0.1 },
    learn: exploration,
  },
  {
    id: 'sharpening',
    objective: 'sharpening',
    summary: 'Regression of log-ratios on scores, of its own answers each against one of the reference.',
    source: 'RLHF-Sharpening, arXiv:2412.01951, §3.2 and §4.3',
    reads: 'prompts',
    judged: true,
    opponent: { from: 'reference', once: 'drawn' },
    defaults: { n: 1 },
    learn: ({ scores, opponentScores: [other] }) =>
      scores.map((score, place) => ({
        sequences: [place, { opponent: 0 }, { opponent: 0 }],
        values: { score: [score, other, other] },
      })),
  },
  {
    id: 'inpo',
    objective: 'ipo',
    summary: 'Iterative Nash policy optimisation: squared loss against a mixture of the start and the round before.',
    source: 'INPO, arXiv:2407.00617, eq. 11: τ/η is referenceShare, η is beta',
    reads: 'prompts',
    judged: true,
    duels: true,
    defaults: { n: 8, referenceShare: 1 / 3, averaged: false, beta: 0.0075 },
    learn: pair,
  },
]

/** Every way to learn from answers of one's own, by id: what `hone online`, the docs and the recipes read. */
export const onlineMethods: Readonly<Record<string, OnlineMethod>> = Object.fromEntries(
  [...overObjectives(), ...special].map((method) => [method.id, method]),
)
