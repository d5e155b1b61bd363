import { z } from 'zod'
import { HoneError } from '../base/index.ts'
import {
  type Composition,
  drawComposition,
  drawWord,
  isRight,
  isStepwise,
  orders,
  questionOf,
  solve,
} from '../envs/compositions.ts'
import { type Draw, draws, many } from '../envs/draw.ts'
import { promptOf, resultOf } from '../envs/transforms.ts'
import {
  answers,
  atLeast,
  atMost,
  type Bench,
  type Figures,
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
 * The proof asks a base model that answers two transforms of a word at once, and mostly wrongly, to write the steps. It
 * has read worked questions behind a mark, half of them with a slip, so that it needs to be shown the form and to leave
 * its slips. Pairs prefer the worked solution to one with such a slip, or to a bare and mostly wrong answer. Both kinds
 * of annotation are equally fallible: one demonstration in five has a slip, one pair in five is labelled the wrong way
 * round. Demonstrations hand on slips at the rate at which they have them, and pairs outvote them, which is what a
 * mixture can gain here; how it does among faultless annotations the proof does not say. With few annotations
 * demonstrations alone should be best, with many some of both; and preferences alone should fail for want of a start
 * that a tenth of the budget gives.
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
      'budgets of 100, 500 and 2000, one epoch, a model of 0.3 M parameters; answers are drawn. A fourth design, on new draws, in which a fifth of the annotations of either kind is faulty. The third had faultless ones: demonstrations alone with 2000 came to 98 % right, a mixture to 1 point less (not shown), and on pilots neither longer questions nor bases that know less gave pairs anything to mend. The second had arithmetic in the place of transforms: both lower ratios stayed at the level of guessing at every budget (24 % right at most, refuted), because the base could not work its steps. In the first no arm learnt to.',
    objectives: ['sft', 'dpo'],
    sizes: {
      full: { width: 96, layers: 3, pretraining: 20_000, items: 600, scale: 1 },
      smoke: { width: 32, layers: 1, pretraining: 64, items: 8, scale: 0.05 },
    },
    bases: async ({ fresh, trained }, { pretraining, ...size }) => {
      const data = many(pretraining, draws(0, 'balance-budget/texts, fourth'), (draw) => ({ text: drawText(draw) }))
      const model = await fresh({ ...size, texts: ['0'], vocabSize: 257, context: 96, seed: 0 })
      return { base: await trained('sft', { model, data, epochs: 1, batchSize: 32, learningRate: 3e-3 }) }
    },
    arms: Object.fromEntries(budgets.flatMap((n) => ratios.map((ratio) => [`${n}, ${ratio}`, arm(n, ratio)]))),
    judge: ({ of }) => {
      const [few, most] = [budgets[0], budgets[2]]
      const mixed = best(of, most, [0.1, 0.5])
      const other = best(of, few, [0, 0.1, 0.5])
      return [
        atMost('accuracy of the base as it is', of(`${most}, 1`, 'before'), 0.3, { premise: true }),
        atLeast(`${most}: accuracy at ratio 1`, of(`${most}, 1`, 'accuracy'), 0.5, { premise: true }),
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

const steps = 2
const letters = 5

const drawQuestion = (draw: Draw): Composition => drawComposition(draw, steps, letters)

/** The share of annotations that are faulty, the same for both kinds. */
const faulty = 0.2

const slip = (draw: Draw) => ({ step: draw.below(steps), draw })

/** What the base reads: facts about one word, worked questions behind a mark, and bare ones that are answered at once. */
function drawText(draw: Draw): string {
  if (draw.chance(0.3)) {
    const word = drawWord(draw, letters)
    const facts = draw.some(['cpy', ...orders] as const, 4).map((transform) => ({ transform, word }))
    return facts.map((fact) => `${promptOf(fact)}${resultOf(fact)}`).join(';')
  }
  const asked = drawQuestion(draw)
  if (draw.chance(0.7))
    return `w ${questionOf(asked)}${solve(asked, 'steps', draw.chance(0.5) ? slip(draw) : undefined)}`
  return questionOf(asked) + solve(asked, 'direct', draw.chance(0.7) ? slip(draw) : undefined)
}

/** Questions of which no two are the same. */
function distinct(count: number, stream: (index: number) => Draw): Composition[] {
  const found = new Map<string, Composition>()
  for (let i = 0; found.size < count; i++) {
    const asked = drawQuestion(stream(i))
    found.set(questionOf(asked), asked)
  }
  return [...found.values()]
}

/** A worked solution that now and then has a slip. */
const demonstrationOf = (asked: Composition, draw: Draw) => ({
  prompt: questionOf(asked),
  completion: solve(asked, 'steps', draw.chance(faulty) ? slip(draw) : undefined),
})

/** A worked solution against one with a slip, or against a bare and wrong answer; now and then the wrong way round. */
function pairOf(asked: Composition, draw: Draw) {
  const right = solve(asked, 'steps')
  const wrong = solve(asked, draw.chance(0.75) ? 'steps' : 'direct', slip(draw))
  const [chosen, rejected] = draw.chance(faulty) ? [wrong, right] : [right, wrong]
  return { prompt: questionOf(asked), chosen, rejected }
}

function arm(budget: number, ratio: number) {
  // The same number for all: where one part is missing its rate is not varied, and the other more finely.
  const sftRates = ratio === 0 ? [5e-4] : ratio === 1 ? [2.5e-4, 5e-4, 1e-3, 2e-3] : [5e-4, 1e-3]
  const dpoRates = ratio === 1 ? [1e-5] : ratio === 0 ? [5e-6, 1e-5, 3e-5, 1e-4] : [3e-5, 5e-5]
  return {
    trials: sftRates.flatMap((sftRate) => dpoRates.map((dpoRate) => ({ sftRate, dpoRate }))),
    async run(bench: Bench<Size>, { sftRate, dpoRate }: Settings): Promise<Figures> {
      const { seed, size, bases, isPilot } = bench
      const most = Math.round(budgets[2] * size.scale)
      const questions = distinct(2 * (most + size.items), draws(seed, 'balance-budget/questions, fourth'))
      // One pool of each kind, of which smaller budgets take the first: their subsets are nested.
      const written = draws(seed, 'balance-budget/demonstrations, fourth')
      const demonstrations = questions.splice(0, most).map((asked, i) => demonstrationOf(asked, written(i)))
      const labelled = draws(seed, 'balance-budget/pairs, fourth')
      const pairs = questions.splice(0, most).map((asked, i) => pairOf(asked, labelled(i)))
      const rates = { sftRate: Number(sftRate), dpoRate: Number(dpoRate) }
      const fixed = { ratio, budget: Math.round(budget * size.scale), seed, batchSize: 4, epochs: 1, beta: 0.5 }
      const model = await program({
        ...bench,
        model: bases['base'],
        data: { demonstrations, pairs },
        settings: { ...keys.parse({}), ...fixed, ...rates },
      })
      // Drawn, not the likeliest: which of the answers that it has read of a model gives is what tuning is to change.
      const ask = async (of: string, asked: readonly Composition[]) => {
        const drawn = await answers(of, asked.map(questionOf), { maxTokens: 40, seed })
        return drawn.map(({ text }) => text)
      }
      const right = (asked: readonly Composition[], texts: readonly string[]) =>
        share(texts.map((text, i) => isRight(asked[i], text)))
      const [forChoice, test] = [questions.slice(0, size.items), questions.slice(size.items)]
      const validation = right(forChoice, await ask(model, forChoice))
      if (isPilot) return { validation }
      const texts = await ask(model, test)
      return {
        accuracy: right(test, texts),
        stepwise: share(texts.map((text, i) => isStepwise(test[i], text))),
        validation,
        before: right(test, await ask(bases['base'], test)),
      }
    },
  }
}
