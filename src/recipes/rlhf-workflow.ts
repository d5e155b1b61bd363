import { z } from 'zod'
import type { DataSource } from '../data/index.ts'
import { openModel } from '../engine/index.ts'
import { draws, many } from '../envs/draw.ts'
import { type Complaint, drawComplaint } from '../envs/remedies.ts'
import {
  drawFormless,
  drawWordyPrompt,
  drawWordyReply,
  type WordyRequest,
  wordsOf,
  wordyRequests,
  worthOfReply,
} from '../envs/wordy-remedies.ts'
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

/** The plain gradient, as in the proof of rso. */
const descent = { optimizer: 'sgd', schedule: 'constant', warmup: 0 } as const

/** Rounds of drawing, judging and DPO; each round has prompts of its own as long as there are enough. */
async function iterate(
  { online }: Pick<Verbs, 'online'>,
  model: string,
  prompts: DataSource,
  grader: Grader,
  settings: Omit<Keys, 'skipSft' | 'sftRate' | 'rewardRate'>,
  training: Partial<typeof descent> = {},
): Promise<string> {
  const { rate: learningRate, reference, promptsPerRound, ...same } = settings
  return online('dpo', {
    ...{ model, data: prompts, grader, learningRate },
    ...same,
    ...training,
    promptsPerRound: promptsPerRound ?? (await shareOfRound(prompts, settings.rounds)),
    referenceShare: reference === 'start' ? 1 : 0,
  })
}

/** Judges by a reward model as long as `use` runs. */
async function withRewardModel<T>(folder: string, use: (grader: Grader) => Promise<T>): Promise<T> {
  await using open = await openModel(folder)
  return await use(judgeGrader(rewardModelJudge([open])))
}

const sampling = { maxTokens: 12, temperature: 1 }

/** Log-odds that an answer of worth 1 is preferred to one of worth 0, and what each word adds to them. */
const [sharpness, perWord] = [3, 0.05]
/** Of the replies whose comparisons the reward model learns, those out of all form. */
const formless = 0.2

const trials = [0.1, 0.2, 0.4].flatMap((rate) => [0.3, 1].map((beta) => ({ rate, beta })))

/**
 * The workflow of online RLHF (Dong et al. 2024, arXiv:2405.07863): a model is tuned on demonstrations, a reward model on
 * pairs, and then the first learns by DPO, round after round, from the best and the worst of several answers of its own as the
 * second judges them.
 *
 * All arms of the proof get the same prompts and as many updates. The best answer to a prompt is rare among those of the start.
 * In pairs of the start alone it wins, as the next best do, against the worst; once these have grown, in later rounds, it wins
 * against them. The reward model has learnt from people who weigh what answers are worth, but take a longer one for somewhat
 * better, and has seen replies out of all form too, since one that has not takes them for good; it alone judges, and the hidden
 * worth measures. The cost of a token is twice what a word adds to their odds.
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
    seeds: 6,
    pilots: 2,
    goal: 'gold',
    shrunk:
      'a model of 0.1 M parameters, answers of one word and up to two that say nothing; a reward model on 40,000 pairs; DPO without label smoothing. A fourth design, on new draws; the three before had open replies of many words. In the first online was 0.08 standard deviations over offline (-0.004 to 0.164). In the second, with a start that had learnt of poor replies only, it was 0.37 (0.12 to 0.63), but eight answers were no better than two (-0.006, from -0.025 to 0.013). In the third it was 0.2999 (-0.124 to 0.724; eight seeds) with 0.3 asked, and all else held: gold swung by seed from 0.16 to 0.65 with what the reward model took for good. Here worths are of single words, a round has four times as many prompts as on the first look (with fewer, and as many updates, replies fell into repetition), and what follows the first word does not count. On pilots an annotator with a stronger liking for length (0.1 a word) left a lead of 0.25.',
    objectives: ['sft', 'reward', 'dpo'],
    sizes: {
      full: {
        width: 64,
        layers: 2,
        texts: 40_000,
        complaints: 30,
        pairs: 40_000,
        prompts: 960,
        updates: 480,
        requests: 960,
      },
      smoke: { width: 32, layers: 1, texts: 64, complaints: 4, pairs: 24, prompts: 6, updates: 3, requests: 4 },
    },
    bases: async ({ fresh }, size) => {
      const texts = many(size.texts, draws(0, 'workflow, fourth/texts'), (draw) => {
        const complaint = drawComplaint(draw, draw.below(size.complaints))
        return drawWordyPrompt(draw, complaint) + drawWordyReply(draw, complaint)
      })
      return { fresh: await fresh({ ...size, texts, vocabSize: 420, context: 64, seed: 0 }) }
    },
    arms: {
      online: arm({}),
      'online, previous reference': arm({ reference: 'previous' }),
      'online, best and random': arm({ pairing: 'best-random' }),
      'online, two answers': arm({ n: 2 }),
      'online, cost of tokens': arm({ tokenCost: 2 * perWord }),
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
  texts: number
  complaints: number
  /** That the reward model learns. */
  pairs: number
  /** Of all rounds together. */
  prompts: number
  /** Of all rounds together. */
  updates: number
  /** That the models answer in the end; other prompts than those of the rounds. */
  requests: number
}

