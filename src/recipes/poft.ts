import { z } from 'zod'
import { HoneError } from '../base/index.ts'
import { type Draw, draws, many } from '../envs/draw.ts'
import { corrupted, drawTask, isResult, promptOf, resultOf, spokenFact } from '../envs/transforms.ts'
import { mean } from '../evaluate/index.ts'
import {
  answers,
  atLeast,
  atMost,
  type Bench,
  type Figures,
  less,
  meanLogprobs,
  over,
  proof,
  recipe,
  type Settings,
  share,
  type TrainSettings,
  trainSettings,
  type Work,
} from '../proofs/index.ts'
import { type Demonstration, readDemonstrations } from './demonstrations.ts'

/**
 * Preference-oriented fine-tuning (Fan et al. 2024, arXiv:2412.12865): the model is to find each demonstration likelier than
 * aligned models do. What these find unlikely teaches little.
 *
 * In the proof 40 % of the demonstrations are wrong. Three small models that were trained on right ones play the aligned
 * models. SFT learns errors as well as answers; PoFT's weights should leave most of them out, as does dropping the rows of
 * the lowest scores, and cost nothing where all demonstrations are right.
 */
const own = trainSettings('poft', { learningRate: 1e-6, batchSize: 64, warmup: 0.1, schedule: 'cosine' })
const keys = z.strictObject({
  ...own.shape,
  scorers: z.array(z.string()).default([]).describe('aligned models; none where rows bring their baseline'),
})
type Keys = TrainSettings<'poft'> & { scorers: string[] }

/** Each demonstration's baseline: its mean log-prob a token under each scorer, averaged; those too long for one are left out. */
export async function withBaselines(rows: readonly Demonstration[], scorers: readonly string[]) {
  const read: (number | null)[][] = []
  for (const scorer of scorers)
    read.push(
      await meanLogprobs(
        scorer,
        rows.map(({ row }) => row),
      ),
    )
  return rows.flatMap(({ given }, i) => {
    const scores = read.map((of) => of[i])
    return scores.every((score) => score !== null) ? [{ ...given, baseline: mean(scores) }] : []
  })
}

async function program({ train, model, data, settings }: Work<'demonstrations', Keys>): Promise<string> {
  const { scorers, ...rest } = settings
  if (scorers.length === 0) return train('poft', { model, data: data.demonstrations, ...rest })
  const rows = await withBaselines(await readDemonstrations(data.demonstrations), scorers)
  if (rows.length === 0) throw new HoneError('E_ROW_FORMAT', 'no demonstration fits into the context of every scorer')
  return train('poft', { model, data: rows, ...rest })
}

export default recipe({
  id: 'poft',
  reads: { demonstrations: 'demonstrations' },
  settings: keys as unknown as z.ZodObject & z.ZodType<Keys>,
  run: program,

  proof: proof<Size>({
    claim:
      'With 40 % of the demonstrations corrupted PoFT answers right at least 4 points more often than SFT, weighs corrupted ones at most 0.7 times as much as clean ones after a tenth of the updates, and on clean data is within 1 point of SFT.',
    baseline: 'sft',
    seeds: 3,
    pilots: 1,
    goal: 'exact',
    shrunk:
      'a model of 0.3 M parameters, scorers of 0.2 M; weights after a run of a tenth of the updates. A second design, on new draws: after 240 updates, before either had learnt the task, clean data gave PoFT 0.936 and SFT 0.966 (not shown).',
    objectives: ['poft', 'sft'],
    sizes: {
      full: { width: 96, layers: 3, pretraining: 20_000, aligned: 15_000, rows: 3000, updates: 480, items: 300 },
      smoke: { width: 32, layers: 1, pretraining: 64, aligned: 32, rows: 40, updates: 10, items: 8 },
    },
    bases: async ({ fresh, trained }, { pretraining, aligned, ...size }) => {
      const spoken = many(pretraining, draws(0, 'poft/pretraining'), (draw) => ({ text: spokenFact(drawTask(draw)) }))
      const shape = { ...size, texts: ['0'], vocabSize: 257, context: 48 }
      const once = { epochs: 1, batchSize: 32, learningRate: 3e-3 }
      const model = await fresh({ ...shape, seed: 0 })
      const bases: Record<string, string> = { base: await trained('sft', { model, data: spoken, ...once }) }
      for (const scorer of [1, 2, 3]) {
        const data = many(aligned, draws(scorer, 'poft/aligned'), (draw) => demonstration(drawTask(draw)))
        const width = Math.min(64, size.width)
        const start = await fresh({ ...shape, width, seed: scorer })
        bases[`scorer ${scorer}`] = await trained('sft', { model: start, data, ...once })
      }
      return bases
    },
    arms: {
      poft: arm('poft', 0.4),
      sft: arm('sft', 0.4),
      'sft, best 60 %': arm('filtered', 0.4),
      'poft, clean': arm('poft', 0),
      'sft, clean': arm('sft', 0),
    },
    judge: ({ of }) => [
      atLeast('right, PoFT less SFT', less(of('poft', 'exact'), of('sft', 'exact')), 0.04, { beyond: 0 }),
      atMost(
        'weight of corrupted demonstrations over that of clean ones',
        over(of('poft', 'corruptedWeight'), of('poft', 'cleanWeight')),
        0.7,
        { refutedAt: 1 },
      ),
      atLeast('right on clean data, PoFT less SFT', less(of('poft, clean', 'exact'), of('sft, clean', 'exact')), -0.01),
    ],
  }),
})

