import { z } from 'zod'
import { HoneError, joinPath, platform } from '../base/index.ts'
import { type DataSource, openDataset } from '../data/index.ts'
import { where } from '../data/row.ts'
import { openSource } from '../data/sources.ts'
import { type Composition, drawComposition, isRight, orders, questionOf, solve } from '../envs/compositions.ts'
import { type Draw, draws, many } from '../envs/draw.ts'
import { drawContent, drawReply, drawReplyPair, drawRequest } from '../envs/replies.ts'
import { corrupted, drawTask, isResult, promptOf, resultOf, type Task } from '../envs/transforms.ts'
import { mean } from '../evaluate/index.ts'
import {
  answers,
  atLeast,
  atMost,
  type Bench,
  type Figures,
  less,
  logprobsOf,
  proof,
  recipe,
  type Settings,
  share,
  type Work,
} from '../proofs/index.ts'
import { type Answered, type Grader, requireScores } from '../rewards/index.ts'
import { type Demonstration, readDemonstrations } from './demonstrations.ts'

const schemes = ['lamini', 'evol', 'orca'] as const
type Scheme = (typeof schemes)[number]

const count = z.int().positive()
const rate = z.number().positive()

const keys = z.strictObject({
  threshold: z
    .number()
    .nullable()
    .default(1)
    .describe('score from which a demonstration is kept; null: none is judged'),
  quantize: z.enum(['nf4', 'q8_0', 'none']).default('nf4').describe('what the base is kept in while adapters learn'),
  rank: count.default(16).describe('of the adapters'),
  alpha: rate.default(16).describe('adapters are scaled by alpha / rank'),
  sftRate: rate.default(2e-4).describe('peak learning rate on the schemes and on chosen answers'),
  epochs: rate.default(1).describe('passes over each scheme and over the chosen answers'),
  chosenShare: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.5)
    .describe('share of the pairs whose chosen answers are imitated first; DPO learns from the others'),
  dpoRate: rate.default(5e-5).describe('peak learning rate of DPO'),
  beta: rate.default(0.1).describe('of DPO'),
  batchSize: count.default(16).describe('rows or pairs per update'),
  seed: z.int().nonnegative().default(0).describe('of everything that is drawn'),
})

type Keys = z.output<typeof keys>
type Training = Pick<Keys, 'quantize' | 'rank' | 'alpha' | 'sftRate' | 'epochs' | 'dpoRate' | 'beta'> &
  Pick<Keys, 'batchSize' | 'seed'>
type Stages = Pick<Work<never>, 'train' | 'merge'>