/** Every seed has complaints of its own, and a start that has read of them. */
async function world({ seed, size, bases, models }: Bench<Size>) {
  const stream = draws(seed, 'workflow, fourth/complaints')
  const complaints = Array.from({ length: size.complaints }, (_, i) => drawComplaint(stream(i), i))
  const data = many(size.texts, draws(seed, 'workflow, fourth/demonstrations'), (draw) => {
    const complaint = draw.pick(complaints)
    return { prompt: drawWordyPrompt(draw, complaint), completion: drawWordyReply(draw, complaint) }
  })
  const learning = { epochs: 1, batchSize: 32, learningRate: 3e-3, seed }
  return { complaints, start: await models.trained('sft', { model: bases['fresh'], data, ...learning }) }
}

/** Replies of people who name rare remedies oftener than the start does, preferred with the odds of Bradley and Terry. */
function drawPairs({ seed, size }: Bench<Size>, complaints: readonly Complaint[]) {
  return many(size.pairs, draws(seed, 'workflow, fourth/pairs'), (draw) => {
    const complaint = draw.pick(complaints)
    const prompt = drawWordyPrompt(draw, complaint)
    const reply = () => (draw.chance(formless) ? drawFormless(draw, complaint) : drawWordyReply(draw, complaint, 0.5))
    const [a, b] = [reply(), reply()]
    const lead = worthOfReply(complaint, a) - worthOfReply(complaint, b)
    const longer = wordsOf(a).length - wordsOf(b).length
    const isFirst = draw.chance(1 / (1 + Math.exp(-sharpness * lead - perWord * longer)))
    return { prompt, chosen: isFirst ? a : b, rejected: isFirst ? b : a }
  })
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
    const goldOf = ({ row }: Answered, text: string) => worthOfReply(row as WordyRequest, text)
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

/** Answers of a model to each of these, as the grader and gold see them. */
async function answered(model: string, seed: number, requests: readonly WordyRequest[], grader: Grader) {
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
      const { seed, size, models } = bench
      const { complaints, start } = await world(bench)
      const learning = { learningRate: 5e-4, epochs: 8, batchSize: 32, seed }
      const judge = await models.trained('reward', { model: start, data: drawPairs(bench, complaints), ...learning })
      const { skipSft, sftRate, rewardRate, ...defaults } = keys.parse({ labelSmoothing: 0, ...own })
      const settings = { ...defaults, rate: Number(rate), beta: Number(beta), seed, ...sampling }
      const stepsPerRound = size.updates / settings.rounds
      const all = complaints.flatMap(wordyRequests)
      const shuffled = draws(seed, 'workflow, fourth/prompts')(0).some(all, all.length)
      const prompts = shuffled.slice(0, size.prompts)
      const others = shuffled.slice(size.prompts)
      const requests = Array.from({ length: size.requests }, (_, i) => others[i % others.length])
      return withRewardModel(judge, async (grader) => {
        const before = await answered(start, seed, requests, grader)
        const rounds: Seen[][] = []
        const watching = watched(grader, (round) => rounds.push(round))
        const model = await iterate(bench, start, prompts, watching, { ...settings, stepsPerRound }, descent)
        const after = await answered(model, seed, requests, grader)
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
