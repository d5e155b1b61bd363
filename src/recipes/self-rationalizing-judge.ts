import { z } from 'zod'
import { HoneError, random } from '../base/index.ts'
import type { DataSource } from '../data/index.ts'
import { openSource } from '../data/sources.ts'
import { type Draw, draws, many } from '../envs/draw.ts'
import {
  drawJudged,
  type Judged,
  judgePrompt,
  judgmentOf,
  rightEvidence,
  scoreMark,
  writeJudgment,
} from '../envs/judging.ts'
import { mean } from '../evaluate/index.ts'
import {
  answers,
  atLeast,
  type Bench,
  type Figures,
  less,
  proof,
  recipe,
  type Settings,
  share,
  type Verbs,
} from '../proofs/index.ts'
import type { Grader } from '../rewards/index.ts'
import { shareOfRound } from './prompts.ts'

const count = z.int().positive()
const rate = z.number().positive()

const keys = z.strictObject({
  skipSft: z.boolean().default(false).describe('the model judges already: demonstrations are not read'),
  sftRate: rate.default(1e-5).describe('peak learning rate on demonstrations'),
  rate: rate.default(5e-7).describe('peak learning rate on pairs of its own judgments'),
  beta: rate.default(0.1).describe('of DPO'),
  rounds: count.default(2).describe('of judging and learning'),
  n: count.default(10).describe('judgments drawn of each item'),
  temperature: rate.default(1).describe('of the draws'),
  margin: rate.default(2).describe('a rejected judgment misses the score by so much at least (m)'),
  target: z.enum(['gold', 'majority']).default('gold').describe("the score to hit: the item's, or the commonest drawn"),
  result: z.string().min(1).default('[RESULT]').describe('text before the score that ends a judgment'),
  maxTokens: count.default(1024).describe('tokens of a judgment at most'),
  promptsPerRound: count.nullable().default(null).describe('items of a round; null: all are shared out evenly'),
  stepsPerRound: count.nullable().default(null).describe('updates of a round; overrides epochs'),
  epochs: rate.default(1).describe('passes over each part'),
  batchSize: count.default(32).describe('rows or pairs per update'),
  seed: z.int().nonnegative().default(0).describe('of everything that is drawn'),
})

type Keys = z.output<typeof keys>

/** The number after the last mark, where nothing but it stands there; a score named within the rationale is none. */
export function scoreOf(judgment: string, mark: string): number | null {
  const at = judgment.lastIndexOf(mark)
  const told = judgment.slice(at + mark.length).trim()
  return at >= 0 && /^-?\d+(\.\d+)?$/.test(told) ? Number(told) : null
}

/** Places of the judgments that hit the target, and of those that miss it by the margin. Without a score they are neither. */
export function pools(scores: readonly (number | null)[], target: number, margin: number) {
  const places = (fits: (score: number) => boolean) =>
    [...scores.keys()].filter((place) => scores[place] !== null && fits(scores[place] as number))
  return {
    chosen: places((score) => score === target),
    rejected: places((score) => Math.abs(score - target) >= margin),
  }
}

/** The commonest score, of equally common ones the first; null where there is none. */
export function majority(scores: readonly (number | null)[]): number | null {
  const told = scores.filter((score) => score !== null)
  const often = (score: number) => told.filter((one) => one === score).length
  return told.reduce<number | null>(
    (best, score) => (best !== null && often(best) >= often(score) ? best : score),
    null,
  )
}

/** What became pairs. */
interface Curated {
  chosen: string
  rejected: string
}

/**
 * One judgment that hits and one that misses get 1 and -1, all others 0, so that the best and the worst are the pair; where either
 * is missing all get 0, which gives none.
 */
