import { z } from 'zod'
import { HoneError } from '../base/index.ts'
import { type Chain, drawChain, drawFacts, isRight, isStepwise, questionOf, solve } from '../envs/chains.ts'
import { type Draw, draws, many } from '../envs/draw.ts'
import {
  answers,
  atLeast,
  type Bench,
  less,
  type Measured,
  proof,
  recipe,
  type Settings,
  share,
  type Work,
} from '../proofs/index.ts'

/**
 * Balancing the budget (Raghavendra et al. 2025, arXiv:2502.11284): a fixed number of annotations is divided between
 * demonstrations and preferences, tuned on in this order.
 *
 * The proof asks a base model that answers chains of arithmetic at once, and mostly wrongly, to write the steps. Pairs
 * prefer the worked solution to a slip or to a bare answer. With few annotations demonstrations alone should be best, with
 * many some of both; and preferences alone should fail for want of a start that a tenth of the budget gives.
 */
const budgets = [100, 500, 2000] as const
const ratios = [0, 0.1, 0.5, 1] as const

const keys = z.strictObject({
  ratio: z.number().min(0).max(1).default(0.25).describe('share of the budget that goes to demonstrations'),
  budget: z
    .int()
    .positive()
    .nullable()
    .default(null)
    .describe('annotations in all; null takes as many as the data has'),
  sftRate: z.number().positive().default(5e-5).describe('peak learning rate on demonstrations'),
  dpoRate: z.number().positive().default(5e-6).describe('peak learning rate on preferences'),
  beta: z.number().positive().default(0.1).describe('of DPO'),
  epochs: z.number().positive().default(2).describe('passes over each part'),
  batchSize: z.int().positive().default(16).describe('rows or pairs per update'),
  seed: z.int().nonnegative().default(0).describe('of everything that is drawn'),
})

/** How many demonstrations and pairs a budget buys, where a demonstration costs `demonstrationCost` pairs. */
export function divide(
  budget: number,
  ratio: number,
  demonstrationCost = 1,
): { demonstrations: number; pairs: number } {
  const demonstrations = Math.round((ratio * budget) / demonstrationCost)
  return { demonstrations, pairs: Math.round(budget - demonstrations * demonstrationCost) }
}

/** Supervised tuning on its share, then DPO on the rest from there; a part without rows is left out. */
async function program({ train, model, data, settings }: Work<'demonstrations' | 'pairs', z.output<typeof keys>>) {
  const { ratio, budget, sftRate, dpoRate, beta, ...shared } = settings
  const part = budget === null ? null : divide(budget, ratio)
  if (part === null && (ratio === 0 || ratio === 1)) {
    throw new HoneError('E_CONFIG', `ratio is ${ratio} and there is no budget`, { help: 'Give budget=NUMBER.' })
  }
  let start = model
  if (part?.demonstrations !== 0) {
    const stage = part?.pairs === 0 ? undefined : 'demonstrations'
    const limit = part?.demonstrations ?? null
    start = await train('sft', { stage, model, data: data.demonstrations, limit, learningRate: sftRate, ...shared })
  }
  if (part?.pairs === 0) return start
  return train('dpo', {
    model: start,
    data: data.pairs,
    limit: part?.pairs ?? null,
    learningRate: dpoRate,
    beta,
    ...shared,
  })
}

