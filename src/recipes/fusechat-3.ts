import { z } from 'zod'
import { HoneError, random } from '../base/index.ts'
import type { DataSource } from '../data/index.ts'
import { openSource } from '../data/sources.ts'
import { type Draw, draws, many } from '../envs/draw.ts'
import { corrupted, drawTask, isResult, promptOf, resultOf, type Task, type Transform } from '../envs/transforms.ts'
import { mean } from '../evaluate/index.ts'
import {
  answers,
  atLeast,
  atMost,
  type Bench,
  type Figures,
  insideLogprobs,
  less,
  over,
  proof,
  recipe,
  type Settings,
  share,
  type Verbs,
} from '../proofs/index.ts'
import { type Answer, type Grader, requireScores } from '../rewards/index.ts'

const count = z.int().positive()
const rate = z.number().positive()

const keys = z.strictObject({
  sources: z.array(z.string()).default([]).describe('models whose answers are learnt from'),
  n: count.default(5).describe('answers that each source draws to each prompt'),
  temperature: rate.default(0.8).describe('of the draws'),
  maxTokens: count.default(1024).describe('tokens of an answer at most'),
  sftShare: z.number().gt(0).lt(1).default(0.6).describe('share of the prompts for SFT; the others are for DPO'),
  threshold: z
    .number()
    .nullable()
    .default(1)
    .describe('score from which an answer is right; null: it is never checked'),
  minGap: z.number().nonnegative().default(0.01).describe('least difference of scores in a pair without a threshold'),
  maxGap: rate.default(0.1).describe('greatest difference of scores in a pair without a threshold'),
  sftRate: rate.default(5e-6).describe('peak learning rate of SFT'),
  sftEpochs: rate.default(3).describe('passes over the best answers'),
  rate: rate.default(8e-7).describe('peak learning rate of DPO'),
  beta: rate.default(10).describe('of length-normalised DPO'),
  sftWeight: z.number().nonnegative().default(0).describe('of imitating the chosen answer beside it (λ)'),
  epochs: rate.default(1).describe('passes over the pairs'),
  steps: count.nullable().default(null).describe('updates on the pairs; overrides epochs'),
  batchSize: count.default(128).describe('rows or pairs per update'),
  seed: z.int().nonnegative().default(0).describe('of everything that is drawn'),
})

type Keys = z.output<typeof keys>

/** An answer of a source, with its score. */
export interface Scored {
  source: string
  text: string
  score: number
}

/** A prompt with the answers of all sources. */
export interface Sampled {
  prompt: string
  answers: readonly Scored[]
}

type Choosing = Pick<Keys, 'threshold' | 'minGap' | 'maxGap'>

/** Of the answers the best, the first of equals; null where it is to be right and none is. */
export function best(answers: readonly Scored[], { threshold }: Pick<Choosing, 'threshold'>): Scored | null {
  const first = answers.reduce<Scored | null>((top, one) => (top && top.score >= one.score ? top : one), null)
  return first && (threshold === null || first.score >= threshold) ? first : null
}

/** The best and the worst: a right and a wrong one where that is checked, or else as far apart as is wanted. */
export function bestAndWorst(
  answers: readonly Scored[],
  choosing: Choosing,
): { chosen: Scored; rejected: Scored } | null {
  const { threshold, minGap, maxGap } = choosing
  const chosen = best(answers, choosing)
  const rejected = answers.reduce<Scored | null>((low, one) => (low && low.score <= one.score ? low : one), null)
  if (!chosen || !rejected || chosen.score === rejected.score) return null
  const gap = chosen.score - rejected.score
  const fits = threshold === null ? gap >= minGap && gap <= maxGap : rejected.score < threshold
  return fits ? { chosen, rejected } : null
}

/** Scores tie often, and of equals the first counts: in a drawn order it is of no source more often than its share. */
function mixed(sampled: readonly Sampled[], seed: number): Sampled[] {
  const order = random(seed, 'fusechat/ties')
  return sampled.map(({ prompt, answers }, i) => {
    return { prompt, answers: [...order.permutation(answers.length, i)].map((k) => answers[k]) }
  })
}

/** The best answer of all sources to every prompt that has one, of equals a drawn one. */
export function demonstrations(sampled: readonly Sampled[], settings: Pick<Keys, 'threshold' | 'seed'>) {
  return mixed(sampled, settings.seed).flatMap(({ prompt, answers }) => {
    const chosen = best(answers, settings)
    return chosen ? [{ prompt, completion: chosen.text }] : []
  })
}

