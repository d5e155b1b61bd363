import { z } from 'zod'
import { openModel } from '../engine/index.ts'
import { type Draw, draws, many } from '../envs/draw.ts'
import { corrupted, drawTask, isResult, promptOf, resultOf, type Task, type Transform } from '../envs/transforms.ts'
import { drawPlace, drawTree, leadOf, leafFeatures, leafLogprobs } from '../envs/trees.ts'
import { type LogprobReward, logprobGrader, mean } from '../evaluate/index.ts'
import {
  answers,
  atLeast,
  atMost,
  type Bench,
  type Figures,
  less,
  logprobsOf,
  logSoftmax,
  proof,
  recipe,
  type Settings,
  share,
  trainTable,
  type Work,
} from '../proofs/index.ts'

const count = z.int().positive()
const rate = z.number().positive()

const keys = z.strictObject({
  learner: z
    .enum(['best', 'pairs'])
    .default('best')
    .describe('imitate the likeliest of n answers, or regress on the log-probs of pairs'),
  reward: z
    .enum(['logprob', 'mean-logprob', 'votes'] satisfies LogprobReward[])
    .default('logprob')
    .describe("of an answer: the start's log-prob, that of its mean token, or how many answers say the same"),
  n: count.default(16).describe('answers drawn to each prompt, of which the likeliest is imitated (N)'),
  beta: rate.default(0.1).describe('of pairs: the smaller, the sharper (β)'),
  optimism: z.number().nonnegative().default(0).describe('of pairs: how strongly answers of the start are left (α)'),
  rounds: count.default(1).describe('of drawing and learning; more than one explores, with pairs'),
  learningRate: rate.default(1e-5).describe('peak'),
  epochs: rate.default(1).describe('passes over the answers of a round'),
  steps: count.nullable().default(null).describe('updates of a round; overrides epochs'),
  batchSize: count.default(32).describe('answers or pairs per update'),
  maxTokens: count.default(256).describe('tokens of an answer at most'),
  temperature: rate.default(1).describe('of the draws; log-probs are those at 1 in any case'),
  adapter: z.enum(['lora']).nullable().default(null).describe('train low-rank overlays instead of the weights'),
  seed: z.int().nonnegative().default(0).describe('of everything that is drawn'),
})

type Keys = z.output<typeof keys>

/** The start judges what is drawn, in every round: it is opened beside the model that learns. */
async function program({
  online,
  model,
  data,
  settings,
}: Pick<Work<'prompts', Keys>, 'online' | 'model' | 'data' | 'settings'>) {
  const { learner, reward, n, beta, optimism, steps: stepsPerRound, ...own } = settings
  await using start = await openModel(model)
  const given = { ...own, model, data: data.prompts, grader: logprobGrader(start, reward), stepsPerRound }
  if (learner === 'best') return await online('raft', { ...given, n, threshold: null })
  return await online('sharpening', { ...given, n: 1, beta, optimism })
}

const rates = [3e-4, 1e-3, 2e-3]

/**
 * Sharpening (Huang et al. 2024, arXiv:2412.01951): a model is the judge of its own answers, by their log-prob, and learns to give
 * the likeliest at once. It imitates the best of n, or regresses its log-ratios on the log-probs of pairs, in one round or in
 * several that explore.
 *
 * In the proof the base has read results of which one in four is wrong, each in its own way. What the theory says of coverage
 * is computed on trees of answers whose probabilities are known.
 */
