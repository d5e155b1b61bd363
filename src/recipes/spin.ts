import { z } from 'zod'
import { type Draw, draws, many } from '../envs/draw.ts'
import { drawString, isGrammatical, promptOf, stringClasses, stringsOf } from '../envs/grammar.ts'
import { mean } from '../evaluate/index.ts'
import {
  answers,
  atLeast,
  atMost,
  type Bench,
  firstGradient,
  less,
  logprobsOf,
  proof,
  recipe,
  type Work,
} from '../proofs/index.ts'

/**
 * Self-play fine-tuning (Chen et al. 2024, arXiv:2401.01335): a model tuned on demonstrations learns to tell them from the
 * answers of its own last version, which is also the reference and the start of each iteration. Where it answers as the
 * demonstrations do there is nothing left to tell.
 *
 * The proof is a small grammar whose strings can be listed. A model that has learnt what supervised tuning on 500 strings
 * can teach it still writes brackets that do not match; its own strings show it which.
 */
const keys = z.strictObject({
  iterations: z.int().positive().default(4).describe('of answering and learning'),
  beta: z.number().positive().default(0.1).describe('strength of the constraint (λ)'),
  lastBeta: z.number().positive().default(5).describe('the same in the last iteration, when there are several'),
  learningRate: z.number().positive().default(5e-7).describe('peak of the first two iterations'),
  lateLearningRate: z.number().positive().default(1e-7).describe('peak of the later ones'),
  carry: z.int().nonnegative().default(1).describe('earlier iterations whose pairs are learnt again'),
  epochs: z.number().positive().default(3).describe('passes over the pairs of an iteration'),
  stepsPerRound: z.int().positive().nullable().default(null).describe('updates of an iteration; overrides epochs'),
  promptsPerRound: z.int().positive().nullable().default(null).describe('prompts of an iteration; null: all'),
  batchSize: z.int().positive().default(64).describe('pairs per update'),
  maxTokens: z.int().positive().default(256).describe('tokens of an answer at most'),
  warmup: z.number().nonnegative().default(0.1).describe('updates, or below 1 a share of an iteration'),
  seed: z.int().nonnegative().default(0).describe('of everything that is drawn'),
})

type Keys = z.output<typeof keys>

/** AdamW without a running mean of gradients, save for its correction of the first updates. */
const rmsprop = { beta1: 0, beta2: 0.99 } as const

const stageOf = (iteration: number) => `iteration-${iteration}`

async function program({ online, model, data, settings }: Work<'demonstrations', Keys>): Promise<string> {
  const { iterations, lastBeta, lateLearningRate, beta, learningRate, epochs, carry, ...shared } = settings
  let current = model
  for (let t = 0; t < iterations; t++) {
    const isLast = t === iterations - 1
    current = await online('spin', {
      ...{ ...rmsprop, ...shared, model: current, data: data.demonstrations, rounds: 1, carry },
      ...{ after: t === 0 ? null : current, stage: isLast ? undefined : stageOf(t) },
      // Rows that are carried on are more to pass over.
      epochs: epochs * (1 + Math.min(t, carry)),
      beta: isLast && t > 0 ? lastBeta : beta,
      learningRate: t < 2 ? learningRate : lateLearningRate,
    })
  }
  return current
}

const grid = [1e-5, 3e-5].flatMap((learningRate) => [0.1, 1].map((beta) => ({ learningRate, beta })))
const rates = [3e-5, 1e-4, 3e-4, 1e-3].map((learningRate) => ({ learningRate }))

