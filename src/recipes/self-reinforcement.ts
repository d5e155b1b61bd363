import { z } from 'zod'
import { HoneError } from '../base/index.ts'
import type { DataSource } from '../data/index.ts'
import { openSource } from '../data/sources.ts'
import { openModel } from '../engine/index.ts'
import { type Draw, draws, many } from '../envs/draw.ts'
import { corrupted, drawTask, isResult, promptOf, resultOf, type Task, type Transform } from '../envs/transforms.ts'
import { logprobGrader, promptTokens } from '../evaluate/index.ts'
import {
  answers,
  atLeast,
  atMost,
  type Bench,
  type Figures,
  less,
  proof,
  recipe,
  type Settings,
  share,
  type Verbs,
} from '../proofs/index.ts'
import type { Answer } from '../rewards/index.ts'

const count = z.int().positive()
const rate = z.number().positive()

const keys = z.strictObject({
  sftRate: rate.default(1e-5).describe('peak learning rate on the demonstrations'),
  sftEpochs: rate.default(3).describe('passes over the demonstrations'),
  rate: rate.default(5e-7).describe('peak learning rate on the pairs of a round'),
  beta: rate.default(0.1).describe('of DPO'),
  rounds: count.default(2).describe('of answering, filtering and learning'),
  keep: z
    .number()
    .gt(0)
    .max(1)
    .default(0.5)
    .describe('share of the pairs that are learnt: those of the greatest lead by the own log-prob of a token; 1: all'),
  filtered: z.boolean().default(true).describe('keep by the lead; false: the first pairs, as many'),
  temperature: z.number().nonnegative().default(1).describe('of the answers'),
  maxTokens: count.default(256).describe('tokens of an answer at most'),
  epochs: rate.default(1).describe('passes over the pairs of a round'),
  steps: count.nullable().default(null).describe('updates of a round; overrides epochs'),
  batchSize: count.default(32).describe('rows or pairs per update'),
  seed: z.int().nonnegative().default(0).describe('of everything that is drawn'),
})

type Keys = z.output<typeof keys>

export interface OwnPair {
  prompt: string
  chosen: string
  rejected: string
}

async function answersOf(
  folder: string,
  prompts: readonly string[],
  settings: Pick<Keys, 'temperature' | 'maxTokens' | 'seed'>,
) {
  await using open = await openModel(folder)
  const drawn: Answer[] = []
  const asked = prompts.map((prompt) => ({ tokens: promptTokens(open, { prompt }) }))
  for await (const one of open.engine.sample(asked, settings)) drawn[one.prompt] = one
  return drawn
}

/**
 * Answers of a model before those that an earlier one gave. Those that are the same, empty or, of the later model, cut off make
 * no pair. Of the rest a share is kept: the model that answered last says of which, by how much likelier to it a token
 * of its own answer is than one of the other.
 */
export async function choosePairs(
  models: { later: string; earlier: string },
  prompts: readonly string[],
  settings: Pick<Keys, 'temperature' | 'maxTokens' | 'seed' | 'keep' | 'filtered'>,
): Promise<OwnPair[]> {
  const chosen = await answersOf(models.later, prompts, settings)
  const rejected = await answersOf(models.earlier, prompts, settings)
  const places = [...prompts.keys()].filter((i) => {
    const [one, other] = [chosen[i].text.trim(), rejected[i].text.trim()]
    return one !== '' && other !== '' && one !== other && chosen[i].finish !== 'length'
  })
  const kept = Math.round(settings.keep * places.length)
  const pairs = places.map((i) => ({ prompt: prompts[i], chosen: chosen[i].text, rejected: rejected[i].text }))
  if (!settings.filtered || kept === places.length) return pairs.slice(0, kept)
  await using open = await openModel(models.later)
  const asked = places.map((i) => ({
    prompt: prompts[i],
    row: {},
    answers: [chosen[i], { ...rejected[i], finish: 'eos' as const }],
  }))
  const worth = await logprobGrader(open, 'mean-logprob').grade(asked)
  const lead = worth.map(([own, other]) => own - other)
  const order = [...pairs.keys()].sort((a, b) => lead[b] - lead[a] || a - b).slice(0, kept)
  return order.sort((a, b) => a - b).map((at) => pairs[at])
}

/**
 * Rounds of DPO from a tuned model on; each compares with itself as it begins. A round that finds no pair changes nothing.
 * @returns the model after each round
 */
async function reinforce(
  { train }: Pick<Verbs, 'train'>,
  models: { later: string; earlier: string },
  prompts: readonly string[],
  { rate: learningRate, beta, rounds, epochs, steps, batchSize, ...own }: Omit<Keys, 'sftRate' | 'sftEpochs'>,
): Promise<string[]> {
  const found: string[] = []
  let { later, earlier } = models
  for (let round = 0; round < rounds; round++) {
    const data = await choosePairs({ later, earlier }, prompts, { ...own, seed: own.seed + round })
    const stage = round < rounds - 1 ? { stage: `round-${round + 1}` } : {}
    const how = { model: later, data, beta, learningRate, epochs, steps, batchSize, seed: own.seed }
    const next = data.length === 0 ? later : await train('dpo', { ...how, ...stage })
    found.push(next)
    earlier = later
    later = next
  }
  return found
}