export default recipe({
  id: 'balance-budget',
  reads: { demonstrations: 'demonstrations', pairs: 'pairs' },
  settings: keys,
  run: program,

  proof: proof<Size>({
    claim:
      'With 100 annotations demonstrations alone are best; with 2000 a mixture beats them, and a tenth in demonstrations beats preferences alone by at least 15 points.',
    baseline: '2000, 1',
    seeds: 3,
    pilots: 1,
    goal: 'validation',
    shrunk:
      'budgets of 100, 500 and 2000, a model of 0.3 M parameters. A second design, on new draws: the base of the first could not work chains in this notation, and no arm learnt to (35 % right at most).',
    objectives: ['sft', 'dpo'],
    sizes: {
      full: { width: 96, layers: 3, pretraining: 96_000, items: 300, scale: 1 },
      smoke: { width: 32, layers: 1, pretraining: 64, items: 8, scale: 0.05 },
    },
    bases: async ({ fresh, trained }, { pretraining, ...size }) => {
      // Facts, chains that are worked where a mark asks for it, and answers to bare questions: seldom with their steps.
      const data = many(pretraining, draws(0, 'balance-budget/marked texts'), (draw) => {
        if (draw.chance(0.4)) return { text: drawFacts(draw, 8) }
        const chain = drawChain(draw, 1 + draw.below(2))
        if (draw.chance(0.5)) return { text: `w ${questionOf(chain)}${solve(chain, 'steps')}` }
        return { text: questionOf(chain) + solve(chain, draw.chance(0.03) ? 'steps' : 'direct') }
      })
      const model = await fresh({ ...size, texts: ['0'], vocabSize: 257, context: 64, seed: 0 })
      return { base: await trained('sft', { model, data, epochs: 1, batchSize: 32, learningRate: 3e-3 }) }
    },
    arms: Object.fromEntries(budgets.flatMap((n) => ratios.map((ratio) => [`${n}, ${ratio}`, arm(n, ratio)]))),
    judge: ({ of }) => {
      const [few, most] = [budgets[0], budgets[2]]
      const mixed = best(of, most, [0.1, 0.5])
      const other = best(of, few, [0, 0.1, 0.5])
      return [
        atLeast(`${few}: ratio 1 less the best other`, less(of(`${few}, 1`, 'accuracy'), of(other, 'accuracy')), 0),
        atLeast(
          `${most}: the best mixture less ratio 1`,
          less(of(mixed, 'accuracy'), of(`${most}, 1`, 'accuracy')),
          0,
          { beyond: 0 },
        ),
        atLeast(
          `${most}: ratio 0.1 less ratio 0`,
          less(of(`${most}, 0.1`, 'accuracy'), of(`${most}, 0`, 'accuracy')),
          0.15,
          {
            beyond: 0,
            refutedAt: 0.03,
          },
        ),
      ]
    },
  }),
})

interface Size {
  width: number
  layers: number
  pretraining: number
  items: number
  /** What budgets are multiplied with. */
  scale: number
}

/** The mixture that does best on items that the comparison does not use. */
function best(of: Measured['of'], budget: number, among: readonly number[]): string {
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length
  const names = among.map((ratio) => `${budget}, ${ratio}`)
  return names.reduce((a, b) => (mean(of(b, 'validation')) > mean(of(a, 'validation')) ? b : a))
}

function arm(budget: number, ratio: number) {
  // The same number for all: where one part is missing its rate is not varied, and the other more finely.
  const sftRates = ratio === 0 ? [1e-3] : ratio === 1 ? [5e-4, 1e-3, 2e-3, 4e-3] : [1e-3, 3e-3]
  const dpoRates = ratio === 1 ? [3e-4] : ratio === 0 ? [5e-5, 1e-4, 3e-4, 1e-3] : [1e-4, 3e-4]
  return {
    trials: sftRates.flatMap((sftRate) => dpoRates.map((dpoRate) => ({ sftRate, dpoRate }))),
    async run(bench: Bench<Size>, { sftRate, dpoRate }: Settings) {
      const { seed, size, bases } = bench
      const scaled = Math.round(budget * size.scale)
      const most = Math.round(budgets[2] * size.scale)
      // One pool of each kind, of which smaller budgets take the first: their subsets are nested.
      const demonstrations = many(most, draws(seed, 'balance-budget/demonstrations, second'), (draw) => {
        const chain = drawChain(draw, 2)
        return { prompt: questionOf(chain), completion: solve(chain, 'steps') }
      })
      const pairs = many(most, draws(seed, 'balance-budget/pairs, second'), drawPair)
      const model = await program({
        ...bench,
        model: bases['base'],
        data: { demonstrations, pairs },
        settings: {
          ...keys.parse({}),
          ...{ ratio, budget: scaled, seed, batchSize: 8, sftRate: Number(sftRate), dpoRate: Number(dpoRate) },
        },
      })
      const measure = async (stream: string) => {
        const chains = many(size.items, draws(seed, stream), (draw) => drawChain(draw, 2))
        const drawn = await answers(model, chains.map(questionOf), { temperature: 0, maxTokens: 24 })
        const texts = drawn.map(({ text }) => text)
        return {
          accuracy: share(texts.map((text, i) => isRight(chains[i], text))),
          stepwise: share(texts.map((text, i) => isStepwise(chains[i], text))),
        }
      }
      const { accuracy: validation } = await measure('balance-budget/validation, second')
      return { ...(await measure('balance-budget/test, second')), validation }
    },
  }
}

/** A worked solution against one with a slip, or against a bare and wrong answer. */
function drawPair(draw: Draw): { prompt: string; chosen: string; rejected: string } {
  const chain: Chain = drawChain(draw, 2)
  const slip = { step: draw.below(2), by: 1 + draw.below(9) }
  const rejected = solve(chain, draw.chance(0.5) ? 'steps' : 'direct', slip)
  return { prompt: questionOf(chain), chosen: solve(chain, 'steps'), rejected }
}
