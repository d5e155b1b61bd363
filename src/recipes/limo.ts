import { z } from 'zod'
import { drawChain, isRight, isStepwise, type Manner, questionOf, type Sign, signs, solve } from '../envs/chains.ts'
import { draws, many } from '../envs/draw.ts'
import {
  answers,
  atLeast,
  type Bench,
  less,
  over,
  proof,
  recipe,
  type Settings,
  share,
  type Work,
} from '../proofs/index.ts'
import { readDemonstrations } from './demonstrations.ts'

/**
 * LIMO (Ye et al. 2025, arXiv:2502.03387): full supervised tuning on a few hundred hard questions, each with the best
 * written of its right solutions. What it draws out has to be in the base model already.
 *
 * The proof has two base models of arithmetic, one of which never saw a difference. Both have read chains of one to four
 * steps, worked where a mark asks for it; a bare question they mostly answer at once. From a pool of bare questions of one
 * to three steps with solutions of several manners, 100 are selected, or drawn, or easy, or all are taken; all tune for as
 * many updates and are asked bare chains of four, greedily. What a tuning can give is the habit of working, not the ability.
 * Difficulty is known by construction: the number of steps.
 */
const keys = z.strictObject({
  n: z.int().positive().default(800).describe('solutions that are kept'),
  avoid: z.string().nullable().default(null).describe('rows of a test whose questions must not be learnt'),
  learningRate: z.number().positive().default(5e-6).describe('peak'),
  epochs: z.number().positive().default(15).describe('passes over what is kept'),
  steps: z.int().positive().nullable().default(null).describe('updates; overrides epochs'),
  batchSize: z.int().positive().default(16).describe('rows per update'),
  seed: z.int().nonnegative().default(0).describe('of everything that is drawn'),
})

export interface Solution {
  prompt: string
  completion: string
}

/** What a good solution has, by its weight; words are counted by the words of the text (LIMO, version 2). */
const features: readonly { weight: number; words?: readonly string[] }[] = [
  { weight: 0.3 },
  { weight: 0.2, words: ['check', 'checking', 'verify', 'verified', 'confirm'] },
  { weight: 0.25, words: ['perhaps', 'might', 'maybe', 'alternatively', 'suppose'] },
  { weight: 0.25, words: ['therefore', 'since', 'so', 'thus', 'hence', 'because'] },
]

/** How well each text is written, against the others: length and three kinds of words, each standardised over the pool. */
export function writingScores(texts: readonly string[]): number[] {
  const words = texts.map((text) => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [])
  const columns = features.map(({ weight, words: wanted }) => {
    const values = words.map((own) =>
      wanted ? own.filter((word) => wanted.includes(word)).length / (own.length || 1) : own.length,
    )
    const mean = values.reduce((a, b) => a + b, 0) / values.length
    const deviation = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length)
    return values.map((x) => (deviation === 0 ? 0 : (weight * (x - mean)) / deviation))
  })
  return texts.map((_, i) => columns.reduce((sum, column) => sum + column[i], 0))
}

/** Of each question its best written solution, of these the n best; in the order of the pool. */
export function select<S extends Solution>(pool: readonly S[], n: number): S[] {
  const scores = writingScores(pool.map(({ completion }) => completion))
  const best = new Map<string, number>()
  for (const [i, { prompt }] of pool.entries())
    if (scores[i] > (scores[best.get(prompt) ?? -1] ?? -Infinity)) best.set(prompt, i)
  const kept = [...best.values()].sort((a, b) => scores[b] - scores[a] || a - b).slice(0, n)
  return kept.sort((a, b) => a - b).map((i) => pool[i])
}

/** Whether two texts share a run of `length` words: what keeps questions of the test out of the pool. */
export function overlaps(a: string, b: string, length = 13): boolean {
  const runs = (text: string) => {
    const words = text.toLowerCase().split(/\s+/)
    return Array.from({ length: Math.max(0, words.length - length + 1) }, (_, i) =>
      words.slice(i, i + length).join(' '),
    )
  }
  const seen = new Set(runs(a))
  return runs(b).some((run) => seen.has(run))
}

/** Full supervised tuning without warm-up on a falling rate. */
const tuning = { schedule: 'cosine', warmup: 0 } as const

/** Selection, then tuning. */
async function program({ train, model, data, settings }: Work<'solutions', z.output<typeof keys>>): Promise<string> {
  const { n, avoid, ...rest } = settings
  const test = avoid === null ? [] : await readDemonstrations(avoid)
  const pool = (await readDemonstrations(data.solutions)).filter(
    (own) => !test.some((other) => overlaps(own.prompt, other.prompt)),
  )
  const kept = select(pool, n)
  return train('sft', { model, data: kept.map(({ given }) => given), ...tuning, ...rest })
}

