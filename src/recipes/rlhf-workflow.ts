import { z } from 'zod'
import type { DataSource } from '../data/index.ts'
import { openModel } from '../engine/index.ts'
import { type Draw, draws, many } from '../envs/draw.ts'
import { balance, poorContent } from '../envs/poor-replies.ts'
import { type Content, drawContent, drawReply, drawRequest, goldScore, type Request } from '../envs/replies.ts'
import { mean } from '../evaluate/index.ts'
import {
  answers,
  atLeast,
  atMost,
  type Bench,
  type Figures,
  less,
  over,
  proof,
  recipe,
  type Settings,
  type Verbs,
} from '../proofs/index.ts'
import { type Answered, type Grader, judgeGrader, rewardModelJudge } from '../rewards/index.ts'
import { shareOfRound } from './prompts.ts'

const count = z.int().positive()
const rate = z.number().positive()

const keys = z.strictObject({
  skipSft: z.boolean().default(false).describe('the model follows instructions already: demonstrations are not read'),
  sftRate: rate.default(2e-5).describe('peak learning rate on demonstrations'),
  rewardRate: rate.default(2e-6).describe('peak learning rate of the reward model'),
  rate: rate.default(5e-7).describe('peak learning rate on pairs of its own answers'),
  beta: rate.default(0.1).describe('of DPO'),
  labelSmoothing: z.number().min(0).lt(0.5).default(0.1).describe('of DPO'),
  rounds: count.default(3).describe('of drawing, judging and learning'),
  promptsPerRound: count
    .nullable()
    .default(null)
    .describe('prompts of a round; null: all prompts are shared out evenly'),
  epochs: rate.default(2).describe('passes over the pairs of a round'),
  stepsPerRound: count.nullable().default(null).describe('updates of a round; overrides epochs'),
  n: count.default(8).describe('answers drawn to each prompt'),
  maxTokens: count.default(1024).describe('tokens of an answer at most'),
  temperature: rate.default(1).describe('of the draws'),
  pairing: z
    .enum(['best-worst', 'best-random', 'best-second', 'random'])
    .default('best-worst')
    .describe('which answers of a prompt become a pair'),
  tokenCost: z.number().nonnegative().default(0).describe('taken off the reward for each token of an answer (λ)'),
  reference: z
    .enum(['start', 'previous'])
    .default('start')
    .describe('what DPO keeps to: the start, or the round before'),
  batchSize: count.default(32).describe('rows or pairs per update'),
  seed: z.int().nonnegative().default(0).describe('of everything that is drawn'),
})

type Keys = z.output<typeof keys>

/** Rounds of drawing, judging and DPO; each round has prompts of its own as long as there are enough. */
async function iterate(
  { online }: Pick<Verbs, 'online'>,
  model: string,
  prompts: DataSource,
  grader: Grader,
  settings: Omit<Keys, 'skipSft' | 'sftRate' | 'rewardRate'>,
): Promise<string> {
  const { rate: learningRate, reference, promptsPerRound, ...same } = settings
  return online('dpo', {
    ...{ model, data: prompts, grader, learningRate },
    ...same,
    promptsPerRound: promptsPerRound ?? (await shareOfRound(prompts, settings.rounds)),
    referenceShare: reference === 'start' ? 1 : 0,
  })
}

/** Judges by a reward model as long as `use` runs. */
async function withRewardModel<T>(folder: string, use: (grader: Grader) => Promise<T>): Promise<T> {
  await using open = await openModel(folder)
  return await use(judgeGrader(rewardModelJudge([open])))
}

const at = (rate: number, ...betas: number[]) => betas.map((beta) => ({ rate, beta }))
const trials = [...at(1e-4, 0.03, 0.1, 0.3), ...at(2e-4, 0.2, 0.5), ...at(4e-4, 0.5)]

/**
 * The workflow of online RLHF (Dong et al. 2024, arXiv:2405.07863): a model is tuned on demonstrations, a reward model on
 * pairs, and then the first learns by DPO, round after round, from the best and the worst of several answers of its own as the
 * second judges them.
 *
 * All arms of the proof get the same prompts and as many updates. The start knows which words go with which themes, but has
 * since been tuned on poor, wordy replies, so that good ones are rare among its answers. The reward model has learnt from people
 * who weigh the words for a reply against the others, though three in ten of them take the longer one for the better; it alone
 * judges, and the hidden gold score measures.
 */