/** Every prompt's pair is of one source, drawn among those that have one, so that its sides are written alike. */
export function pairs(sampled: readonly Sampled[], settings: Keys) {
  const source = random(settings.seed, 'fusechat/sources')
  return mixed(sampled, settings.seed).flatMap(({ prompt, answers }, i) => {
    const names = [...new Set(answers.map((one) => one.source))]
    const own = names.map((name) => answers.filter((one) => one.source === name))
    const found = own.map((list) => bestAndWorst(list, settings)).filter((pair) => pair !== null)
    return found.length > 0 ? [{ prompt, ...found[source.below(found.length, i)] }] : []
  })
}

type Pairs = ReturnType<typeof pairs>

/** Prompts for SFT and, no prompt being in both, for DPO. */
export function split<T extends { prompt: string }>(
  rows: readonly T[],
  { sftShare, seed }: Pick<Keys, 'sftShare' | 'seed'>,
) {
  const texts = [...new Set(rows.map(({ prompt }) => prompt))]
  const order = random(seed, 'fusechat/split').permutation(texts.length, 0)
  const first = new Set(texts.filter((_, i) => order[i] < sftShare * texts.length))
  return { sft: rows.filter(({ prompt }) => first.has(prompt)), dpo: rows.filter(({ prompt }) => !first.has(prompt)) }
}

/** Answers of every source to every prompt, judged. Of cut answers nothing is kept. */
async function sample(
  sources: readonly string[],
  rows: readonly { prompt: string; row: unknown }[],
  grader: Grader,
  { n, temperature, maxTokens, seed }: Keys,
): Promise<Sampled[]> {
  const found: Scored[][] = rows.map(() => [])
  const prompts = rows.flatMap(({ prompt }) => Array.from({ length: n }, () => prompt))
  for (const [place, source] of sources.entries()) {
    const drawn = await answers(source, prompts, { temperature, maxTokens, seed, round: place })
    const kept = (i: number): Answer[] => drawn.slice(n * i, n * i + n).filter(({ finish }) => finish !== 'length')
    const asked = rows.map(({ prompt, row }, i) => ({ prompt, row, answers: kept(i) }))
    const scores = requireScores(grader, asked, await grader.grade(asked))
    for (const [i, { answers: own }] of asked.entries()) {
      found[i].push(...own.map(({ text }, k) => ({ source, text, score: scores[i][k] })))
    }
  }
  return rows.map(({ prompt }, i) => ({ prompt, answers: found[i] }))
}

/** SFT on the best answer of all sources to each prompt, and then DPO on pairs of answers to others. */
async function fuse(
  { train }: Pick<Verbs, 'train'>,
  model: string,
  sampled: { sft: readonly Sampled[]; dpo: Pairs },
  { sftRate, sftEpochs, rate: learningRate, ...settings }: Keys,
): Promise<{ tuned: string; fused: string }> {
  const data = demonstrations(sampled.sft, settings)
  const rows = sampled.dpo.map(({ prompt, chosen, rejected }) => {
    return { prompt, chosen: chosen.text, rejected: rejected.text }
  })
  if (data.length === 0 || rows.length === 0) {
    const missing = data.length === 0 ? 'no answer that is right' : 'no pair of one source'
    throw new HoneError('E_EMPTY', `the answers of the sources gave ${missing}`, {
      help: 'Draw more (n), or set threshold, minGap and maxGap to the scores of your reward; threshold=null checks none.',
    })
  }
  const { batchSize, seed, beta, sftWeight, epochs, steps } = settings
  const tuning = { batchSize, seed, epochs: sftEpochs, learningRate: sftRate }
  const tuned = await train('sft', { stage: 'sft', model, data, ...tuning })
  const learning = { batchSize, seed, epochs, steps, learningRate, beta, sftWeight }
  return { tuned, fused: await train('ln-dpo', { model: tuned, data: rows, ...learning }) }
}

/** @throws HoneError E_ROW_FORMAT for a row without a `prompt` that is a text */
async function readPrompts(source: DataSource) {
  const { rows } = await openSource(source, { split: 'train' })
  try {
    const all = await rows.readMany(Array.from({ length: rows.length }, (_, i) => i))
    return all.map(({ value, file, line }) => {
      const { prompt } = value as { prompt?: unknown }
      if (typeof prompt === 'string') return { prompt, row: value }
      throw new HoneError('E_ROW_FORMAT', `${file}:${line} has no text as its prompt, expected one for all sources`)
    })
  } finally {
    await rows.close()
  }
}

const skills = ['rev', 'srt', 'rot'] as const satisfies readonly Transform[]
const styles = ['A', 'B', 'C']

const rates = [
  { rate: 3e-4, beta: 10 },
  { rate: 6e-4, beta: 10 },
  { rate: 6e-4, beta: 5 },
  { rate: 1e-3, beta: 10 },
]

/**
 * FuseChat-3.0 (Yang et al. 2025, arXiv:2503.04222): a small model learns from several strong ones by data alone. Each answers
 * each prompt some times; the best of all answers is imitated, and for other prompts the best answer of one source is preferred to
 * its worst by length-normalised DPO, so that nothing but quality tells them apart.
 *
 * In the proof each of three sources has one skill, and a mark of style before all its answers.
 */