export default recipe({
  id: 'limo',
  reads: { solutions: 'demonstrations' },
  settings: keys,
  run: program,

  proof: proof<Size>({
    claim:
      'On a base that has the parts, 100 selected solutions beat 100 drawn ones by at least 5 points on longer chains and reach 0.9 of what all 2000 give; on a base that lacks a part they do not.',
    baseline: 'random',
    seeds: 6,
    pilots: 1,
    goal: 'accuracy',
    shrunk:
      'a model of 0.3 M parameters, a pool of 2000, 100 selected, equal updates only; difficulty by construction; chains of up to three steps to learn from and of four to answer, greedily. The base has read worked chains of four steps too, behind a mark, and of bare questions one in ten is worked. A third record, on new draws and with six seeds: the second, of this very design with three, gave selected solutions 21 points more than drawn ones with an interval from −4 to 46 (not shown). In the first, whose base had read worked chains of up to three steps behind a mark alone, no arm learnt to answer three (all 10 % right: not shown, for want of the premise). Its learning rate was three times as high, and a base trained like it works half of the single steps rightly and one in six chains. Where a base is sure of its steps and has worked nothing without the mark, tuning does not bring the working out either (all 23 % right on the pilot seed). The premise was added after a record before that, which came out as refuted though no arm had learnt longer chains.',
    objectives: ['sft'],
    sizes: {
      full: { width: 96, layers: 3, pretraining: 160_000, pool: 2000, kept: 100, updates: 150, items: 300 },
      smoke: { width: 32, layers: 1, pretraining: 64, pool: 60, kept: 6, updates: 2, items: 6 },
    },
    bases: async ({ fresh, trained }, { pretraining, width, layers }) => {
      const model = await fresh({ width, layers, texts: ['0'], vocabSize: 257, context: 128, seed: 0 })
      const pretrain = (known: readonly Sign[]) =>
        trained('sft', { model, data: lessons(pretraining, known), epochs: 1, batchSize: 64, learningRate: 1e-3 })
      return { knows: await pretrain(signs), lacks: await pretrain(['+', '*']) }
    },
    arms: {
      limo: arm('knows', 'hard'),
      random: arm('knows', (pool, { kept }) => pool.slice(0, kept)),
      easy: arm('knows', (pool, { kept }) => pool.filter(({ steps }) => steps === 1).slice(0, kept)),
      all: arm('knows', (pool) => pool),
      'limo, part missing': arm('lacks', 'hard'),
    },
    judge: ({ of }) => [
      // A digit that is guessed is right one time in ten.
      atLeast('accuracy of all: that longer chains are learnt at all', of('all', 'accuracy'), 0.3, { premise: true }),
      atLeast('accuracy, selected less random', less(of('limo', 'accuracy'), of('random', 'accuracy')), 0.05, {
        beyond: 0,
        refutedAt: 0,
      }),
      atLeast('accuracy, selected over all', over(of('limo', 'accuracy'), of('all', 'accuracy')), 0.9),
      atLeast(
        'accuracy of selected, part known less part missing',
        less(of('limo', 'accuracy'), of('limo, part missing', 'accuracy')),
        0.05,
        { beyond: 0 },
      ),
    ],
  }),
})

interface Size {
  width: number
  layers: number
  pretraining: number
  pool: number
  kept: number
  updates: number
  items: number
}

interface Pooled extends Solution {
  steps: number
}

/** Of the pool's chains, in steps; those of the test have one more. */
const longest = 3
const isHard = ({ steps }: Pooled) => steps === longest

/**
 * What a base has read, of all lengths that are asked: many facts, and chains that are worked where a mark asks for it. Of
 * bare ones a tenth is worked, so that there is a habit of answering at once and something else to draw out.
 */
const lessons = (count: number, known: readonly Sign[]) =>
  many(count, draws(0, 'limo/lessons of two habits'), (draw) => {
    const chain = drawChain(draw, draw.chance(0.3) ? 1 : 1 + draw.below(longest + 1), known)
    const isMarked = draw.chance(0.35)
    const manner = isMarked || draw.chance(0.1) ? draw.pick<Manner>(['steps', 'checked']) : 'direct'
    return { prompt: `${isMarked ? 'w ' : ''}${questionOf(chain)}`, completion: solve(chain, manner) }
  })

type Choose = (pool: readonly Pooled[], size: Size) => readonly Pooled[]

/** Runs the recipe's program on the hard part of the pool, or tunes in the same way on what `choose` takes of it. */
function arm(base: 'knows' | 'lacks', choose: Choose | 'hard') {
  return {
    trials: [2.5e-5, 5e-5, 1e-4, 2e-4].map((learningRate) => ({ learningRate })),
    async run(bench: Bench<Size>, { learningRate }: Settings) {
      const { seed, size, bases } = bench
      const manners: readonly Manner[] = ['direct', 'steps', 'checked']
      const pool = many(size.pool, draws(seed, 'limo/pool of three, third'), (draw): Pooled => {
        const chain = drawChain(draw, 1 + draw.below(longest))
        return { prompt: questionOf(chain), completion: solve(chain, draw.pick(manners)), steps: chain.steps.length }
      })
      const shared = { batchSize: 16, steps: size.updates, seed, learningRate: Number(learningRate) }
      const rows = (of: readonly Pooled[]) => of.map(({ prompt, completion }) => ({ prompt, completion }))
      const start = { ...bench, model: bases[base] }
      const model =
        choose === 'hard'
          ? await program({
              ...start,
              data: { solutions: rows(pool.filter(isHard)) },
              settings: { ...keys.parse({}), n: size.kept, ...shared },
            })
          : await bench.train('sft', { model: start.model, data: rows(choose(pool, size)), ...tuning, ...shared })
      const chains = many(size.items, draws(seed, 'limo/chains of four, third'), (draw) => drawChain(draw, longest + 1))
      const drawn = await answers(model, chains.map(questionOf), { temperature: 0, maxTokens: 64 })
      const right = share(drawn.map(({ text }, i) => isRight(chains[i], text)))
      return {
        // A floor below what guessing a digit gives, which keeps the ratio of two figures finite.
        accuracy: Math.max(right, 0.01),
        worked: share(drawn.map(({ text }, i) => isStepwise(chains[i], text))),
      }
    },
  }
}
