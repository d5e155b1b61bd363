import { z } from 'zod'
import { type DataSource, openDataset, type Row, reshape } from '../data/index.ts'
import { type Ability, abilities, drawQuestion, drawText, isFormed, isRight, type Question } from '../envs/abilities.ts'
import { type Draw, draws, many } from '../envs/draw.ts'
import { mean } from '../evaluate/index.ts'
import {
  answers,
  atLeast,
  atMost,
  type Bench,
  type Figures,
  less,
  logprobsOf,
  over,
  proof,
  recipe,
  type Settings,
  share,
  type Work,
} from '../proofs/index.ts'

const methods = ['dpo', 'ipo', 'kto', 'cpo'] as const
type Method = (typeof methods)[number]
/** What alignment starts from: a model tuned on demonstrations, the base itself, or an instruct model. */
const scenarios = ['tuned', 'base', 'instruct'] as const
type Scenario = (typeof scenarios)[number]

const rates = [
  ...[1e-4, 3e-4, 1e-3].map((learningRate) => ({ learningRate, beta: 0.5 })),
  { learningRate: 1e-3, beta: 0.1 },
]

/**
 * Insights into alignment (Saeidi et al. 2024, arXiv:2404.14723): DPO, IPO, KTO and CPO in one harness, from a tuned model,
 * from a base model and from an instruct model, with few pairs and with many.
 *
 * The proof asks for three abilities in one form of dialogue that its base has seldom seen; an oracle's pairs are wrong one time in ten.
 * All that was measured is in the record, whatever the checks say.
 */
const keys = z.strictObject({
  method: z.enum(methods).default('kto').describe('what learns from the pairs'),
  skipSft: z.boolean().default(false).describe('align the model as it is'),
  sftRate: z.number().positive().default(2e-5).describe('peak learning rate on demonstrations'),
  rate: z.number().positive().default(5e-7).describe('peak learning rate on pairs'),
  beta: z.number().positive().default(0.1).describe('of the method'),
  epochs: z.number().positive().default(1).describe('passes over each part'),
  batchSize: z.int().positive().default(16).describe('rows or pairs per update'),
  seed: z.int().nonnegative().default(0).describe('of everything that is drawn'),
})

async function program(work: Work<'demonstrations' | 'pairs', z.output<typeof keys>>): Promise<string> {
  const { train, model, data, settings } = work
  const { method, skipSft, sftRate, rate: learningRate, beta, ...shared } = settings
  const sft = { stage: 'sft', model, data: data.demonstrations, learningRate: sftRate, ...shared }
  const start = skipSft ? model : await train('sft', sft)
  const options = { model: start, learningRate, beta, ...shared }
  // Each side of a pair is a rated answer of its own to KTO.
  return train(method, { ...options, data: method === 'kto' ? await rated(data.pairs) : data.pairs })
}

async function rated(pairs: DataSource) {
  await using dataset = await openDataset(pairs)
  const rows: Row[] = []
  for (let i = 0; i < dataset.length; i++) rows.push(await dataset.read(i))
  return reshape(rows, { to: 'unpaired' }).rows
}

export default recipe({
  id: 'alignment-insights',
  reads: { demonstrations: 'demonstrations', pairs: 'pairs' },
  settings: keys,
  run: program,

  proof: proof<Size>({
    claim:
      'KTO and CPO lose at most 5 points without SFT where DPO and IPO lose at least 10; a fifth of the pairs brings at least 80 % of the gain; truthfulness rises most from an instruct model.',
    baseline: 'dpo, tuned',
    seeds: 2,
    pilots: 1,
    goal: 'exact',
    shrunk:
      'a model of 0.2 M parameters; 200 and 1000 pairs, as in the small form of the proof; one text in ten that the base has read is a dialogue.',
    objectives: ['sft', ...methods],
    sizes: {
      full: {
        width: 64,
        layers: 3,
        texts: 24_000,
        demonstrations: 800,
        instructions: 6000,
        few: 200,
        many: 1000,
        items: 50,
      },
      smoke: { width: 32, layers: 1, texts: 64, demonstrations: 16, instructions: 32, few: 8, many: 16, items: 2 },
    },
    bases: async ({ fresh, trained }, size) => {
      const data = many(size.texts, draws(0, 'insights/texts and dialogues'), (draw) => ({ text: drawText(draw, 5) }))
      const spoken = many(1000, draws(0, 'insights/words'), (draw) => {
        const { prompt, right } = drawQuestion(draw)
        return prompt + right
      })
      const texts = [...data.slice(0, 2000).map(({ text }) => text), ...spoken]
      const start = await fresh({ ...size, texts, vocabSize: 600, context: 64, seed: 0 })
      const once = { epochs: 1, batchSize: 32 }
      const base = await trained('sft', { model: start, data, learningRate: 3e-3, ...once })
      // Demonstrations are no truer than the world is; an instruct model has seen many, in which the truth is half as
      // common as the falsehood: it still tells the latter.
      const tune = (count: number, truth: number) => {
        const rows = many(count, draws(0, `insights/demonstrations ${count}`), (draw) => demonstration(draw, truth))
        return trained('sft', { model: base, data: rows, learningRate: 2e-3, ...once })
      }
      return { base, tuned: await tune(size.demonstrations, 0.25), instruct: await tune(size.instructions, 0.3) }
    },
    arms: Object.fromEntries(
      methods.flatMap((method) => scenarios.map((scenario) => [nameOf(method, scenario), arm(method, scenario)])),
    ),
    judge: ({ of }) => {
      const exact = (method: Method, scenario: Scenario) => of(nameOf(method, scenario), 'exact')
      const lost = (method: Method) => less(exact(method, 'tuned'), exact(method, 'base'))
      /** Means over methods, seed by seed. */
      const averaged = (figures: (method: Method) => number[]) => {
        const each = methods.map(figures)
        return each[0].map((_, seed) => mean(each.map((values) => values[seed])))
      }
      const gain = (figure: string) => averaged((method) => of(nameOf(method, 'tuned'), figure))
      const truer = (scenario: Scenario) => averaged((method) => of(nameOf(method, scenario), 'truthGain'))
      return [
        ...(['kto', 'cpo'] as const).map((method) =>
          atMost(`right, lost by ${method} without SFT`, lost(method), 0.05),
        ),
        ...(['dpo', 'ipo'] as const).map((method) => rises(`right, lost by ${method} without SFT`, lost(method), 0.1)),
        // A gain of nothing would leave no ratio.
        rises('gain of few pairs over that of many, tuned start', over(gain('fewGain'), floored(gain('gain'))), 0.8),
        ...(['tuned', 'base'] as const).map((scenario) =>
          rises(`rise of truth, instruct less ${scenario} start`, less(truer('instruct'), truer(scenario)), 0),
        ),
      ]
    },
  }),
})