export default recipe({
  id: 'rlhf-workflow',
  reads: { demonstrations: 'demonstrations', pairs: 'pairs', prompts: 'prompts' },
  settings: keys,
  async run({ train, online, model, data, settings }) {
    const { skipSft, sftRate, rewardRate, ...own } = settings
    const once = { epochs: 1, batchSize: own.batchSize, seed: own.seed }
    const sft = { stage: 'sft', model, data: data.demonstrations, learningRate: sftRate, ...once }
    const start = skipSft ? model : await train('sft', sft)
    const reward = { stage: 'reward', model: start, data: data.pairs, learningRate: rewardRate, ...once }
    return withRewardModel(await train('reward', reward), (grader) =>
      iterate({ online }, start, data.prompts, grader, own),
    )
  },

  proof: proof<Size>({
    claim:
      'With the same prompts and updates three rounds of DPO on the best and worst of eight own answers reach a gold score at least 0.3 standard deviations above that of DPO on such pairs of the start alone, and no less than with two answers a prompt; a cost of each token takes at least 15 % off the length and at most 2 % off the gold score.',
    baseline: 'offline',
    seeds: 8,
    pilots: 1,
    goal: 'gold',
    shrunk:
      'a model of 0.3 M parameters; a reward model on 12,000 pairs, three in ten of them by length; DPO without label smoothing. A third design, on new draws. In the first, with a start of middling quality and a tenth of the pairs the wrong way round, online was 0.08 standard deviations over offline (from -0.004 to 0.164; not shown). In the second, with a start that had learnt of poor replies only and four in ten pairs by length, it was 0.37 (from 0.12 to 0.63), but eight answers were no better than two (-0.006, from -0.025 to 0.013): neither start nor reward model knew which words go with which themes, so that extremes were mostly of length. Here both know it. How much the reward model errs was chosen on pilot seeds: with 15 % of the pairs by length offline led (0.69 to 0.64), with 30 % online did on four of four by 0.1 to 0.8 standard deviations, with 40 % they were level. The cost of a token is half of what it was: at 0.2 replies shrank to two words on one of the pilot seeds.',
    objectives: ['sft', 'reward', 'dpo'],
    sizes: {
      full: { width: 96, layers: 3, texts: 50_000, pairs: 12_000, prompts: 1800, updates: 450, requests: 400 },
      smoke: { width: 32, layers: 1, texts: 64, pairs: 24, prompts: 6, updates: 3, requests: 4 },
    },
    bases: async ({ fresh, trained }, size) => {
      const told = (count: number, stream: string, content: (draw: Draw) => Content) =>
        many(count, draws(0, `workflow, third/${stream}`), (draw) => {
          const request = drawRequest(draw)
          return { prompt: request.prompt, completion: drawReply(draw, request, content(draw)) }
        })
      const fair = told(size.texts, 'fair demonstrations', drawContent)
      const poor = told(Math.ceil(size.texts / 10), 'poor demonstrations', poorContent)
      const texts = [...fair, ...poor].map(({ prompt, completion }) => prompt + completion)
      const model = await fresh({ ...size, texts, vocabSize: 512, context: 64, seed: 0 })
      const once = { epochs: 1, batchSize: 32 }
      const knowing = await trained('sft', { model, data: fair, ...once, learningRate: 3e-3 })
      return { start: await trained('sft', { model: knowing, data: poor, ...once, learningRate: 1e-3 }) }
    },
    arms: {
      online: arm({}),
      'online, previous reference': arm({ reference: 'previous' }),
      'online, best and random': arm({ pairing: 'best-random' }),
      'online, two answers': arm({ n: 2 }),
      'online, cost of tokens': arm({ tokenCost: 0.15 }),
      offline: arm({ rounds: 1 }),
    },
    judge: ({ of }) => {
      const gold = (name: string) => of(name, 'gold')
      const lead = over(less(gold('online'), gold('offline')), floored(of('online', 'startSpread')))
      return [
        atLeast('gold score in standard deviations of the start, online less offline', lead, 0.3, {
          beyond: 0,
          refutedAt: 0,
        }),
        atLeast(
          'gold score, best and worst of eight less two answers',
          less(gold('online'), gold('online, two answers')),
          0,
        ),
        atMost(
          'length with a cost of tokens over that without',
          over(of('online, cost of tokens', 'length'), of('online', 'length')),
          0.85,
        ),
        atLeast(
          'gold score with a cost of tokens over that without',
          over(gold('online, cost of tokens'), floored(gold('online'))),
          0.98,
        ),
      ]
    },
  }),
})

/** Nothing that is measured comes near it but for a model that has learnt nothing, which would leave no ratio. */
const floored = (values: readonly number[]) => values.map((value) => Math.max(value, 0.01))

interface Size {
  width: number
  layers: number
  /** Replies of middling quality that the start has learnt the themes from; it is tuned on a tenth as many poor ones. */
  texts: number
  /** That the reward model learns. */
  pairs: number
  /** Of all rounds together. */
  prompts: number
  /** Of all rounds together. */
  updates: number
  requests: number
}

const sampling = { maxTokens: 24, temperature: 1 }
/** The share of the pairs whose annotator takes the longer reply for the better one. */
const hasty = 0.3

type Given = Request & { chosen: string; rejected: string }

/** Every arm needs the same pairs, and drawing them takes longer than learning from them: one seed's are kept. */
let drawn: { key: string; pairs: Promise<Given[]> } | null = null