function curator({ margin, target, result, seed }: Keys, tell?: (pairs: Curated[]) => void): Grader {
  const source = random(seed, 'self-rationalizing/pairs')
  return {
    id: `${target} score, margin ${margin}`,
    async grade(asked) {
      const pairs: Curated[] = []
      const grades = asked.map(({ row, answers }, i) => {
        const scores = answers.map(({ text, finish }) => (finish === 'length' ? null : scoreOf(text, result)))
        const wanted = target === 'gold' ? (row as { score: number }).score : majority(scores)
        const { chosen, rejected } = pools(scores, wanted ?? Number.NaN, margin)
        const none = answers.map(() => 0)
        if (chosen.length === 0 || rejected.length === 0) return none
        const [hit, miss] = [chosen, rejected].map((pool, side) => pool[source.below(pool.length, i, side)])
        pairs.push({ chosen: answers[hit].text, rejected: answers[miss].text })
        return none.map((_, place) => Number(place === hit) - Number(place === miss))
      })
      tell?.(pairs)
      return grades
    },
  }
}

/** Rounds of judging and DPO whose reference is the model as each of them begins. */
async function improve(
  { online }: Pick<Verbs, 'online'>,
  given: { model: string; data: DataSource; grader: Grader },
  { rate: learningRate, promptsPerRound, ...settings }: Keys,
): Promise<string> {
  const { skipSft, sftRate, margin, target, result, ...shared } = settings
  return online('dpo', {
    ...{ ...given, ...shared, learningRate, pairing: 'best-worst', referenceShare: 0 },
    promptsPerRound: promptsPerRound ?? (await shareOfRound(given.data, settings.rounds)),
  })
}

/** @throws HoneError E_ROW_FORMAT for an item without a number as its `score` */
async function requireScores(items: DataSource): Promise<void> {
  const { rows } = await openSource(items, { split: 'train' })
  try {
    const all = await rows.readMany(Array.from({ length: rows.length }, (_, i) => i))
    for (const { value, file, line } of all) {
      if (Number.isFinite((value as { score?: unknown }).score)) continue
      const message = `${file}:${line} has no number as its score, expected the gold score of the item`
      throw new HoneError('E_ROW_FORMAT', message, {
        help: "Give each item a `score`, or take `target=majority`: the commonest of the model's own scores.",
      })
    }
  } finally {
    await rows.close()
  }
}

/**
 * Self-rationalization (Trivedi et al. 2024, arXiv:2410.05495): a judge that writes a rationale and then a score learns by DPO from
 * its own judgments, of which those that hit the gold score are preferred to those that miss it by a margin; then again from those of
 * the judge that it has become. Merging a pointwise with a pairwise judge beforehand is not part of it here.
 *
 * In the proof a quarter of the demonstrated rationales misjudge the same digits, so that the tuned judge does too, and each of
 * their lines slips now and then, so that its draws do. The scores of its items are those of people, half of which are off by one:
 * a judgment that misses them by one may well be right, one that misses them by two is not. The scores of the test are exact.
 */