interface Size {
  width: number
  layers: number
  texts: number
  demonstrations: number
  instructions: number
  few: number
  many: number
  /** Questions of each ability. */
  items: number
}

/** Refuted where the sign fails in every seed. */
const rises = (what: string, values: readonly number[], bound: number) =>
  atLeast(what, values, bound, values.every((value) => value <= 0) ? { refutedAt: 0 } : {})

const floored = (gains: readonly number[]) => gains.map((gain) => Math.max(gain, 0.01))

function nameOf(method: Method, scenario: Scenario): string {
  return `${method}, ${scenario}`
}

function demonstration(draw: Draw, truth: number) {
  const { ability, prompt, right, wrong } = drawQuestion(draw)
  return { prompt, completion: ability === 'facts' && !draw.chance(truth) ? wrong : right }
}

/** An oracle's pair, the wrong way round one time in ten. */
function drawPair(draw: Draw) {
  const { prompt, right, wrong } = drawQuestion(draw)
  return draw.chance(0.1) ? { prompt, chosen: wrong, rejected: right } : { prompt, chosen: right, rejected: wrong }
}

function arm(method: Method, scenario: Scenario) {
  return {
    trials: rates,
    async run(bench: Bench<Size>, { learningRate, beta }: Settings): Promise<Figures> {
      const { seed, size, bases, isPilot } = bench
      // Tuned models are the same for all arms, so that their stage is made once.
      const model = bases[scenario]
      const pairs = many(size.many, draws(seed, 'insights/pairs'), drawPair)
      const questions = abilities.flatMap((ability) =>
        many(size.items, draws(seed, `insights/test ${ability}`), (draw) => drawQuestion(draw, ability)),
      )
      const before = await told(model, questions)
      const align = async (count: number) => {
        const given = { method, skipSft: true, seed, rate: Number(learningRate), beta: Number(beta), epochs: 5 }
        const data = { demonstrations: [], pairs: pairs.slice(0, count) }
        return program({ ...bench, model, data, settings: { ...keys.parse({}), ...given } })
      }
      const aligned = await align(size.many)
      const after = await told(aligned, questions)
      const figures = {
        exact: rightly(questions, after),
        gain: rightly(questions, after) - rightly(questions, before),
        ...Object.fromEntries(abilities.map((ability) => [ability, rightly(questions, after, ability)])),
        truthGain: rightly(questions, after, 'facts') - rightly(questions, before, 'facts'),
        formed: share(after.map(isFormed)),
        ...(await likelihoods(model, aligned, questions, after)),
      }
      if (isPilot) return figures
      const few = rightly(questions, await told(await align(size.few), questions))
      return { ...figures, fewExact: few, fewGain: few - rightly(questions, before) }
    },
  }
}

async function told(model: string, questions: readonly Question[]): Promise<string[]> {
  const asked = questions.map(({ prompt }) => prompt)
  return (await answers(model, asked, { temperature: 0, maxTokens: 8 })).map(({ text }) => text)
}

const rightly = (questions: readonly Question[], replies: readonly string[], ability?: Ability) =>
  share(
    questions.flatMap((question, i) =>
      ability === undefined || question.ability === ability ? [isRight(question, replies[i])] : [],
    ),
  )

/**
 * Which answers a model prefers, and how far it has moved: the mean log-ratio in nats, to its start, of its own likeliest
 * replies.
 */
async function likelihoods(start: string, aligned: string, questions: readonly Question[], replies: readonly string[]) {
  const rows = (of: (question: Question, i: number) => string) =>
    questions.map((question, i) => ({ prompt: question.prompt, completion: of(question, i) }))
  const own = rows((_, i) => replies[i]).filter(({ completion }) => completion !== '')
  const n = questions.length
  const all = [...rows(({ right }) => right), ...rows(({ wrong }) => wrong), ...own]
  const now = (await logprobsOf(aligned, all)).map(({ sum }) => sum)
  const then = own.length > 0 ? (await logprobsOf(start, own)).map(({ sum }) => sum) : []
  return {
    preferred: share(questions.map((_, i) => now[i] > now[n + i])),
    moved: own.length > 0 ? mean(then.map((sum, i) => now[2 * n + i] - sum)) : 0,
  }
}