export default recipe({
  id: 'sharpening',
  reads: { prompts: 'prompts' },
  settings: keys,
  run: program,

  proof: proof<Size>({
    claim:
      'The more answers the likeliest is taken of, the more often it is right, and a model that imitates the likeliest of 16 is at temperature 1 at least 8 points better than its start, and at most 1 point worse than the greedy answers of the start; where the likeliest answer is too rare to be drawn, rounds of pairs find it from what answers share, and imitation does not.',
    baseline: 'own samples',
    seeds: 3,
    pilots: 1,
    goal: 'accuracy',
    shrunk:
      'a model of 0.5 M parameters that answers with five letters, and three seeds, as in the small form of the proof; trees and exploration as tables of logits.',
    objectives: ['sft', 'sharpening'],
    sizes: {
      full: {
        ...{ width: 96, layers: 4, lessons: 26_000, texts: 8000, prompts: 4000, updates: 250, items: 300, draws: 64 },
        ...{ trees: 2000, thickets: 5, rounds: 8, tableSteps: 200 },
      },
      smoke: {
        ...{ width: 32, layers: 1, lessons: 64, texts: 64, prompts: 8, updates: 2, items: 4, draws: 4 },
        ...{ trees: 20, thickets: 1, rounds: 2, tableSteps: 2 },
      },
    },
    bases: async ({ fresh }, { width, layers }) => ({
      fresh: await fresh({ width, layers, texts: ['0'], vocabSize: 257, context: 32, seed: 0 }),
    }),
    arms: {
      'own samples': arm(
        { n: 1 },
        rates.map((learningRate) => ({ learningRate })),
        ofStart,
      ),
      'sft-sharpening': arm(
        { n: 16 },
        rates.map((learningRate) => ({ learningRate })),
        imitatedTrees,
      ),
      'rlhf-sharpening': arm(
        { learner: 'pairs' },
        [
          { learningRate: 1e-4, beta: 0.3 },
          { learningRate: 3e-4, beta: 0.3 },
          { learningRate: 3e-4, beta: 1 },
        ],
        exploredTrees,
      ),
    },
    judge: ({ of }) => {
      const start = (figure: string) => of('own samples', figure)
      const sharp = (figure: string) => of('sft-sharpening', figure)
      const accuracy = sharp('accuracy')
      const steps = [
        [1, 4],
        [4, 16],
        [16, 64],
      ]
      return [
        atLeast('accuracy of the start at temperature 1', start('best1'), 0.3, { premise: true }),
        atMost('accuracy of the start at temperature 1', start('best1'), 0.6, { premise: true }),
        atLeast("correlation of the start's log-prob with being right", start('correlation'), 0.2, {
          beyond: 0,
          refutedAt: 0.05,
        }),
        ...steps.flatMap(([few, more]) => [
          atLeast(`accuracy, best of ${more} less best of ${few}`, less(start(`best${more}`), start(`best${few}`)), 0),
          atLeast(
            `log-prob, best of ${more} less best of ${few}`,
            less(start(`logprob${more}`), start(`logprob${few}`)),
            0,
          ),
        ]),
        atLeast('accuracy, tuned at temperature 1 less start, greedy', less(accuracy, start('greedy')), -0.01),
        atLeast('accuracy, tuned less start, both at temperature 1', less(accuracy, start('best1')), 0.08, {
          beyond: 0,
          refutedAt: 0,
        }),
        atMost('tree: distance of best of 16 from what its formula gives', sharp('treeOff'), 0.015),
        atLeast('tree: probability of the likeliest answer after imitation', sharp('treeMode'), 0.95),
        atMost('rare likeliest answer: its probability after imitation', sharp('rareMode'), 0.5),
        atLeast('rare likeliest answer: its probability after exploring', of('rlhf-sharpening', 'rareMode'), 0.9),
      ]
    },
  }),
})

interface Size {
  width: number
  layers: number
  /** Right results, from which the base learns how. */
  lessons: number
  /** Results of which one in four is wrong. */
  texts: number
  prompts: number
  updates: number
  items: number
  /** Answers to each item, of which the likeliest are taken. */
  draws: number
  /** Draws of best of 16 from the tree. */
  trees: number
  /** Trees whose likeliest answer is rare. */
  thickets: number
  rounds: number
  tableSteps: number
}

const kinds: readonly Transform[] = ['cpy', 'rev', 'srt', 'rot', 'swp']
const drawOne = (draw: Draw): Task => drawTask(draw, kinds, [5])
const maxTokens = 8