export default recipe({
  id: 'fusechat-3',
  reads: { prompts: 'prompts' },
  judged: true,
  settings: keys,
  example: { keys: 'sources=tiny' },
  async run({ train, model, data, settings, grader }) {
    if (settings.sources.length === 0) {
      throw new HoneError('E_CONFIG', 'fusechat-3 got no sources, expected models whose answers are learnt from', {
        help: 'Give them as sources=ONE,TWO.',
      })
    }
    const { sft, dpo } = split(await readPrompts(data.prompts), settings)
    const drawn = async (rows: typeof sft) => sample(settings.sources, rows, grader as Grader, settings)
    const given = { sft: await drawn(sft), dpo: pairs(await drawn(dpo), settings) }
    return (await fuse({ train }, model, given, settings)).fused
  },

  proof: proof<Size>({
    claim:
      'A target that learns from three sources is right at least 3 points more often than by the best one alone; pairs of one source shift its style at most half as far as pairs across sources do, and gain more for each unit of that shift.',
    baseline: 'cross-source',
    seeds: 5,
    pilots: 1,
    goal: 'right',
    shrunk:
      'sources of 0.3 M and a target of 0.15 M parameters, made once; words of 4 letters, 5 answers of each source; the chosen answer is imitated beside DPO at weight 1, where the paper has 0.2 for its smallest target. A third design, on new draws: on its pilot seed DPO lost points in both arms with weights from 0 to 0.2, at every rate and β tried. The first, with 1200 prompts and weight 0, lost points too; the second, with 1800, weight 0.2 and 3 seeds, was not-shown: pairs of one source shifted the style 0.57 times as far, and pairs across still lost points.',
    objectives: ['sft', 'ln-dpo'],
    sizes: {
      full: { width: 96, target: 64, layers: 3, texts: 30_000, prompts: 3600, n: 5, updates: 120, items: 300 },
      smoke: { width: 32, target: 32, layers: 1, texts: 64, prompts: 6, n: 2, updates: 1, items: 2 },
    },
    async bases({ fresh, trained }, { width, target, layers, texts }) {
      const made = async (
        name: string,
        how: Partial<Record<Transform, number>>,
        marks: readonly string[],
        width: number,
      ) => {
        const model = await fresh({ width, layers, texts: ['0'], vocabSize: 257, context: 24, seed: 0 })
        const data = many(texts, draws(0, `fusechat/${name}`), (draw) => demonstration(draw, how, draw.pick(marks)))
        return trained('sft', { model, data, epochs: 1, batchSize: 32, learningRate: 3e-3, schedule: 'linear' })
      }
      const own: Record<string, string> = {}
      for (const [i, skill] of skills.entries()) own[skill] = await made(skill, { [skill]: strong }, [styles[i]], width)
      return { ...own, target: await made('target', {}, styles, target) }
    },
    arms: {
      fusion: arm(rates, {}),
      'cross-source': arm(rates, { across: true }),
      ...Object.fromEntries(skills.map((skill) => [only(skill), arm(rates, { sources: [skill] })])),
    },
    judge: ({ of }) => {
      const [one, other] = ['fusion', 'cross-source']
      const right = of(one, 'right')
      const alone = skills.map((skill) => of(only(skill), 'right'))
      const bestAlone = right.map((_, seed) => Math.max(...alone.map((values) => values[seed])))
      const shifted = over(of(one, 'shift'), floored(of(other, 'shift')))
      const worth = less(...([one, other].map((name) => over(of(name, 'gain'), floored(of(name, 'shift')))) as Both))
      // Refuted where pairs across sources do as well by both measures.
      const isAlike = mean(shifted) >= 1 && mean(worth) <= 0
      return [
        atLeast('right, three sources less the best one alone', less(right, bestAlone), 0.03, {
          beyond: 0,
          refutedAt: 0,
        }),
        atMost('shift of style, pairs of one source over pairs across', shifted, 0.5, isAlike ? { refutedAt: 1 } : {}),
        atLeast('gain for a unit of shift, pairs of one source less pairs across', worth, 0),
      ]
    },
  }),
})

type Both = [number[], number[]]

const [strong, weak] = [0.85, 0.1]

/** A model that does not move at all would leave no ratio. */
const floored = (values: readonly number[]) => values.map((value) => Math.max(value, 0.001))

interface Size {
  width: number
  target: number
  layers: number
  texts: number
  prompts: number
  n: number
  updates: number
  /** Of each skill. */
  items: number
}

function demonstration(draw: Draw, how: Partial<Record<Transform, number>>, mark: string) {
  const task = drawTask(draw, skills, [4])
  const told = draw.chance(how[task.transform] ?? weak) ? resultOf(task) : corrupted(draw, task)
  return { prompt: promptOf(task), completion: mark + told }
}