/** @throws HoneError E_ROW_FORMAT for a row whose prompt is no text */
async function promptsOf(source: DataSource): Promise<string[]> {
  const { rows } = await openSource(source, { split: 'train' })
  const read = await rows.readMany([...Array(rows.length).keys()])
  await rows.close()
  return read.map(({ value, file, line }) => {
    const { prompt } = value as { prompt?: unknown }
    if (typeof prompt === 'string') return prompt
    throw new HoneError('E_ROW_FORMAT', `${file}:${line}: the row has no prompt of text`, {
      help: 'Rows read {"prompt": "…"}.',
    })
  })
}

const pairRates = [
  { rate: 3e-5, beta: 1 },
  { rate: 1e-4, beta: 0.3 },
  { rate: 1e-4, beta: 1 },
  { rate: 3e-4, beta: 1 },
]
const rates = [1e-4, 3e-4, 1e-3, 3e-3].map((rate) => ({ rate }))

/**
 * Self-reinforcement (Tong et al. 2024, arXiv:2405.04086): a model tuned on a few demonstrations is taken to answer better than the
 * untuned one did, the pairs of which it is itself most certain are learnt by DPO, and so on with the model that comes
 * of it.
 *
 * In the proof the base has read results of which one in four is wrong, each in its own way, so that it knows more than it says.
 * Of the demonstrations 15 in 100 are wrong. Going on with them hands their errors on; among own answers the likeliest to the
 * model are right more often than it is.
 */
