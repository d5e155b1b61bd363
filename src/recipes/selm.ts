import { z } from 'zod'
import { draws, many } from '../envs/draw.ts'
import { demonstrateMode, drawMode, type Mode, modeReward } from '../envs/modes.ts'
import { mean } from '../evaluate/index.ts'
import { atLeast, type Bench, logprobsOf, proof, recipe, type Settings } from '../proofs/index.ts'
import type { Grader } from '../rewards/index.ts'
import { shareOfRound } from './prompts.ts'

const count = z.int().positive()
const rate = z.number().positive()

const keys = z.strictObject({
  explorer: z
    .enum(['selm', 'xpo'])
    .default('selm')
    .describe('whose own answers are left: those of the round or the start'),
  learningRate: rate.default(5e-7).describe('peak'),
  beta: rate.default(0.01).describe('of DPO'),
  optimism: z.number().nonnegative().default(0.001).describe('how strongly the usual answer is left (α)'),
  rounds: count.default(3).describe('of drawing, judging and learning'),
  promptsPerRound: count
    .nullable()
    .default(null)
    .describe('prompts of a round; null: all prompts are shared out evenly'),
  epochs: rate.default(1).describe('passes over the rows of a round'),
  n: count.default(4).describe('answers drawn to each prompt, beside the usual one'),
  maxTokens: count.default(1024).describe('tokens of an answer at most'),
  temperature: rate.default(1).describe('of the draws'),
  batchSize: count.default(128).describe('rows per update'),
  warmup: z.number().nonnegative().default(0.1).describe('updates, or below 1 a share of the run'),
  seed: z.int().nonnegative().default(0).describe('of everything that is drawn'),
})

const grid = (rates: readonly number[], betas: readonly number[], optimisms: readonly number[]) =>
  rates.flatMap((rate) => betas.flatMap((beta) => optimisms.map((optimism) => ({ rate, beta, optimism }))))
const exploring = grid([1e-4, 2e-4], [1, 3], [0.1, 0.3, 0.6])
const plain = grid([2.5e-5, 5e-5, 1e-4, 2e-4], [0.3, 1, 3], [0])

/**
 * SELM (Zhang et al. 2024, arXiv:2405.19332): online DPO in rounds, whose loss also takes probability from what the model
 * answers by itself as a round begins, so that it looks for better answers where it has not been. XPO (Xie et al. 2024,
 * arXiv:2405.21046) takes it from answers of the start instead.
 *
 * In the proof a usual answer is worth half of what a rare one is, and all others nothing; the judge is exact. The arms differ
 * in the weight of the exploring term alone: all of them draw and judge eight answers a prompt and round, and the usual one.
 * That answer wins a pair of its prompt until a rare one is met, and each gain of it makes meeting one less likely. In such a
 * pair the two terms balance where the logistic function of the margin is 1 - α: only α of some tenths holds the usual one back.
 * What is left of it goes to worthless answers too, so that the mean reward ends lower than DPO's: exploring is what is measured.
 */
