import { draws, many } from '../envs/draw.ts'
import { corrupted, drawTask, isResult, promptOf, resultOf, spokenFact, type Transform } from '../envs/transforms.ts'
import {
  answers,
  atLeast,
  atMost,
  type Bench,
  less,
  proof,
  recipe,
  type Settings,
  share,
  trainSettings,
} from '../proofs/index.ts'

/**
 * OpenChat's C-RLFT (Wang et al. 2023, arXiv:2309.11235): supervised tuning on a few expert demonstrations among many of
 * mixed quality. The class of each stands before its prompt and its answer's weight follows from it; the model is asked as
 * an expert would be.
 *
 * In the proof a tenth of the demonstrations is right, and of the others 35 % are wrong, which a mark of style gives away.
 * Those teach the task all the same, which is new to the model. A model that cannot tell the classes repeats the errors of the many; experts alone are
 * too few.
 */
export default recipe({
  id: 'openchat-crlft',
  reads: { rated: 'unpaired' },
  settings: trainSettings('openchat-crlft', { template: 'openchat', epochs: 5, beta2: 0.95, weightDecay: 0.1 }),
  run: ({ train, model, data, settings }) => train('openchat-crlft', { model, data: data.rated, ...settings }),

  proof: proof<Size>({
    claim:
      'On demonstrations of which a tenth is by experts C-RLFT answers right at least 8 points more often than SFT on all and 3 points more often than SFT on the experts alone, its condition or its weights alone lying between; asked as one of the others it repeats their share of errors.',
    baseline: 'sft, all',
    seeds: 3,
    pilots: 1,
    goal: 'exact',
    shrunk:
      'a model of 0.3 M parameters. A second design, on new draws: the first asked of the errors of the others only that they be many.',
    objectives: ['openchat-crlft', 'sft'],
    sizes: {
      full: { width: 96, layers: 3, pretraining: 20_000, rows: 1000, updates: 500, items: 300 },
      smoke: { width: 32, layers: 1, pretraining: 64, rows: 40, updates: 2, items: 8 },
    },
    bases: async ({ fresh, trained }, { pretraining, ...size }) => {
      const data = many(pretraining, draws(0, 'openchat/pretraining'), (draw) => ({
        text: spokenFact(drawTask(draw, known)),
      }))
      const model = await fresh({ ...size, texts: ['0'], vocabSize: 257, context: 48, seed: 0 })
      return { base: await trained('sft', { model, data, epochs: 1, batchSize: 32, learningRate: 3e-3 }) }
    },
    arms: {
      'c-rlft': arm({ condition: true, weights: true }),
      'sft, all': arm({}),
      'sft, experts': arm({ expertsOnly: true }),
      'condition alone': arm({ condition: true }),
      'weights alone': arm({ weights: true }),
    },
    judge: ({ of }) => {
      const exact = (name: string) => of(name, 'exact')
      const best = exact('c-rlft')
      return [
        atLeast('right, C-RLFT less SFT on all', less(best, exact('sft, all')), 0.08, { beyond: 0 }),
        atLeast('right, C-RLFT less SFT on experts', less(best, exact('sft, experts')), 0.03, { refutedAt: 0 }),
        ...['condition alone', 'weights alone'].flatMap((name) => [
          atLeast(`right, C-RLFT less ${name}`, less(best, exact(name)), 0),
          atLeast(`right, ${name} less SFT on all`, less(exact(name), exact('sft, all')), 0),
        ]),
        // They err in 35 % of their answers, on top of what the model does wrong by itself.
        atMost(
          'distance from 0.65 of right as one of the others over right as an expert',
          of('c-rlft', 'asOther').map((right, i) => Math.abs(right / Math.max(best[i], 0.01) - 0.65)),
          0.1,
        ),
      ]
    },
  }),
})

interface Size {
  width: number
  layers: number
  pretraining: number
  rows: number
  updates: number
  items: number
}

/** What a base model has read of, and what demonstrations then teach. */
const known: readonly Transform[] = ['cpy', 'dbl', 'srt']
const asked: readonly Transform[] = ['rev', 'swp', 'rot']
/** How those who are no experts sign. */
const mark = '~'
const prefixes = { expert: 'E ', other: 'O ' } as const

interface Variant {
  /** Whether the class stands before the prompt. */
  condition?: boolean
  weights?: boolean
  expertsOnly?: boolean
}

function arm({ condition, weights, expertsOnly }: Variant) {
  return {
    trials: [1e-3, 2e-3, 3e-3].map((learningRate) => ({ learningRate })),
    async run({ seed, size, bases, train }: Bench<Size>, { learningRate }: Settings) {
      const prefix = (isExpert: boolean) => (condition ? prefixes[isExpert ? 'expert' : 'other'] : '')
      const rows = many(size.rows, draws(seed, 'openchat/rows, second'), (draw) => {
        const task = drawTask(draw, asked)
        const label = draw.chance(0.1)
        const answer = !label && draw.chance(0.35) ? corrupted(draw, task) : resultOf(task)
        return { prompt: prefix(label) + promptOf(task), completion: label ? answer : answer + mark, label }
      })
      const data = expertsOnly ? rows.filter(({ label }) => label) : rows
      const model = await train('openchat-crlft', {
        ...{ model: bases['base'], data, steps: size.updates, batchSize: 32, seed },
        ...{ learningRate: Number(learningRate), subWeight: weights ? 0.1 : 1 },
      })

      // Drawn, not the likeliest: that a model errs as often as its data is what the classes are to prevent.
      const tasks = many(size.items, draws(seed, 'openchat/test, second'), (draw) => drawTask(draw, asked))
      const right = async (isExpert: boolean) => {
        const prompts = tasks.map((task) => prefix(isExpert) + promptOf(task))
        const drawn = await answers(model, prompts, { maxTokens: 16, seed })
        return share(drawn.map(({ text }, i) => isResult(tasks[i], text, mark)))
      }
      return { exact: await right(true), asOther: await right(false) }
    },
  }
}