export default recipe({
  id: 'spin',
  reads: { demonstrations: 'demonstrations' },
  settings: keys,
  run: program,

  proof: proof<Size>({
    claim:
      'One iteration of SPIN makes a tuned model write fewer ungrammatical strings than before, and fewer than further supervised tuning with as many updates and tokens does, in at least 4 of 5 seeds; further iterations gain less, and where the model already is the data the gradient is that of the draws alone.',
    baseline: 'sft',
    seeds: 5,
    pilots: 1,
    goal: 'grammatical',
    shrunk:
      'a model of 0.3 M parameters, 500 strings, 3 iterations of one learning rate and λ; the error is exact, not that of samples.',
    objectives: ['dpo', 'sft'],
    sizes: {
      full: { width: 96, layers: 3, strings: 500, tuning: 200, updates: 48, batchSize: 32, draws: 2000 },
      smoke: { width: 32, layers: 1, strings: 16, tuning: 2, updates: 1, batchSize: 8, draws: 50 },
    },
    bases: async ({ fresh }, size) => ({
      fresh: await fresh({ ...size, texts: ['0'], vocabSize: 257, context: 16, seed: 0 }),
    }),
    arms: {
      sft: {
        trials: rates,
        async run(bench, { learningRate }) {
          const { seed, size, train } = bench
          const { start, rows } = await tuned(bench)
          // A pair has two answers: as many tokens here.
          const batch = { steps: size.updates, batchSize: 2 * size.batchSize, warmup: 0.1, seed }
          const model = await train('sft', { model: start, data: rows, ...batch, learningRate: Number(learningRate) })
          const { error, kl } = await distance(model, bench)
          return { grammatical: 1 - error, kl }
        },
      },
      spin: {
        trials: grid,
        async run(bench, { learningRate, beta }) {
          const { seed, size, isPilot } = bench
          const { start, rows } = await tuned(bench)
          const models: string[] = [start]
          const online: typeof bench.online = async (method, options) => {
            models.push(await bench.online(method, options))
            return models[models.length - 1]
          }
          const told = { beta: Number(beta), learningRate: Number(learningRate), stepsPerRound: size.updates }
          const same = { lastBeta: told.beta, lateLearningRate: told.learningRate }
          const settings = {
            ...{ ...keys.parse({}), ...told, ...same, seed, batchSize: size.batchSize, maxTokens: 12 },
            iterations: isPilot ? 1 : 3,
          }
          await program({ ...bench, online, model: start, data: { demonstrations: rows }, settings })
          const all: Distance[] = []
          for (const model of models) all.push(await distance(model, bench))
          const [before, first] = all
          const figures = {
            ...{ grammatical: 1 - first.error, kl: first.kl, before: 1 - before.error, klBefore: before.kl },
          }
          if (isPilot) return figures
          const gain = (t: number) => all[t - 1].error - all[t].error
          return {
            ...figures,
            ...{ gain1: gain(1), gain2: gain(2), gain3: gain(3), kl2: all[2].kl, kl3: all[3].kl },
            drawn: await drawnGrammatical(models[1], bench),
            fixedPoint: await surplusGradient(bench, false),
            elsewhere: await surplusGradient(bench, true),
          }
        },
      },
    },
    judge: ({ of }) => {
      const better = (a: readonly number[], b: readonly number[]) => less(a, b).map((x) => Number(x > 0))
      const first = of('spin', 'grammatical')
      return [
        atLeast('seeds in which iteration 1 errs less than the start', better(first, of('spin', 'before')), 0.8, {
          refutedAt: 0,
        }),
        atLeast('seeds in which iteration 1 errs less than SFT', better(first, of('sft', 'grammatical')), 0.8),
        atLeast('gain of iteration 1 less that of iteration 2', less(of('spin', 'gain1'), of('spin', 'gain2')), 0),
        atLeast('gain of iteration 2 less that of iteration 3', less(of('spin', 'gain2'), of('spin', 'gain3')), 0),
        atMost('squared gradient over that of the draws alone, model = data', of('spin', 'fixedPoint'), 1.5, {
          refutedAt: 2,
        }),
        atLeast('the same for a model that is not the data', of('spin', 'elsewhere'), 3, { premise: true }),
      ]
    },
  }),
})

interface Size {
  width: number
  layers: number
  strings: number
  /** Updates of the supervised tuning: on pilot seeds the likelihood of new strings gains no more after them. */
  tuning: number
  updates: number
  batchSize: number
  /** Pairs whose gradient is taken at the fixed point. */
  draws: number
}