const isRight = (task: Task, text: string) => styles.includes(text[0]) && isResult(task, text.slice(1))

const checker: Grader = {
  id: 'right result',
  grade: async (asked) =>
    asked.map(({ row, answers }) => answers.map(({ text }) => Number(isRight((row as { task: Task }).task, text)))),
}

/** What all arms of a seed learn from is drawn once. */
const drawn = new Map<string, Promise<{ sft: Sampled[]; dpo: Sampled[] }>>()

function sampledOf({ seed, size, bases }: Bench<Size>, settings: Keys) {
  const key = JSON.stringify([seed, size, bases])
  const draw = async () => {
    const rows = many(size.prompts, draws(seed, 'fusechat/prompts, third'), (draw) => {
      const task = drawTask(draw, skills, [4])
      return { prompt: promptOf(task), row: { task } }
    })
    const parts = split(rows, settings)
    const models = skills.map((skill) => bases[skill])
    const sampled = {
      sft: await sample(models, parts.sft, checker, settings),
      dpo: await sample(models, parts.dpo, checker, settings),
    }
    const told = [...sampled.sft, ...sampled.dpo].some(({ answers }) => answers.some(({ score }) => score > 0))
    return told ? sampled : shown(parts, models)
  }
  const sampled = drawn.get(key) ?? draw()
  drawn.set(key, sampled)
  return sampled
}

/** Sources that have learnt nothing give no right answer: the smoke test takes a right and a wrong one of each. */
function shown(parts: Record<'sft' | 'dpo', { prompt: string; row: { task: Task } }[]>, models: readonly string[]) {
  const of = (rows: (typeof parts)['sft']) =>
    rows.map(({ prompt, row: { task } }) => {
      const right = (source: string, i: number) => ({ source, text: styles[i] + resultOf(task), score: 1 })
      return {
        prompt,
        answers: models.flatMap((one, i) => [right(one, i), { source: one, text: styles[i], score: 0 }]),
      }
    })
  return { sft: of(parts.sft), dpo: of(parts.dpo) }
}

function arm(trials: readonly Settings[], { sources = skills as readonly string[], across = false }) {
  return {
    trials,
    async run(bench: Bench<Size>, trial: Settings): Promise<Figures> {
      const { seed, size, bases } = bench
      const settings = keys.parse({
        ...{ n: size.n, temperature: 1, maxTokens: 8, steps: size.updates, batchSize: 32, seed },
        // Slow enough to leave DPO something to gain.
        ...{ sftRate: 5e-4, sftWeight: 1, ...trial },
      })
      const sampled = await sampledOf(bench, settings)
      const models = sources.map((skill) => bases[skill])
      const own = (rows: readonly Sampled[]) =>
        rows.map(({ prompt, answers }) => ({
          prompt,
          answers: answers.filter(({ source }) => models.includes(source)),
        }))
      const dpo = own(sampled.dpo)
      // Told to be of one source, answers of all of them make pairs.
      const asOne = dpo.map(({ prompt, answers }) => ({
        prompt,
        answers: answers.map((one) => ({ ...one, source: '' })),
      }))
      const given = { sft: own(sampled.sft), dpo: pairs(across ? asOne : dpo, settings) }
      const { tuned, fused } = await fuse(bench, bases['target'], given, settings)
      const tasks = skills.flatMap((skill) =>
        many(size.items, draws(seed, `fusechat/test ${skill}, third`), (draw) => drawTask(draw, [skill], [4])),
      )
      const [before, after] = [await rightly(tuned, tasks, seed), await rightly(fused, tasks, seed)]
      const [then, now] = [await styleOf(tuned, tasks), await styleOf(fused, tasks)]
      return {
        right: after,
        tuned: before,
        start: await rightly(bases['target'], tasks, seed),
        gain: after - before,
        shift: mean(now.map((one, i) => one.reduce((sum, p, k) => sum + Math.abs(p - then[i][k]) / 2, 0))),
        pairs: given.dpo.length,
      }
    },
  }
}

async function rightly(model: string, tasks: readonly Task[], seed: number): Promise<number> {
  const told = await answers(model, tasks.map(promptOf), { temperature: 1, maxTokens: 8, seed })
  return share(told.map(({ text, finish }, i) => finish !== 'length' && isRight(tasks[i], text)))
}

/** The probability of each mark of style to each task. */
async function styleOf(model: string, tasks: readonly Task[]): Promise<number[][]> {
  const rows = tasks.flatMap((task) => styles.map((piece) => ({ before: promptOf(task), piece })))
  const sums = await insideLogprobs(model, rows)
  return tasks.map((_, i) => sums.slice(3 * i, 3 * i + 3).map(Math.exp))
}

function only(skill: string): string {
  return `${skill} alone`
}