export default recipe({
  id: 'self-reinforcement',
  reads: { demonstrations: 'demonstrations', prompts: 'prompts' },
  settings: keys,
  async run({ train, model, data, settings }) {
    const { sftRate: learningRate, sftEpochs: epochs, ...own } = settings
    const prompts = await promptsOf(data.prompts)
    const { batchSize, seed } = own
    const how = { stage: 'sft', data: data.demonstrations, learningRate, epochs, batchSize, seed }
    const later = await train('sft', { model, ...how })
    const [last] = (await reinforce({ train }, { later, earlier: model }, prompts, own)).slice(-1)
    if (last !== later) return last
    throw new HoneError('E_EMPTY', 'no round found a pair: the two models say the same, or no answer came to its end', {
      help: 'Raise maxTokens, or sftRate and sftEpochs so that the tuned model differs, or give more prompts.',
    })
  },

  proof: proof<Size>({
    claim:
      'One round of DPO on pairs of own answers is right at least 2 points more often than the model tuned on 100 demonstrations, of which some are wrong; no less often with the filter than without; more often than as many updates more on the demonstrations; and a tuned model that is no better than its base gains nothing.',
    baseline: 'sft',
    seeds: 5,
    pilots: 2,
    goal: 'right',
    shrunk:
      'a model of 0.5 M parameters and words of five letters; answers at temperature 1; the model judges pairs by its log-prob of a token. A second design, on new draws, in which 15 in 100 demonstrations are wrong and the base has read 20,000 right results first in the place of 14,000; with two pilot seeds, five seeds and a fourth setting an arm. In the first the demonstrations were faultless, and as many updates more on them were right 5 points more often than a round (0.79 and 0.74, refuted); the round gained 5 points, and the filter 1. On pilot seeds, with 10 in 100 wrong and the base of the first, more of the demonstrations was still ahead by 1 point; where the base had read 4 or 5 of 10 results wrong, useless demonstrations gained 5 to 12; and a β of 3, left out, gave a round at most 1 point more and useless demonstrations 1 or 2.',
    objectives: ['sft', 'dpo'],
    sizes: {
      full: {
        ...{ width: 96, layers: 4, lessons: 20_000, texts: 8000, shown: 100, shownUpdates: 10, prompts: 2000 },
        ...{ updates: 50, items: 800 },
      },
      smoke: {
        ...{
          width: 32,
          layers: 1,
          lessons: 64,
          texts: 64,
          shown: 4,
          shownUpdates: 1,
          prompts: 6,
          updates: 1,
          items: 4,
        },
      },
    },
    async bases({ fresh, trained }, { width, layers, lessons, texts }) {
      const start = await fresh({ width, layers, texts: ['0'], vocabSize: 257, context: 32, seed: 0 })
      const once = { epochs: 1, batchSize: 64, seed: 0 }
      const able = await trained('sft', {
        model: start,
        data: rowsOf(0, 'lessons', lessons, 1),
        learningRate: 2e-3,
        ...once,
      })
      return {
        start: await trained('sft', {
          model: able,
          data: rowsOf(0, 'texts', texts, 0.75),
          learningRate: 5e-4,
          ...once,
        }),
      }
    },
    arms: {
      'self-reinforcement': arm(pairRates, reinforced()),
      unfiltered: arm(pairRates, reinforced({ filtered: false })),
      sft: arm(rates, ({ bench, tuned, demonstrations, rate }) => imitated(bench, tuned, demonstrations, rate)),
      'pseudo-labels': arm(rates, async ({ bench, tuned, prompts, rate }) => {
        const told = await answersOf(tuned, prompts, { temperature: 1, maxTokens, seed: bench.seed })
        const data = prompts.map((prompt, i) => ({ prompt, completion: told[i].text })).filter((row) => row.completion)
        return imitated(bench, tuned, data, rate)
      }),
      'useless demonstrations': arm(pairRates, reinforced(), true),
    },
    judge: ({ of }) => {
      const own = (figure: string) => of('self-reinforcement', figure)
      const useless = (figure: string) => of('useless demonstrations', figure)
      return [
        atLeast('right, tuned on the demonstrations', own('tuned'), 0.3, { premise: true }),
        atMost('right, tuned on the demonstrations', own('tuned'), 0.9, { premise: true }),
        atLeast('right, after a round less tuned', less(own('right'), own('tuned')), 0.02, { beyond: 0, refutedAt: 0 }),
        atLeast('right, filtered less unfiltered', less(own('right'), of('unfiltered', 'right')), 0),
        atLeast('right, a round less more of the demonstrations', less(own('right'), of('sft', 'right')), 0, {
          refutedAt: 0,
        }),
        atMost('right, gain from useless demonstrations', less(useless('right'), useless('tuned')), 0.02),
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
  /** Demonstrations, of which some are wrong, and updates on them. */
  shown: number
  shownUpdates: number
  prompts: number
  /** Of a round, and in its place. */
  updates: number
  items: number
}

const kinds: readonly Transform[] = ['cpy', 'rev', 'srt', 'rot', 'swp']
const drawOne = (draw: Draw): Task => drawTask(draw, kinds, [5])
const maxTokens = 8

const rowsOf = (seed: number, name: string, length: number, right: number) =>
  many(length, draws(seed, `self-reinforcement/${name}`), (draw) => {
    const task = drawOne(draw)
    return { prompt: promptOf(task), completion: draw.chance(right) ? resultOf(task) : corrupted(draw, task) }
  })

interface Run {
  bench: Bench<Size>
  tuned: string
  demonstrations: readonly { prompt: string; completion: string }[]
  prompts: readonly string[]
  rate: number
  beta: number
}

const imitated = ({ train, size, seed }: Bench<Size>, model: string, data: readonly object[], learningRate: number) =>
  train('sft', { model, data, learningRate, steps: size.updates, batchSize: 32, seed })

/** The model after the first round, and after the last one. */
function reinforced(own: Partial<Keys> = {}) {
  return async ({ bench, tuned, prompts, rate, beta }: Run) => {
    const { seed, size, bases } = bench
    const { sftRate, sftEpochs, ...settings } = keys.parse({ maxTokens, rate, beta, steps: size.updates, seed, ...own })
    const [first, last] = await reinforce(bench, { later: tuned, earlier: bases['start'] }, prompts, settings)
    return { first, last }
  }
}

function arm(
  trials: readonly Settings[],
  learn: (run: Run) => Promise<string | { first: string; last: string }>,
  isUseless = false,
) {
  return {
    trials,
    async run(bench: Bench<Size>, { rate, beta }: Settings): Promise<Figures> {
      const { seed, size, bases, models } = bench
      const start = bases['start']
      const shown = rowsOf(seed, 'demonstrations, second', size.shown, 0.85)
      // What the base says itself teaches it nothing.
      const said = isUseless
        ? await answersOf(
            start,
            shown.map(({ prompt }) => prompt),
            { temperature: 1, maxTokens, seed },
          )
        : null
      const own = shown.map(({ prompt }, i) => ({ prompt, completion: said?.[i].text || 'a' }))
      const demonstrations = isUseless ? own : shown
      const few = { steps: size.shownUpdates, batchSize: 20, learningRate: 3e-4, seed }
      const tuned = await models.trained('sft', { model: start, data: demonstrations, ...few })
      const prompts = many(size.prompts, draws(seed, 'self-reinforcement/prompts, second'), (draw) =>
        promptOf(drawOne(draw)),
      )
      const found = await learn({ bench, tuned, demonstrations, prompts, rate: Number(rate), beta: Number(beta) })
      const tasks = many(size.items, draws(seed, 'self-reinforcement/test, second'), drawOne)
      const right = async (model: string) =>
        share(
          (await answers(model, tasks.map(promptOf), { maxTokens, seed })).map(({ text }, i) =>
            isResult(tasks[i], text),
          ),
        )
      const measured = { base: await right(start), tuned: await right(tuned) }
      if (typeof found === 'string') return { ...measured, right: await right(found) }
      return { ...measured, right: await right(found.first), last: await right(found.last) }
    },
  }
}