interface Row {
  prompt: string
  completion: string
}

/** The demonstrations of a seed, and the model that is tuned on them. */
async function tuned({ models, bases, seed, size }: Bench<Size>): Promise<{ start: string; rows: Row[] }> {
  const rows = many(size.strings, draws(seed, 'spin/strings'), (draw) => {
    const of = draw.pick(stringClasses)
    return { prompt: promptOf(of), completion: drawString(draw, of) }
  })
  const how = { steps: size.tuning, batchSize: 32, learningRate: 2e-3, schedule: 'linear', warmup: 10, seed } as const
  return { start: await models.trained('sft', { model: bases['fresh'], data: rows, ...how }), rows }
}

interface Distance {
  /** KL(data ‖ model) in nats a string. */
  kl: number
  /** The probability that a string of the model is none of the grammar. */
  error: number
}

/** Exact, over every string of every class. */
async function distance(model: string, { size }: Bench<Size>): Promise<Distance> {
  const own = stringClasses.map((of) => {
    const all = stringsOf(of)
    return { of, all: size.width < 96 ? all.slice(0, 20) : all }
  })
  const rows = own.flatMap(({ of, all }) => all.map(({ text }) => ({ prompt: promptOf(of), completion: text })))
  const told = await logprobsOf(model, rows)
  let [at, kl, mass] = [0, 0, 0]
  for (const { all } of own) {
    for (const { probability } of all) {
      const { sum } = told[at++]
      kl += probability * (Math.log(probability) - sum)
      mass += Math.exp(sum)
    }
  }
  return { kl: kl / own.length, error: 1 - mass / own.length }
}

/** The share of drawn strings that are of the grammar: what the exact figure foretells. */
async function drawnGrammatical(model: string, { seed, size }: Bench<Size>): Promise<number> {
  const prompts = stringClasses.flatMap((of) => Array.from({ length: size.batchSize }, () => promptOf(of)))
  const drawn = await answers(model, prompts, { maxTokens: 12, seed, round: 99 })
  return mean(drawn.map(({ text, finish }) => Number(finish !== 'length' && isGrammatical(text))))
}

/**
 * The squared gradient of SPIN's first update over what chance alone makes of it, for a table that is the data itself, or
 * half the data of another class. At the fixed point a pair's gradient is −λ/2 (e_y − e_y′) with y and y′ alike in
 * distribution: the mean over M pairs has the expected square λ² (1 − Σ p²) / 2M.
 */
async function surplusGradient({ seed, size }: Bench<Size>, isElsewhere: boolean): Promise<number> {
  const lists = stringClasses.map(stringsOf)
  const place = new Map(lists[0].map(({ text }, i) => [text, i]))
  const next = (c: number) => (isElsewhere ? (c + 1) % lists.length : c)
  const start = lists.flatMap((list, c) =>
    list.map(({ probability }, i) => Math.log((probability + lists[next(c)][i].probability) / 2)),
  )
  const drawn = (draw: Draw, c: number) => place.get(drawString(draw, stringClasses[c])) as number
  const pairs = many(size.draws, draws(seed, 'spin/fixed point'), (draw) => {
    const prompt = draw.below(lists.length)
    const worse = drawn(draw, draw.chance(0.5) ? prompt : next(prompt))
    return { prompt, better: drawn(draw, prompt), worse, count: 1 }
  })
  const [params, width] = [{ beta: 1 }, lists[0].length]
  const table = { prompts: lists.length, answers: width, pairs, params, start: Float64Array.from(start) }
  const gradient = await firstGradient('dpo', table)
  const chance = (one: number) =>
    start.slice(one * width, (one + 1) * width).reduce((sum, x) => sum + Math.exp(2 * x), 0)
  const expected = pairs.reduce((sum, { prompt }) => sum + (1 - chance(prompt)) / 2, 0) / size.draws ** 2
  return gradient.reduce((sum, x) => sum + x * x, 0) / expected
}
