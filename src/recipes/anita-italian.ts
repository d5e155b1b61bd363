import { z } from 'zod'
import { type Draw, draws, many } from '../envs/draw.ts'
import { drawErrand, errandOf, isPolite, isReported, type Language, polite, reportOf, rude } from '../envs/languages.ts'
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
  type Work,
} from '../proofs/index.ts'

/**
 * ANITA (Polignano et al. 2024, arXiv:2405.07101): an instruct model is tuned on instructions, then on preferences, then
 * adapted to another language, each time as an adapter over a base in 4 bits that is merged before the next stage.
 *
 * The proof's two languages say the same in other words and another order. A model that follows errands in English learns to
 * end its reports politely, and then to follow them in Italian from 300 samples. The adaptation must cost neither English
 * nor politeness, and four bits no more than two points. As an ablation the adaptation comes before the preferences.
 */
const stages = ['sft', 'dpo', 'adapt'] as const
type Stage = (typeof stages)[number]

const rate = z.number().positive()
const keys = z.strictObject({
  order: z
    .array(z.enum(stages))
    .default([...stages])
    .describe('stages, each at most once'),
  quantize: z.enum(['nf4', 'q8_0', 'none']).default('nf4').describe('what the base is kept in while adapters learn'),
  sftRate: rate.default(2e-4).describe('peak learning rate on instructions'),
  adaptRate: rate.default(2e-4).describe('peak learning rate of the adaptation'),
  dpoRate: rate.default(5e-5).describe('peak learning rate on preferences'),
  beta: rate.default(0.1).describe('of DPO'),
  rank: z.int().positive().default(16).describe('of the adapters'),
  alpha: rate.default(8).describe('adapters are scaled by alpha / rank, in DPO by alpha / √rank'),
  adaptEpochs: rate.default(1).describe('passes over the adaptation'),
  batchSize: z.int().positive().default(16).describe('rows or pairs per update'),
  seed: z.int().nonnegative().default(0).describe('of everything that is drawn'),
})
type Keys = z.output<typeof keys>

async function program(work: Work<'instructions' | 'pairs' | 'adaptation', Keys>): Promise<string> {
  const { train, merge, data, settings } = work
  const { order, quantize, sftRate, adaptRate, dpoRate, beta, rank, alpha, adaptEpochs, batchSize, seed } = settings
  const adapter = { adapter: 'lora', rank, alpha, quantize: quantize === 'none' ? null : quantize } as const
  const shared = { ...adapter, batchSize, seed }
  const tune = (stage: Stage, model: string) => {
    if (stage === 'dpo') {
      const how = { beta, learningRate: dpoRate, rsLora: true, reference: 'adapter-off' }
      return train('dpo', { stage: 'dpo adapter', model, data: data.pairs, ...shared, ...how })
    }
    const how =
      stage === 'sft'
        ? { data: data.instructions, learningRate: sftRate, epochs: 1 }
        : { data: data.adaptation, learningRate: adaptRate, epochs: adaptEpochs }
    return train('sft', { stage: `${stage} adapter`, model, ...how, ...shared })
  }
  let model = work.model
  for (const [i, stage] of order.entries()) {
    const adapted = await tune(stage, model)
    model = await merge({ model: adapted, stage: i === order.length - 1 ? undefined : stage })
  }
  return model
}