export default recipe({
  id: 'self-rationalizing-judge',
  reads: { demonstrations: 'demonstrations', items: 'prompts' },
  settings: keys,
  example: { columns: { items: { score: 4 } } },
  async run({ train, online, model, data, settings }) {
    if (settings.target === 'gold') await requireScores(data.items)
    const { skipSft, sftRate: learningRate, epochs, batchSize, seed } = settings
    const sft = { stage: 'sft', model, data: data.demonstrations, learningRate, epochs, batchSize, seed }
    const start = skipSft ? model : await train('sft', sft)
    return improve({ online }, { model: start, data: data.items, grader: curator(settings) }, settings)
  },

  proof: proof<Size>({
    claim:
      'Two rounds of DPO on pairs of its own judgments raise the exact scores of a judge by at least 5 points over further SFT and to no less than the majority of 8 of its judgments, and its right lines of evidence by at least 5 points; a margin of 2 does no worse than one of 1.',
    baseline: 'sft',
    seeds: 5,
    pilots: 2,
    goal: 'exact',
    shrunk:
      'a model of 0.3 M parameters, responses of 4 digits, pointwise judgments alone; SFT goes on with as many updates. A second design, on new draws: in the first, where a fifth of the scores that the pairs are made by were off by one and lines of evidence did not slip, a margin of 2 less one of 1 came to -0.013 (-0.073 to 0.046; 3 seeds). Now half of the scores are off by one, 8 of 100 demonstrated lines slip, for every arm alike, and a round has 2000 prompts in place of 1000.',
    objectives: ['sft', 'dpo'],
    sizes: {
      full: { width: 96, layers: 3, demonstrations: 2000, epochs: 10, prompts: 2000, n: 8, updates: 40, items: 1500 },
      smoke: { width: 32, layers: 1, demonstrations: 16, epochs: 1, prompts: 4, n: 2, updates: 1, items: 4 },
    },
    bases: async ({ fresh }, size) => ({
      fresh: await fresh({ ...size, texts: ['0'], vocabSize: 257, context: 32, seed: 0 }),
    }),
    arms: {
      sft: arm(rates([1e-5, 3e-5, 1e-4]), async ({ bench, start, rows, rate: learningRate }) => {
        const { seed, size } = bench
        return bench.train('sft', {
          ...{ model: start, data: rows, steps: 2 * size.updates, batchSize: 64, learningRate, seed },
        })
      }),
      'chosen only': arm(rates([1e-4, 3e-4, 1e-3]), async ({ bench, start, items, settings, rate: learningRate }) => {
        const { rounds, n, temperature, maxTokens, promptsPerRound, stepsPerRound, batchSize, seed } = settings
        return bench.online('raft', {
          ...{ model: start, data: items, grader: curator(settings), threshold: 1, learningRate, seed },
          ...{ rounds, n, temperature, maxTokens, promptsPerRound, stepsPerRound, batchSize },
        })
      }),
      'margin 2': arm(pairs(), (run) => rationalize(run, {})),
      'margin 1': arm(pairs(), (run) => rationalize(run, { margin: 1 })),
      'score only': arm(pairs(), (run) => rationalize(run, {}), false),
    },
    judge: ({ of }) => {
      const exact = of('margin 2', 'exact')
      const lead = less(exact, of('score only', 'exact'))
      // Refuted where the rationale neither helps the score nor becomes better.
      const isIdle = mean(lead) <= 0
      return [
        atLeast('exact scores, two rounds less SFT', less(exact, of('sft', 'exact')), 0.05, { beyond: 0 }),
        atLeast('exact scores, two rounds less the majority of 8 by SFT', less(exact, of('sft', 'majority')), 0),
        atLeast(
          'right lines of evidence, two rounds less SFT',
          less(of('margin 2', 'evidence'), of('sft', 'evidence')),
          0.05,
          isIdle ? { refutedAt: 0 } : {},
        ),
        atLeast('exact scores, margin 2 less margin 1', less(exact, of('margin 1', 'exact')), 0),
      ]
    },
  }),
})

interface Size {
  width: number
  layers: number
  demonstrations: number
  epochs: number
  /** Of a round. */
  prompts: number
  n: number
  /** Of a round. */
  updates: number
  /** That are judged in the test. */
  items: number
}

function rates(all: readonly number[]): Settings[] {
  return all.map((rate) => ({ rate }))
}

function pairs(): Settings[] {
  return rates([2e-4, 4e-4, 8e-4]).map((settings) => ({ ...settings, beta: 1 }))
}

const carelessShare = 0.75
const slipShare = 0.08
const offShare = 0.5

/** Judgments with rationale and without; three in four of those on hard digits misjudge them, and any line may slip. */
function demonstrate(draw: Draw) {
  const judged = drawJudged(draw)
  const isCareless = draw.chance(carelessShare)
  const told = judgmentOf(judged, { isCareless, isSlip: () => draw.chance(slipShare) })
  return [true, false].map((isReasoned) => ({
    prompt: judgePrompt(judged, isReasoned),
    completion: writeJudgment(told, isReasoned),
  }))
}

interface Run {
  bench: Bench<Size>
  start: string
  rows: { prompt: string; completion: string }[]
  items: { prompt: string; score: number }[]
  settings: Keys
  rate: number
  watch(pairs: Curated[]): void
}

function rationalize({ bench, start, items, settings, watch }: Run, more: Partial<Keys>): Promise<string> {
  const own = { ...settings, ...more }
  return improve(bench, { model: start, data: items, grader: curator(own, watch) }, own)
}