export default recipe({
  id: 'selm',
  reads: { prompts: 'prompts' },
  judged: true,
  settings: keys,
  async run({ online, model, data, grader, settings }) {
    const { explorer, promptsPerRound, ...own } = settings
    const perRound = promptsPerRound ?? (await shareOfRound(data.prompts, own.rounds))
    return online(explorer, { model, data: data.prompts, grader, promptsPerRound: perRound, ...own })
  },

  proof: proof<Size>({
    claim:
      'With as many judged answers as iterative DPO, SELM meets more different answers and ends with more probability on the rare best one in at least 7 of 10 seeds.',
    baseline: 'dpo',
    seeds: 10,
    pilots: 3,
    goal: 'rare',
    shrunk:
      'prompts whose answers are three words, a model of 0.2 M parameters, an exact judge. A second design, on new draws: in the first there were 16 prompts, rates were five to ten times as high, and α was at most 0.1; a prompt found or lost decided a seed, and SELM led in 3 of 10. The paper has α of 0.001 at β of 0.01; on pilots α of 0.03 and less could not be told from DPO.',
    objectives: ['sft', 'dpo', 'selm'],
    sizes: {
      full: { width: 64, layers: 3, texts: 120_000, prompts: 32, rounds: 6, updates: 24 },
      smoke: { width: 32, layers: 1, texts: 64, prompts: 4, rounds: 2, updates: 1 },
    },
    bases: async ({ fresh }, size) => {
      const texts = many(size.texts, draws(0, 'selm, second/texts'), (draw) => {
        const { prompt, completion } = demonstrateMode(draw, drawMode(draw, draw.below(size.prompts)), often)
        return prompt + completion
      })
      return { fresh: await fresh({ ...size, texts, vocabSize: 320, context: 16, seed: 0 }) }
    },
    arms: {
      dpo: arm('selm', plain),
      selm: arm('selm', exploring),
      'dpo, start reference': arm('xpo', plain),
      xpo: arm('xpo', exploring),
    },
    judge: ({ of }) => {
      const wins = (arm: string, figure: string) => of(arm, figure).map((x, i) => Number(x > of('dpo', figure)[i]))
      const both = (arm: string) => wins(arm, 'distinct').map((won, i) => won * wins(arm, 'rare')[i])
      return [
        atLeast('seeds with more different answers, SELM against DPO', wins('selm', 'distinct'), 0.7, { refutedAt: 0 }),
        atLeast('seeds with more of them and more of the best answer', both('selm'), 0.7),
      ]
    },
  }),
})

interface Size {
  width: number
  layers: number
  texts: number
  prompts: number
  rounds: number
  /** Of a round. */
  updates: number
}

const often = { rare: 0.03, usual: 0.5 }

/** Every seed has modes of its own, and a start that has been shown them. */
async function world({ seed, size, bases, models }: Bench<Size>): Promise<{ modes: Mode[]; start: string }> {
  const stream = draws(seed, 'selm, second/modes')
  const modes = Array.from({ length: size.prompts }, (_, i) => drawMode(stream(i), i))
  const shown = draws(seed, 'selm, second/demonstrations')
  const data = many(size.texts, shown, (draw) => demonstrateMode(draw, draw.pick(modes), often))
  const learning = { epochs: 1, batchSize: 32, learningRate: 3e-3, seed }
  return { modes, start: await models.trained('sft', { model: bases['fresh'], data, ...learning }) }
}

function arm(method: 'selm' | 'xpo', trials: readonly Settings[]) {
  return {
    trials,
    async run(bench: Bench<Size>, { rate, beta, optimism }: Settings) {
      const { online, seed, size } = bench
      const { modes, start } = await world(bench)
      const met = new Set<string>()
      const grader: Grader = {
        id: 'modes',
        grade: async (asked) =>
          asked.map(({ prompt, row, answers }) =>
            answers.map(({ text }) => {
              met.add(prompt + text)
              return modeReward(row as Mode, text)
            }),
          ),
      }
      const model = await online(method, {
        ...{ model: start, data: modes, grader, seed, n: 8, maxTokens: 4, batchSize: size.prompts },
        ...{ rounds: size.rounds, stepsPerRound: size.updates, referenceShare: method === 'xpo' ? 1 : 0 },
        ...{ learningRate: Number(rate), beta: Number(beta), optimism },
      })
      const share = async (model: string, of: 'rare' | 'usual') => {
        const found = await logprobsOf(
          model,
          modes.map((mode) => ({ prompt: mode.prompt, completion: mode[of] })),
        )
        return mean(found.map(({ sum }) => Math.exp(sum)))
      }
      const [rare, usual] = [await share(model, 'rare'), await share(model, 'usual')]
      // All other answers are worth nothing, so that this is exact.
      return { reward: rare + usual / 2, rare, usual, distinct: met.size, startRare: await share(start, 'rare') }
    },
  }
}