async function startOf({ seed, size, bases, models }: Bench<Size>): Promise<string> {
  const rows = (count: number, name: string, right: number) =>
    many(count, draws(seed, `sharpening/${name}`), (draw) => {
      const task = drawOne(draw)
      return { prompt: promptOf(task), completion: draw.chance(right) ? resultOf(task) : corrupted(draw, task) }
    })
  const once = { epochs: 1, batchSize: 64, seed }
  const lessons = { model: bases['fresh'], data: rows(size.lessons, 'lessons', 1), learningRate: 2e-3 }
  const able = await models.trained('sft', { ...lessons, ...once })
  return models.trained('sft', { model: able, data: rows(size.texts, 'texts', 0.75), learningRate: 5e-4, ...once })
}

const testOf = ({ seed, size }: Bench<Size>) => many(size.items, draws(seed, 'sharpening/test'), drawOne)

function arm(
  own: Partial<Keys>,
  trials: readonly Settings[],
  further: (bench: Bench<Size>, start: string) => Promise<Figures> | Figures,
) {
  return {
    trials,
    async run(bench: Bench<Size>, chosen: Settings): Promise<Figures> {
      const { seed, size, isPilot, online } = bench
      const start = await startOf(bench)
      const prompts = many(size.prompts, draws(seed, 'sharpening/prompts'), (draw) => ({
        prompt: promptOf(drawOne(draw)),
      }))
      const settings = keys.parse({ steps: size.updates, batchSize: 64, maxTokens, seed, ...own, ...chosen })
      const model = await program({ online, model: start, data: { prompts }, settings })
      const tasks = testOf(bench)
      const asked = tasks.map(promptOf)
      const drawn = await answers(model, asked, { maxTokens, seed })
      const greedy = await answers(start, asked, { maxTokens, temperature: 0 })
      const told = drawn.map(({ text }, i) => ({ prompt: asked[i], completion: text })).filter((row) => row.completion)
      return {
        accuracy: share(drawn.map(({ text }, i) => isResult(tasks[i], text))),
        /** To the start. */
        logprob: mean((await logprobsOf(start, told)).map(({ sum }) => sum)),
        asGreedy: share(drawn.map(({ text }, i) => text === greedy[i].text)),
        ...(isPilot ? {} : await further(bench, start)),
      }
    },
  }
}

/** Best of N of the start by its own log-probs, and whether these tell right from wrong. */
async function ofStart(bench: Bench<Size>, start: string): Promise<Figures> {
  const { seed, size } = bench
  const tasks = testOf(bench)
  const asked = tasks.map(promptOf)
  const greedy = await answers(start, asked, { maxTokens, temperature: 0 })
  const repeated = asked.flatMap((prompt) => new Array<string>(size.draws).fill(prompt))
  const drawn = (await answers(start, repeated, { maxTokens, seed })).map(({ text, logprobs }, i) => ({
    right: isResult(tasks[Math.floor(i / size.draws)], text),
    sum: logprobs.reduce((a, b) => a + b, 0),
    mean: mean([...logprobs]),
  }))
  const best = (n: number, by: 'sum' | 'mean') =>
    tasks.map((_, i) => {
      const own = drawn.slice(i * size.draws, i * size.draws + n)
      return own.reduce((best, one) => (one[by] > best[by] ? one : best))
    })
  const figures = [1, 4, 16, 64].flatMap((n) => [
    [`best${n}`, share(best(n, 'sum').map(({ right }) => right))],
    [`logprob${n}`, mean(best(n, 'sum').map(({ sum }) => sum))],
    [`normalised${n}`, share(best(n, 'mean').map(({ right }) => right))],
  ])
  return {
    ...Object.fromEntries(figures),
    greedy: share(greedy.map(({ text }, i) => isResult(tasks[i], text))),
    correlation: correlation(
      drawn.map(({ sum }) => sum),
      drawn.map(({ right }) => Number(right)),
    ),
  }
}

function correlation(xs: readonly number[], ys: readonly number[]): number {
  const [x, y] = [mean([...xs]), mean([...ys])]
  const sum = (of: (i: number) => number) => xs.reduce((total, _, i) => total + of(i), 0)
  const spread = Math.sqrt(sum((i) => (xs[i] - x) ** 2) * sum((i) => (ys[i] - y) ** 2))
  return spread === 0 ? 0 : sum((i) => (xs[i] - x) * (ys[i] - y)) / spread
}