interface Size {
  width: number
  layers: number
  pretraining: number
  /** Clean demonstrations of each scorer. */
  aligned: number
  rows: number
  updates: number
  items: number
}

const demonstration = (task: Parameters<typeof promptOf>[0], completion = resultOf(task)) => ({
  prompt: promptOf(task),
  completion,
})

function arm(how: 'poft' | 'sft' | 'filtered', noise: number) {
  return {
    trials: [7e-4, 1e-3, 1.5e-3, 2e-3].map((learningRate) => ({ learningRate })),
    async run(bench: Bench<Size>, { learningRate }: Settings): Promise<Figures> {
      const { seed, size, bases, train } = bench
      const drawn = many(size.rows, draws(seed, 'poft/rows, second'), (draw: Draw) => {
        const task = drawTask(draw)
        const isCorrupted = draw.chance(noise)
        return { ...demonstration(task, isCorrupted ? corrupted(draw, task) : undefined), isCorrupted }
      })
      const given = drawn.map(({ prompt, completion }) => ({ prompt, completion }))
      const scorers = [1, 2, 3].map((scorer) => bases[`scorer ${scorer}`])
      const rows = await readDemonstrations(given)
      const scored = how === 'sft' ? [] : await withBaselines(rows, scorers)
      const shared = { model: bases['base'], batchSize: 32, seed, learningRate: Number(learningRate) }
      const tune = (steps: number, stage?: string) => {
        if (how === 'sft') return train('sft', { ...shared, stage, data: given, steps })
        if (how === 'poft') return train('poft', { ...shared, stage, data: scored, steps })
        const order = [...scored.keys()].sort((a, b) => scored[b].baseline - scored[a].baseline)
        const best = order.slice(0, Math.round(0.6 * scored.length)).map((i) => given[i])
        return train('sft', { ...shared, stage, data: best, steps })
      }
      const tasks = many(size.items, draws(seed, 'poft/test, second'), (draw) => drawTask(draw))
      const told = await answers(
        await tune(size.updates),
        tasks.map((task) => promptOf(task)),
        { maxTokens: 16, seed },
      )
      const exact = share(told.map(({ text }, i) => isResult(tasks[i], text)))
      if (how !== 'poft' || noise === 0) return { exact }

      const early = await meanLogprobs(
        await tune(size.updates / 10, 'early'),
        rows.map(({ row }) => row),
      )
      // σ(s − p): what a row's gradient of SFT is multiplied by.
      const weightOf = (i: number) => 1 / (1 + Math.exp((early[i] ?? 0) - scored[i].baseline))
      const weights = (isCorrupted: boolean) =>
        mean([...drawn.keys()].filter((i) => drawn[i].isCorrupted === isCorrupted).map(weightOf))
      return { exact, cleanWeight: weights(false), corruptedWeight: weights(true) }
    },
  }
}