function arm(trials: readonly Settings[], learn: (run: Run) => Promise<string>, isReasoned = true) {
  return {
    trials,
    async run(bench: Bench<Size>, { rate, beta }: Settings): Promise<Figures> {
      const { seed, size, bases, models } = bench
      const rows = many(size.demonstrations, draws(seed, 'judge/demonstrations, second'), demonstrate).flat()
      const tuning = { epochs: size.epochs, batchSize: 32, learningRate: 2e-3, schedule: 'linear', seed } as const
      const start = await models.trained('sft', { model: bases['fresh'], data: rows, ...tuning })
      const items = many(2 * size.prompts, draws(seed, 'judge/items, second'), (draw) => {
        const judged = drawJudged(draw)
        const off = draw.chance(offShare) ? draw.pick([-1, 1]) : 0
        const score = Math.min(5, Math.max(1, judgmentOf(judged).score + off))
        return { prompt: judgePrompt(judged, isReasoned), score }
      })
      const settings = keys.parse({
        ...{ rate, ...(beta !== undefined && { beta }), n: size.n, result: scoreMark, maxTokens: 12 },
        ...{ promptsPerRound: size.prompts, stepsPerRound: size.updates, batchSize: 32, seed },
      })
      const { asked, gold } = tested(bench)
      const curated: Curated[] = []
      const watch = (pairs: Curated[]) => void curated.push(...pairs)
      const model = await learn({ bench, start, rows, items, settings, rate: Number(rate), watch })
      return {
        ...(await measured(model, bench, isReasoned)),
        before: exactly(await greedy(start, asked, isReasoned), gold),
        pairs: curated.length,
        ...about(curated),
      }
    },
  }
}

/** Pairs whose rationales are the same, and by how much the chosen are longer, in characters. */
function about(pairs: readonly Curated[]) {
  const rationale = (text: string) => text.split(scoreMark)[0]
  if (pairs.length === 0) return { sameRationale: 0, longer: 0 }
  return {
    sameRationale: share(pairs.map(({ chosen, rejected }) => rationale(chosen) === rationale(rejected))),
    longer: mean(pairs.map(({ chosen, rejected }) => chosen.length - rejected.length)),
  }
}

/** Of new items: exact scores of the likeliest judgment and of the commonest of eight, and right lines of evidence. */
async function measured(model: string, bench: Bench<Size>, isReasoned: boolean) {
  const { seed, isPilot } = bench
  const { asked, gold } = tested(bench)
  const likeliest = await greedy(model, asked, isReasoned)
  const reasoned = isReasoned ? likeliest : await greedy(model, asked, true)
  const figures = {
    exact: exactly(likeliest, gold),
    evidence: mean(reasoned.map((text, i) => rightEvidence(asked[i], text))),
  }
  if (isPilot) return figures
  const prompts = asked.flatMap((judged) => Array.from({ length: 8 }, () => judgePrompt(judged, isReasoned)))
  const drawn = await answers(model, prompts, { temperature: 1, maxTokens: 12, seed })
  const scores = drawn.map(({ text }) => scoreOf(text, scoreMark))
  return {
    ...figures,
    majority: share(gold.map((score, i) => majority(scores.slice(8 * i, 8 * i + 8)) === score)),
    drawn: share(scores.map((score, i) => score === gold[i >> 3])),
  }
}

function tested({ seed, size }: Bench<Size>) {
  const asked: Judged[] = many(size.items, draws(seed, 'judge/test, second'), (draw) => drawJudged(draw))
  return { asked, gold: asked.map((judged) => judgmentOf(judged).score) }
}

async function greedy(model: string, asked: readonly Judged[], isReasoned: boolean): Promise<string[]> {
  const prompts = asked.map((judged) => judgePrompt(judged, isReasoned))
  return (await answers(model, prompts, { temperature: 0, maxTokens: 12 })).map(({ text }) => text)
}

const exactly = (judgments: readonly string[], gold: readonly number[]) =>
  share(judgments.map((text, i) => scoreOf(text, scoreMark) === gold[i]))