function pairsOf(bench: Bench<Size>): Promise<Given[]> {
  const key = JSON.stringify([bench.seed, bench.size, bench.bases])
  if (drawn?.key !== key) drawn = { key, pairs: drawPairs(bench) }
  return drawn.pairs
}

/** Pairs of answers of the start, which some annotators judge by length and the others by the words for and against. */
async function drawPairs({ seed, size, bases }: Bench<Size>): Promise<Given[]> {
  const pairs: Given[] = []
  for (let turn = 0; pairs.length < size.pairs; turn++) {
    const stream = draws(seed, `workflow, third/pairs/${turn}`)
    const requests = many(size.pairs, stream, (draw) => drawRequest(draw))
    const twice = requests.flatMap(({ prompt }) => [prompt, prompt])
    const drawn = await answers(bases['start'], twice, { ...sampling, seed: seed + 1e6 * turn })
    const annotator = draws(seed, `workflow, third/annotators/${turn}`)
    for (const [i, request] of requests.entries()) {
      const [a, b] = [drawn[2 * i].text, drawn[2 * i + 1].text]
      const gap = balance(request, a) - balance(request, b)
      const longer = a.length - b.length
      const isFirst = longer !== 0 && annotator(i).chance(hasty) ? longer > 0 : gap > 0
      if (gap !== 0) pairs.push({ ...request, chosen: isFirst ? a : b, rejected: isFirst ? b : a })
    }
  }
  return pairs.slice(0, size.pairs)
}

/** An answer's reward by the model, and its gold score. */
interface Seen {
  reward: number
  gold: number
}

/** The same grader; what it says of each answer, and what gold does, is told round by round. */
const watched = (grader: Grader, tell: (round: Seen[]) => void): Grader => ({
  id: grader.id,
  async grade(asked, options) {
    const scores = await grader.grade(asked, options)
    const goldOf = ({ row }: Answered, text: string) => goldScore(row as Request, text)
    tell(
      asked.flatMap((one, i) => one.answers.map(({ text }, k) => ({ reward: scores[i][k], gold: goldOf(one, text) }))),
    )
    return scores
  },
})

const spread = (values: readonly number[]) => {
  const middle = mean(values)
  return Math.sqrt(mean(values.map((value) => (value - middle) ** 2)))
}

/** By how much more the reward has risen than the gold score has, each in its standard deviations at the start. */
function gap(now: readonly Seen[], start: readonly Seen[]): number {
  const rise = (of: (seen: Seen) => number) => (mean(now.map(of)) - mean(start.map(of))) / (spread(start.map(of)) || 1)
  return rise(({ reward }) => reward) - rise(({ gold }) => gold)
}

/** Answers of a model to new requests, one each. */
async function answered(model: string, { seed, size }: Bench<Size>, grader: Grader) {
  const requests = many(size.requests, draws(seed, 'workflow, third/requests'), (draw) => drawRequest(draw))
  const prompts = requests.map(({ prompt }) => prompt)
  const drawn = await answers(model, prompts, { ...sampling, seed })
  let seen: Seen[] = []
  const asked = drawn.map((answer, i) => ({ prompt: prompts[i], row: requests[i], answers: [answer] }))
  await watched(grader, (round) => (seen = round)).grade(asked)
  return { seen, gold: seen.map(({ gold }) => gold), length: mean(drawn.map(({ tokens }) => tokens.length)) }
}

function arm(own: Partial<Keys>) {
  return {
    trials,
    async run(bench: Bench<Size>, { rate, beta }: Settings): Promise<Figures> {
      const { seed, size, bases, models } = bench
      const start = bases['start']
      const pairs = await pairsOf(bench)
      const learning = { learningRate: 1e-3, epochs: 4, batchSize: 16, seed }
      const judge = await models.trained('reward', { model: start, data: pairs, ...learning })
      const { skipSft, sftRate, rewardRate, ...defaults } = keys.parse({ labelSmoothing: 0, ...own })
      const settings = { ...defaults, rate: Number(rate), beta: Number(beta), seed, ...sampling }
      const stepsPerRound = size.updates / settings.rounds
      const prompts = many(size.prompts, draws(seed, 'workflow, third/prompts'), (draw) => drawRequest(draw))
      return withRewardModel(judge, async (grader) => {
        const before = await answered(start, bench, grader)
        const rounds: Seen[][] = []
        const watching = watched(grader, (round) => rounds.push(round))
        const model = await iterate(bench, start, prompts, watching, { ...settings, stepsPerRound })
        const after = await answered(model, bench, grader)
        return {
          gold: mean(after.gold),
          length: after.length,
          gap: gap(after.seen, before.seen),
          ...Object.fromEntries(rounds.slice(1).map((round, i) => [`gapRound${i + 2}`, gap(round, rounds[0])])),
          startGold: mean(before.gold),
          startSpread: spread(before.gold),
          startLength: before.length,
        }
      })
    },
  }
}