const placeOfMost = (values: Float64Array) => values.indexOf(values.reduce((a, b) => Math.max(a, b)))
const chancesOf = (logits: Float64Array) => logSoftmax(logits, logits.length).map(Math.exp)

/** The likeliest of n draws. */
function drawBest(draw: Draw, logprobs: Float64Array, n: number): number {
  const chances = logprobs.map(Math.exp)
  const drawn = Array.from({ length: n }, () => drawPlace(draw, chances))
  return drawn.reduce((best, leaf) => (logprobs[leaf] > logprobs[best] ? leaf : best))
}

/** A table learns the likeliest of 16 where the mode has a probability of 0.2, and where it has one of 0.001. */
async function imitatedTrees({ seed, size }: Bench<Size>): Promise<Figures> {
  const tree = drawTree(draws(seed, 'sharpening/tree')(0), 4, 0.2)
  const imitate = async (start: Float64Array, leaves: readonly number[], features?: Float64Array) => {
    const counts = new Map<number, number>()
    for (const leaf of leaves) counts.set(leaf, (counts.get(leaf) ?? 0) + 1)
    const rows = [...counts].map(([leaf, count]) => ({ prompt: 0, answers: [leaf], count }))
    const table = { prompts: 1, answers: start.length, rows, start, features }
    const logits = await trainTable('sft', { ...table, steps: size.tableSteps, learningRate: 0.1 })
    return chancesOf(logits)[placeOfMost(start)]
  }
  const logprobs = leafLogprobs(tree)
  const kept = many(size.trees, draws(seed, 'sharpening/leaves'), (draw) => drawBest(draw, logprobs, 16))
  const found = share(kept.map((leaf) => leaf === placeOfMost(logprobs)))
  const features = leafFeatures(thicketBranches)
  const rare = thickets(seed, size).map(async (thicket, i) => {
    const start = leafLogprobs(thicket)
    // As many draws as exploring has.
    const draw = draws(seed, 'sharpening/rare leaves')(i)
    const leaves = Array.from({ length: (2 * size.rounds * pairsPerRound) / 16 }, () => drawBest(draw, start, 16))
    return imitate(start, leaves, features)
  })
  return {
    treeOff: Math.abs(found - (1 - 0.8 ** 16)),
    treeMode: await imitate(logprobs, kept),
    rareMode: mean(await Promise.all(rare)),
  }
}

const thicketBranches = 14
const pairsPerRound = 2

const thickets = (seed: number, size: Size) =>
  many(size.thickets, draws(seed, 'sharpening/thickets'), (draw) => drawTree(draw, thicketBranches, 0.001))

/** Rounds of pairs, one answer of the policy and one of the start each, where log-probs are linear in what answers share. */
async function exploredTrees({ seed, size }: Bench<Size>): Promise<Figures> {
  const features = leafFeatures(thicketBranches)
  const explore = async (optimism: number) => {
    const found: number[] = []
    for (const [i, thicket] of thickets(seed, size).entries()) {
      const start = leafLogprobs(thicket)
      const draw = draws(seed, 'sharpening/explored')(i)
      // β = γ / (2 log(2|Y|/δ)) at δ = 0.1.
      const beta = (leadOf(thicket) - 1) / (2 * Math.log((2 * start.length) / 0.1))
      const rows: { prompt: number; answers: number[]; count: number; scores: number[] }[] = []
      let logits = start
      for (let round = 0; round < size.rounds; round++) {
        const [policy, base] = [chancesOf(logits), chancesOf(start)]
        for (let k = 0; k < pairsPerRound; k++) {
          const [own, other] = [drawPlace(draw, policy), drawPlace(draw, base)]
          const scores = [start[own], start[other], start[other]]
          rows.push({ prompt: 0, answers: [own, other, other], count: 1, scores })
        }
        const table = { prompts: 1, answers: start.length, rows, start, features }
        const params = { beta, optimism: optimism * beta ** 2 }
        logits = await trainTable('sharpening', { ...table, params, steps: size.tableSteps, learningRate: 1 })
      }
      found.push(chancesOf(logits)[placeOfMost(start)])
    }
    return mean(found)
  }
  return { rareMode: await explore(1), rareModeWithoutOptimism: await explore(0) }
}