export default recipe({
  id: 'anita-italian',
  reads: { instructions: 'demonstrations', pairs: 'pairs', adaptation: 'demonstrations' },
  settings: keys,
  run: program,

  proof: proof<Size>({
    claim:
      'Adapted to Italian from 300 samples the model reports errands in it at least 30 points more often than before, loses at most 3 points of English, stays polite in at least 0.9 of its English reports, and a base in 4 bits costs at most 2 points.',
    baseline: 'english alone',
    seeds: 3,
    pilots: 1,
    goal: 'all',
    shrunk:
      'the base has read both languages. A fourth design, on new draws, with adaptations of 80 passes. The first two, of 0.3 M parameters, forgot a third and 16 % of their English in one of two seeds, the second after adaptations of 8 passes, too short for 4 bits (not shown). The third, of 1 M as in the large form of the proof, chose its rate with 24 or 40 passes: in 4 bits one of two seeds was at 0.75 of the Italian then, in full precision both at 1 (not shown).',
    objectives: ['sft', 'dpo'],
    sizes: {
      full: { width: 160, layers: 3, texts: 24_000, instructions: 1000, pairs: 800, adaptation: 300, items: 300 },
      smoke: { width: 32, layers: 1, texts: 64, instructions: 16, pairs: 16, adaptation: 16, items: 8 },
    },
    bases: async ({ fresh, trained }, size) => {
      // Errands with their reports, often in English and seldom in Italian, and reports of what was done with one thing.
      const data = many(size.texts, draws(0, 'anita/texts'), (draw) => {
        const errand = drawErrand(draw)
        const language = draw.pick<Language>(['english', 'italian'])
        const [asked, report] = [errandOf(errand, language), reportOf(errand, language)]
        if (draw.chance(language === 'english' ? 0.7 : 0.015)) return { text: asked + report + manner(draw) }
        // What else was done with the same thing: that things stay the same is known in both.
        return { text: report.trim() + reportOf({ ...errand, verb: drawErrand(draw).verb }, language) }
      })
      const texts = many(2000, draws(0, 'anita/words'), drawErrand).flatMap((errand) =>
        (['english', 'italian'] as const).map((language) => errandOf(errand, language) + reportOf(errand, language)),
      )
      const words = [...texts, ...texts.map((text) => text + polite), ...texts.map((text) => text + rude)]
      const start = await fresh({ ...size, texts: words, vocabSize: 600, context: 48, seed: 0 })
      return { base: await trained('sft', { model: start, data, epochs: 1, batchSize: 32, learningRate: 3e-3 }) }
    },
    arms: {
      anita: arm({}),
      'english alone': arm({ order: ['sft', 'dpo'] }),
      'in full precision': arm({ quantize: 'none' }),
      'adapted before dpo': arm({ order: ['sft', 'adapt', 'dpo'] }),
    },
    judge: ({ of }) => [
      atLeast('Italian, adapted less before', less(of('anita', 'italian'), of('english alone', 'italian')), 0.3),
      atMost('English, before less adapted', less(of('english alone', 'english'), of('anita', 'english')), 0.03),
      atLeast('polite in English, adapted', of('anita', 'polite'), 0.9, { refutedAt: 0.7 }),
      atMost(
        'Italian, distance of 4 bits and full precision',
        less(of('anita', 'italian'), of('in full precision', 'italian')).map(Math.abs),
        0.02,
      ),
    ],
  }),
})

interface Size {
  width: number
  layers: number
  texts: number
  instructions: number
  pairs: number
  adaptation: number
  items: number
}

/** How those end their reports who were never told which way is better. */
function manner(draw: Draw): string {
  return draw.pick(['', '', polite, rude])
}

function arm(changed: Partial<Keys>) {
  return {
    // After 40 passes some seeds are not through yet: of equal trials the first is taken, a slow one.
    trials: [
      { adaptRate: 2e-4, adaptEpochs: 80 },
      { adaptRate: 3e-4, adaptEpochs: 80 },
      { adaptRate: 5e-4, adaptEpochs: 40 },
    ],
    async run(bench: Bench<Size>, { adaptRate, adaptEpochs }: Settings) {
      const { seed, size, bases } = bench
      const instructions = (language: Language, count: number) =>
        many(count, draws(seed, `anita/${language}, fourth`), (draw) => {
          const errand = drawErrand(draw)
          return { prompt: errandOf(errand, language), completion: reportOf(errand, language) + manner(draw) }
        })
      const pairs = many(size.pairs, draws(seed, 'anita/pairs, fourth'), (draw) => {
        const errand = drawErrand(draw)
        const report = reportOf(errand, 'english')
        return {
          prompt: errandOf(errand, 'english'),
          chosen: report + polite,
          rejected: report + draw.pick(['', rude]),
        }
      })
      const model = await program({
        ...bench,
        model: bases['base'],
        data: {
          instructions: instructions('english', size.instructions),
          pairs,
          adaptation: instructions('italian', size.adaptation),
        },
        settings: {
          ...keys.parse({ sftRate: 1e-3, dpoRate: 1e-4, alpha: 16 }),
          ...{ seed, adaptRate: Number(adaptRate), adaptEpochs: Number(adaptEpochs) },
          ...changed,
        },
      })
      const errands = many(size.items, draws(seed, 'anita/test, fourth'), drawErrand)
      const told = async (language: Language) => {
        const asked = errands.map((errand) => errandOf(errand, language))
        const replies = await answers(model, asked, { temperature: 0, maxTokens: 24 })
        return replies.map(({ text }) => text)
      }
      const [english, italian] = [await told('english'), await told('italian')]
      const reported = (replies: string[], language: Language) =>
        share(replies.map((reply, i) => isReported(errands[i], language, reply)))
      const figures = {
        english: reported(english, 'english'),
        italian: reported(italian, 'italian'),
        polite: share(english.map(isPolite)),
        politeItalian: share(italian.map(isPolite)),
      }
      return { ...figures, all: figures.english + figures.italian + figures.polite }
    },
  }
}