/** Words of an instruction at least, and what an answer begins with that is none. */
const [fewestWords, apology] = [3, /^\W*(i'?m |i am |we are )?(very |so |really )?sorry\b/i]

/** Whether an evolved instruction failed: it is that which it came from, too short to ask for anything, or answered with an apology. */
export function isFailedEvolution(parent: string, { prompt, completion }: { prompt: string; completion: string }) {
  const plain = (text: string) => text.toLowerCase().split(/\s+/).filter(Boolean)
  const own = plain(prompt)
  return own.join(' ') === plain(parent).join(' ') || own.length < fewestWords || apology.test(completion)
}

/** The places of the demonstrations that the judge scores at the threshold or above. What scheme they are of it is not told. */
export async function accepted(
  rows: readonly Pick<Demonstration, 'prompt' | 'completion' | 'given'>[],
  grader: Grader,
  threshold: number,
): Promise<number[]> {
  const asked = rows.map(({ prompt, completion, given }): Answered => {
    return { prompt, row: given, answers: [{ text: completion, tokens: [], finish: 'eos' }] }
  })
  const scores = requireScores(grader, asked, await grader.grade(asked))
  return [...rows.keys()].filter((i) => scores[i][0] >= threshold)
}

/** Of every row the instruction that its own evolved from, where it names one as its `parent`. */
async function parentsOf(source: DataSource): Promise<(string | null)[]> {
  const { rows } = await openSource(source, { split: 'train' })
  try {
    const all = await rows.readMany([...Array(rows.length).keys()])
    return all.map(({ value }) => {
      const { parent } = value as { parent?: unknown }
      return typeof parent === 'string' ? parent : null
    })
  } finally {
    await rows.close()
  }
}

/** Chosen answers as demonstrations, of which the turns before them are not learnt, and pairs of other prompts for DPO. */
async function readPairs(source: DataSource, chosenShare: number) {
  await using dataset = await openDataset(source)
  const shown: Record<string, unknown>[] = []
  const pairs: Record<string, unknown>[] = []
  const prompts = new Map<string, boolean>()
  for (let i = 0; i < dataset.length; i++) {
    const row = await dataset.read(i)
    if (row.kind !== 'preference') {
      throw new HoneError(
        'E_ROW_FORMAT',
        `${where(row.source)}: the row is no pair, expected a chosen and a rejected answer`,
      )
    }
    // The first rows are imitated, and so is what asks the same later on: no prompt is in both parts.
    const key = JSON.stringify(row.prompt)
    const isShown = prompts.get(key) ?? i < chosenShare * dataset.length
    prompts.set(key, isShown)
    const tools = row.chat && row.tools ? { tools: row.tools } : {}
    if (!isShown) pairs.push({ prompt: row.prompt, chosen: row.chosen, rejected: row.rejected, ...tools })
    else if (row.chat) {
      const before = row.prompt.map((turn) => (turn.role === 'assistant' ? { ...turn, train: false } : turn))
      shown.push({ messages: [...before, ...row.chosen], ...tools })
    } else shown.push({ prompt: row.prompt, completion: row.chosen })
  }
  if (pairs.length > 0 && shown.length > 0) return { shown, pairs }
  throw new HoneError(
    'E_EMPTY',
    `${dataset.length} pairs of ${prompts.size} prompts leave nothing for one of two stages`,
    {
      help: 'Give pairs of more prompts, or another chosenShare.',
    },
  )
}

function adapter({ rank, alpha, quantize, batchSize, seed }: Training) {
  return { adapter: 'lora' as const, rank, alpha, quantize: quantize === 'none' ? null : quantize, batchSize, seed }
}

/** An adapter on demonstrations over a quantised base, folded into the weights. */
async function tune({ train, merge }: Stages, stage: string, model: string, data: DataSource, how: Training) {
  const { sftRate: learningRate, epochs } = how
  const tuned = await train('sft', { stage: `${stage} adapter`, model, data, learningRate, epochs, ...adapter(how) })
  return merge({ model: tuned, stage })
}

/** One scheme after the other; the model after each. */
async function instruct(stages: Stages, model: string, rows: Readonly<Record<Scheme, DataSource>>, how: Training) {
  const found = {} as Record<Scheme, string>
  for (const scheme of schemes) {
    model = await tune(stages, scheme, model, rows[scheme], how)
    found[scheme] = model
  }
  return found
}

/** DPO by an adapter, which compares with the model without it. */
async function prefer({ train, merge }: Stages, model: string, data: DataSource, how: Training) {
  const { dpoRate: learningRate, beta } = how
  const options = { model, data, learningRate, beta, reference: 'adapter-off', epochs: 1, ...adapter(how) } as const
  return merge({ model: await train('dpo', { stage: 'dpo adapter', ...options }) })
}

/** The same number for all. The arm without the filter tunes on the schemes alone, so that it chooses among more rates for them. */
const trials = {
  all: [1e-3, 2e-3].flatMap((sftRate) => [0.3, 1].map((beta) => ({ sftRate, dpoRate: 1e-3, beta }))),
  schemes: [5e-4, 1e-3, 2e-3, 4e-3].map((sftRate) => ({ sftRate, dpoRate: 1e-3, beta: 0.3 })),
}

/**
 * OpenBezoar (Dissanayake et al. 2024, arXiv:2404.12195): three sets of instructions that one open teacher wrote (new
 * ones after examples, LaMini; old ones made harder, Evol-Instruct; given ones with explained answers, Orca) are judged
 * and tuned on one after the other; then the chosen answers to one part of human preferences are imitated, and DPO
 * learns from the other. Each stage is an adapter over a base in 4 bits that is folded into the weights of before, which
 * the next stage quantises anew.
 *
 * The rows are read, not written here: a row of `evol` may name its `parent`, and is left out where the evolution
 * failed.
 *
 * In the proof each scheme is a family of tasks on words, three rows in ten of which a bad teacher got wrong, and the
 * judge is a rule that errs one time in twenty; the preferences are of open replies, which none of the schemes has.
 */
export default recipe({
  id: 'openbezoar',
  reads: { lamini: 'demonstrations', evol: 'demonstrations', orca: 'demonstrations', pairs: 'pairs' },
  judged: true,
  settings: keys,
  example: { keys: 'threshold=0' },
  async run({ train, merge, model, data, grader, settings }) {
    const { threshold, chosenShare, ...how } = settings
    const { shown, pairs } = await readPairs(data.pairs, chosenShare)
    const kept = {} as Record<Scheme, Record<string, unknown>[]>
    const counts: Record<string, { rows: number; evolved: number; accepted: number }> = {}
    for (const scheme of schemes) {
      const rows = await readDemonstrations(data[scheme])
      const parents = await parentsOf(data[scheme])
      const evolved = rows.filter((row, i) => parents[i] === null || !isFailedEvolution(parents[i], row))
      const places = threshold === null ? evolved.keys() : await accepted(evolved, grader as Grader, threshold)
      kept[scheme] = [...places].map((i) => evolved[i].given)
      counts[scheme] = { rows: rows.length, evolved: evolved.length, accepted: kept[scheme].length }
      if (kept[scheme].length > 0) continue
      throw new HoneError('E_EMPTY', `the judge accepts none of ${evolved.length} rows of ${scheme}`, {
        help: 'Set threshold to what your judge gives a good answer; threshold=null judges none.',
      })
    }
    const { orca } = await instruct({ train, merge }, model, kept, how)
    const near = await tune({ train, merge }, 'chosen', orca, shown, how)
    const folder = await prefer({ train, merge }, near, pairs, how)
    await platform().writeAtomic(joinPath(folder, 'accepted.json'), `${JSON.stringify(counts, null, 2)}\n`)
    return folder
  },

  proof: proof<Size>({
    claim:
      'Demonstrations that a judge has filtered give at least 5 points more than all of them; two further schemes cost the first at most 10; DPO ranks at least 5 points more of new pairs rightly than the imitation of chosen answers that it starts from, to which these are likelier than to the model of the schemes alone.',
    baseline: 'unfiltered',
    seeds: 3,
    pilots: 1,
    goal: 'goal',
    shrunk:
      'a model of 0.3 M parameters and 500 rows a stage at most, as in the small form of the proof; the arm without the filter ends with the third scheme; answers are drawn at temperature 1; a pair is ranked rightly where the model itself gives the chosen answer the greater probability.',
    objectives: ['sft', 'dpo'],
    sizes: {
      full: { width: 96, layers: 3, texts: 60_000, rows: 500, pairs: 500, items: 300, ranked: 1000 },
      smoke: { width: 32, layers: 1, texts: 32, rows: 6, pairs: 4, items: 2, ranked: 2 },
    },
    async bases({ fresh, trained }, { width, layers, texts }) {
      const model = await fresh({ width, layers, texts: ['0'], vocabSize: 257, context: 160, seed: 0 })
      const data = many(texts, draws(0, 'openbezoar/texts'), (draw) => ({ text: drawText(draw) }))
      return { base: await trained('sft', { model, data, epochs: 1, batchSize: 32, learningRate: 3e-3 }) }
    },
    arms: {
      openbezoar: arm('filtered'),
      unfiltered: arm('unfiltered'),
      'without chosen': arm('without chosen'),
    },
    judge: ({ of }) => {
      const figure = (name: string) => of('openbezoar', name)
      return [
        atLeast('accuracy, filtered less unfiltered', less(figure('accuracy'), of('unfiltered', 'accuracy')), 0.05, {
          beyond: 0,
          refutedAt: 0,
        }),
        atMost('accuracy of the first scheme, after it less after the third', figure('forgotten'), 0.1),
        atLeast('pairs ranked rightly, DPO less before', less(figure('ranked'), figure('rankedBefore')), 0.05, {
          beyond: 0,
        }),
        atMost(
          'nats a token of chosen answers, after imitation less before',
          less(figure('nats'), of('without chosen', 'nats')),
          0,
          { beyond: 0, refutedAt: 0 },
        ),
      ]
    },
  }),
})

interface Size {
  width: number
  layers: number
  texts: number
  /** Of each scheme. */
  rows: number
  /** For imitation and, others, for DPO. */
  pairs: number
  /** Of each family, to be answered. */
  items: number
  /** Pairs to be ranked. */
  ranked: number
}

/** A task of a scheme with its right answer, a wrong one, and whether a completion is right. */
interface Lesson {
  prompt: string
  right: string
  wrong: string
  isRight(completion: string): boolean
}

const letters = 5

function single(draw: Draw): Lesson {
  const task: Task = drawTask(draw, orders, [letters])
  return {
    ...{ prompt: promptOf(task), right: resultOf(task), wrong: corrupted(draw, task) },
    isRight: (completion) => isResult(task, completion),
  }
}

function composed(draw: Draw, manner: 'steps' | 'checked'): Lesson {
  const asked: Composition = drawComposition(draw, 2, letters)
  const slip = { step: draw.below(2), draw }
  return {
    prompt: `${manner === 'checked' ? 'explain ' : ''}${questionOf(asked)}`,
    right: solve(asked, manner),
    wrong: solve(asked, manner, slip),
    isRight: (completion) => isRight(asked, completion),
  }
}

/** New tasks, tasks that were made harder, and such with an explained answer. */
const families: Record<Scheme, (draw: Draw) => Lesson> = {
  lamini: single,
  evol: (draw) => composed(draw, 'steps'),
  orca: (draw) => composed(draw, 'checked'),
}

/** What the base reads: replies to requests, and tasks of all families, half of them with a wrong answer. */
function drawText(draw: Draw): string {
  const scheme = draw.chance(0.5) ? draw.pick(schemes) : null
  if (scheme === null) {
    const request = drawRequest(draw, draw.chance(0.5))
    return request.prompt + drawReply(draw, request, drawContent(draw))
  }
  const lesson = families[scheme](draw)
  return lesson.prompt + (draw.chance(0.5) ? lesson.right : lesson.wrong)
}

/** A rule that knows what is right, and errs one time in twenty, of the same row always in the same way. */
const rule = (seed: number): Grader => ({
  id: 'rule',
  grade: async (asked) => {
    const errs = draws(seed, 'openbezoar/judge')
    return asked.map(({ row }, i) => {
      const { isRight } = row as { isRight: boolean }
      return [Number(errs(i).chance(0.05) ? !isRight : isRight)]
    })
  },
})

function arm(name: 'filtered' | 'unfiltered' | 'without chosen') {
  return {
    trials: name === 'unfiltered' ? trials.schemes : trials.all,
    async run(bench: Bench<Size>, { sftRate, dpoRate, beta }: Settings): Promise<Figures> {
      const { seed, size, bases, isPilot } = bench
      const rates = { sftRate: Number(sftRate), dpoRate: Number(dpoRate), beta: Number(beta) }
      const how = { ...keys.parse({ seed, batchSize: 4, epochs: 2 }), ...rates }
      const rows = {} as Record<Scheme, { prompt: string; completion: string }[]>
      let judged = 0
      for (const [place, scheme] of schemes.entries()) {
        const written = many(size.rows, draws(seed, `openbezoar/${scheme}`), (draw) => {
          const { prompt, right, wrong } = families[scheme](draw)
          const isRight = !draw.chance(0.3)
          return { given: { isRight }, prompt, completion: isRight ? right : wrong }
        })
        const places = name === 'unfiltered' ? [...written.keys()] : await accepted(written, rule(3 * seed + place), 1)
        judged += places.length
        rows[scheme] = places.map((i) => ({ prompt: written[i].prompt, completion: written[i].completion }))
      }
      const { lamini, orca } = await instruct(bench, bases['base'], rows, how)
      const accuracy = async (model: string, scheme: Scheme) => {
        const asked = many(size.items, draws(seed, `openbezoar/test ${scheme}`), families[scheme])
        const drawn = await answers(
          model,
          asked.map(({ prompt }) => prompt),
          { maxTokens: 64, seed },
        )
        return share(drawn.map(({ text }, i) => asked[i].isRight(text)))
      }
      const of = async (model: string) => mean(await Promise.all(schemes.map((scheme) => accuracy(model, scheme))))
      const tuned = await of(orca)
      const figures = { accuracy: tuned, accepted: judged / (schemes.length * size.rows) }
      if (name === 'unfiltered') return { ...figures, goal: tuned }

      const pairs = (part: string, count: number) =>
        many(count, draws(seed, `openbezoar/${part}`), (draw) => drawReplyPair(draw, 1))
      const shown = pairs('chosen', size.pairs).map(({ prompt, chosen }) => ({ prompt, completion: chosen }))
      const near = name === 'filtered' ? await tune(bench, 'chosen', orca, shown, how) : orca
      const preferring = await prefer(bench, near, pairs('pairs', size.pairs), how)
      const test = pairs('test pairs', size.ranked)
      const [before, after] = [await rank(near, test), await rank(preferring, test)]
      if (isPilot) return { ...figures, rankedBefore: before.ranked, ranked: after.ranked, goal: tuned + after.ranked }
      return {
        ...figures,
        base: await of(bases['base']),
        forgotten: (await accuracy(lamini, 'lamini')) - (await accuracy(orca, 'lamini')),
        ...{ rankedBefore: before.ranked, nats: before.nats, ranked: after.ranked, natsAfter: after.nats },
        accuracyAfter: await of(preferring),
      }
    },
  }
}

/** How many pairs a model ranks rightly, and what a token of the chosen answers costs it in nats. */
async function rank(model: string, pairs: readonly { prompt: string; chosen: string; rejected: string }[]) {
  const [chosen, rejected] = [
    await logprobsOf(
      model,
      pairs.map(({ prompt, chosen }) => ({ prompt, completion: chosen })),
    ),
    await logprobsOf(
      model,
      pairs.map(({ prompt, rejected }) => ({ prompt, completion: rejected })),
    ),
  ]
  const nats =
    chosen.reduce((total, { sum }) => total - sum, 0) / chosen.reduce((total, { tokens }) => total + tokens, 0)
  return { ranked: share(chosen.map(({ sum }, i) => sum > rejected[i].sum)), nats }
}
