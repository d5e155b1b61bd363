import { z } from 'zod'
import { HoneError, joinPath, platform } from '../base/index.ts'
import { type DataSource, openDataset, type Row } from '../data/index.ts'
import { openText } from '../engine/index.ts'
import { type Draw, draws, many } from '../envs/draw.ts'
import { drawDocument, drawRecords, lookUp, type Records, recordLength, recordWords } from '../envs/records.ts'
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
 * LongPO (Chen et al. 2025, arXiv:2502.13922): a model of short context teaches itself to use a long one. Of a chunk of a
 * long document it writes a question and an answer; this answer is preferred to the one from the whole document, by a loss
 * whose reference, the model of before, reads the chunk alone. Each further round doubles the context.
 *
 * The paper joins the questions of one document as turns; here each is a row of its own.
 *
 * The proof is key-value retrieval by a model that was trained on 32 tokens and is used on 128 with a larger rotary base.
 * All arms train on the same pairs and imitate every token. They differ in whether they also compare, and in what the
 * reference reads then: the chunk, or the whole document as with DPO.
 */
const keys = z.strictObject({
  context: z.int().positive().default(131_072).describe('tokens that the result is to read'),
  rounds: z.int().positive().default(1).describe('of answering and training, each with twice the context'),
  ropeTheta: z.number().positive().default(1e7).describe('rotary base of the long model'),
  chunkTokens: z.int().positive().default(7000).describe('of a part that a question is about'),
  questions: z.int().positive().default(2).describe('chunks with a question, per document'),
  room: z.int().positive().default(4608).describe('tokens of the context kept for template, question and answer'),
  questionTemperature: z.number().nonnegative().default(1).describe('at which questions are drawn; answers at 1'),
  questionTokens: z.int().positive().default(1024).describe('longest question'),
  answerTokens: z.int().positive().default(1024).describe('longest answer'),
  ask: z
    .string()
    .default(
      '{text}\n\nWrite one question or instruction about the text above that it is enough to answer. Write it only.',
    )
    .describe('how the model is told to write a question about {text}'),
  tell: z.string().default('{text}\n\n{question}').describe('how {question} is asked of {text}'),
  reads: z.enum(['chunk', 'document']).default('chunk').describe('what the reference reads; the document is DPO'),
  beta: z.number().positive().default(0.01).describe('strength of the constraint'),
  lambda: z.number().nonnegative().default(0.01).describe('weight of the comparison'),
  nllWeight: z.number().nonnegative().default(1).describe('weight of the imitation of every token'),
  learningRate: z.number().positive().default(5e-7).describe('peak'),
  warmup: z.number().nonnegative().default(0.1).describe('updates, or below 1 a share of the run'),
  epochs: z.number().positive().default(1).describe('passes over the pairs'),
  batchSize: z.int().positive().default(8).describe('pairs per update'),
  seed: z.int().nonnegative().default(0).describe('of everything that is drawn'),
})

type Keys = z.output<typeof keys>

/** AdamW without a running mean of gradients, save for its correction of the first updates. */
const rmsprop = { beta1: 0, beta2: 0.99, schedule: 'cosine' } as const

async function program({ train, merge, model, data, settings }: Work<'documents', Keys>): Promise<string> {
  const { context, rounds, ropeTheta, reads, beta, lambda, nllWeight, learningRate } = settings
  const { warmup, epochs, batchSize, seed } = settings
  const texts = await readTexts(data.documents)
  const { base } = await openText(model)
  const source = JSON.parse(await platform().readText(joinPath(base, 'config.json')))
  let current = model
  for (let round = 1; round <= rounds; round++) {
    const length = Math.floor(context / 2 ** (rounds - round))
    const config = longConfig(source, length, ropeTheta)
    const long = await merge({ model: current, stage: `context-${length}`, config })
    const rows = await selfPairs({ short: model, long, texts, length, round, settings })
    const models = { model: long, reference: reads === 'chunk' ? model : long }
    const shared = { beta, lambda, nllWeight, learningRate, warmup, epochs, batchSize, seed }
    const stage = round < rounds ? `round-${round}` : undefined
    current = await train('longpo', { stage, ...models, data: rows, ...rmsprop, ...shared })
  }
  return current
}

/** The keys of a config.json that make the context longer: the rotary base stands where the model's family keeps it. */
export function longConfig(source: Record<string, unknown>, context: number, theta: number): Record<string, unknown> {
  const inner = source['rope_parameters']
  const rope = inner ? { rope_parameters: { ...inner, rope_theta: theta } } : { rope_theta: theta }
  return { ...rope, max_position_embeddings: context }
}

/** Neighbouring parts of `length` tokens, the last one shorter. */
export const cut = (tokens: readonly number[], length: number): number[][] =>
  Array.from({ length: Math.ceil(tokens.length / length) }, (_, i) => tokens.slice(i * length, (i + 1) * length))

interface SelfPairs {
  /** The model that writes questions and preferred answers. */
  short: string
  /** The model whose answers from whole documents are rejected. */
  long: string
  texts: readonly string[]
  /** Context of this round. */
  length: number
  round: number
  settings: Keys
}

/**
 * Pairs that the models make themselves. Left out are those whose question or answer is empty, or takes more than twice
 * the tokens when it is read that it may have when it is written: bytes that are no text do.
 */
async function selfPairs({ short, long, texts, length, round, settings }: SelfPairs): Promise<object[]> {
  const { room, chunkTokens, questions, questionTemperature, questionTokens, answerTokens, ask, tell, reads, seed } =
    settings
  if (room >= length) {
    throw new HoneError('E_CONFIG', `room is ${room}, expected less than the context of ${length}`)
  }
  const { tokenizer, template } = await openText(short)
  const fits = (text: string, maxTokens = answerTokens) => {
    const { length } = tokenizer.encode(text, { special: false })
    return length > 0 && length <= 2 * maxTokens
  }
  const at = draws(seed, `longpo/chunks ${round}`)
  const parts = texts.flatMap((text, i) => {
    const tokens = tokenizer.encode(text, { special: false }).slice(0, length - room)
    const document = tokenizer.decode(tokens)
    return at(i)
      .some(cut(tokens, chunkTokens), questions)
      .map((chunk) => ({ document, chunk: tokenizer.decode(chunk) }))
  })
  const told = async (model: string, prompts: readonly string[], kind: 0 | 1 | 2) => {
    const own =
      kind === 0 ? { temperature: questionTemperature, maxTokens: questionTokens } : { maxTokens: answerTokens }
    return (await answers(model, prompts, { ...own, seed, round: 3 * round + kind })).map(({ text }) => text)
  }
  const fill = (pattern: string, text: string, question = '') =>
    pattern.replace(/\{(text|question)\}/g, (_, name) => (name === 'text' ? text : question))
  const wanted = parts.map(({ chunk }) => fill(ask, chunk))
  const texted = (await told(short, wanted, 0)).map((text) => text.trim())
  const asking = parts.flatMap((part, i) => (fits(texted[i], questionTokens) ? { ...part, question: texted[i] } : []))
  const prompts = (of: 'chunk' | 'document') => asking.map((part) => fill(tell, part[of], part.question))
  const [brief, whole] = [prompts('chunk'), prompts('document')]
  const [chosen, rejected] = [await told(short, brief, 1), await told(long, whole, 2)]
  const turn = (role: string, content: string) => (template ? [{ role, content }] : content)
  return asking.flatMap((_, i) => {
    if (!fits(chosen[i]) || !fits(rejected[i])) return []
    return {
      prompt: turn('user', whole[i]),
      short_prompt: turn('user', reads === 'chunk' ? brief[i] : whole[i]),
      chosen: turn('assistant', chosen[i]),
      rejected: turn('assistant', rejected[i]),
    }
  })
}

/** What rows say, whatever their format. */
async function readTexts(source: DataSource): Promise<string[]> {
  await using dataset = await openDataset(source)
  const textOf = (row: Row) => {
    if (row.kind === 'text') return row.text
    if (row.kind === 'completion') return row.prompt + row.completion
    return row.kind === 'chat' ? row.messages.map(({ content }) => content).join('\n\n') : ''
  }
  const texts: string[] = []
  for (let i = 0; i < dataset.length; i++) texts.push(textOf(await dataset.read(i)))
  return texts.filter((text) => text.trim() !== '')
}

/** The imitation of every token has no weight of the comparison to choose, and twice as many rates. */
const pairTrials = [1e-4, 3e-4].flatMap((learningRate) => [0.03, 0.3].map((lambda) => ({ learningRate, lambda })))
const soleTrials = [1e-4, 3e-4, 6e-4, 1e-3].map((learningRate) => ({ learningRate, lambda: 0 }))

export default recipe({
  id: 'longpo',
  reads: { documents: 'demonstrations' },
  settings: keys,
  run: program,

  proof: proof<Size>({
    claim:
      'On four times its context LongPO is at least as accurate as imitation alone and 5 points better than with a reference that reads the whole document; on its old context it loses at most a point, and imitation more.',
    baseline: 'dpo',
    seeds: 5,
    pilots: 2,
    goal: 'long',
    shrunk:
      'a model of 0.4 M parameters, trained on 32 tokens and used on 128, one question a document, drawn at temperature 0.5; no second doubling.',
    objectives: ['longpo', 'sft'],
    sizes: {
      full: { width: 96, layers: 3, lessons: 32_000, texts: 12_000, updates: 60, items: 400 },
      smoke: { width: 32, layers: 1, lessons: 320, texts: 320, updates: 2, items: 6 },
    },
    bases: async ({ fresh, trained }, { lessons, texts, ...size }) => {
      const words = recordWords.map((word) => ` ${word}`)
      const start = await fresh({
        ...size,
        texts: [...words, ...words],
        vocabSize: 1024,
        context: shortContext,
        seed: 0,
      })
      const shared = { epochs: 1, batchSize: 32, beta2: 0.98 } as const
      const first = { data: many(lessons, draws(0, 'longpo/lessons'), drawLesson), learningRate: 2e-3, ...shared }
      const model = await trained('sft', { model: start, schedule: 'constant', warmup: 0.05, ...first })
      const second = { data: many(texts, draws(0, 'longpo/texts'), drawText), learningRate: 1e-3, ...shared }
      return { base: await trained('sft', { model, ...second }) }
    },
    arms: {
      sft: arm(soleTrials),
      dpo: arm(pairTrials, 'document'),
      longpo: arm(pairTrials),
    },
    judge: ({ of }) => {
      const lead = (arm: string) => less(of('longpo', 'long'), of(arm, 'long'))
      return [
        atLeast('accuracy at 128, LongPO less imitation', lead('sft'), 0),
        atLeast('accuracy at 128, LongPO less DPO', lead('dpo'), 0.05, { refutedAt: 0 }),
        atMost('accuracy at 32, lost by LongPO', of('longpo', 'drop'), 0.01),
        atLeast(
          'accuracy at 32, lost by imitation less lost by LongPO',
          less(of('sft', 'drop'), of('longpo', 'drop')),
          0.001,
        ),
      ]
    },
  }),
})

interface Size {
  width: number
  layers: number
  /** Rows of the first and of the second training. */
  lessons: number
  texts: number
  updates: number
  items: number
}

const shortContext = 32
const longContext = 128
/** Tokens for a mark, a question, its answer and the ends of both. */
const room = 11
/** Records of a chunk, and the most that the model has learnt on; records of a whole document. */
const few = Math.floor((shortContext - room) / recordLength)
const lots = Math.floor((longContext - room) / recordLength)

const ask = '{text}?'
const tell = '{text}? {question}'
const asking = (document: string, key: string) => `${document}? ${key}`

/** Questions about a few records, as many as there is room for, and their answers. */
function drawLesson(draw: Draw): { prompt: string; completion: string } {
  const records = drawRecords(draw, 2 + draw.below(few - 1))
  const free = Math.floor((shortContext - 1) / recordLength) - records.keys.length
  const asked = Array.from({ length: free }, () => draw.pick(records.keys))
  return {
    prompt: drawDocument(draw, records),
    completion: asked.map((key) => asking('', key) + answerOf(records, key)).join(''),
  }
}

/** A document with one question and its answer, where it ends: what every token is learnt of. */
function drawText(draw: Draw): { text: string } {
  const records = drawRecords(draw, 1 + draw.below(few))
  const key = draw.pick(records.keys)
  return { text: asking(drawDocument(draw, records), key) + answerOf(records, key) }
}

const answerOf = (records: Records, key: string) => ` ${lookUp(records, key)}`

/** The share of keys whose value is told from documents of so many records. */
async function accuracy(model: string, { seed, size }: Bench<Size>, count: number): Promise<number> {
  const items = many(size.items, draws(seed, `longpo/test ${count}`), (draw) => {
    const records = drawRecords(draw, count)
    const key = draw.pick(records.keys)
    return { prompt: asking(drawDocument(draw, records), key), answer: answerOf(records, key) }
  })
  const told = await answers(
    model,
    items.map(({ prompt }) => prompt),
    { temperature: 0, maxTokens: 2 },
  )
  return share(told.map(({ text }, i) => text === items[i].answer))
}

const batchSize = 4
const task = {
  ...{ ask, tell, room, context: longContext, ropeTheta: 4e4, questions: 1 },
  ...{
    chunkTokens: few * recordLength,
    questionTemperature: 0.5,
    questionTokens: 1,
    answerTokens: 2,
    batchSize,
    beta: 0.1,
  },
}

function arm(trials: readonly Settings[], reads: Keys['reads'] = 'chunk') {
  return {
    trials,
    async run(bench: Bench<Size>, trial: Settings) {
      const { seed, size, bases, isPilot } = bench
      const documents = many(size.updates * batchSize, draws(seed, 'longpo/documents'), (draw) => ({
        text: drawDocument(draw, drawRecords(draw, lots)),
      }))
      const settings = { ...keys.parse({}), ...task, reads, seed, ...trial }
      const model = await program({ ...bench, model: bases['base'], data: { documents }, settings })
      const before = await accuracy(bases['base'], bench, few)
      const after = await accuracy(model, bench, few)
      const figures = { long: await accuracy(model, bench, lots), short: after, drop: before - after }
      if (isPilot) return figures
      const config = { rope_theta: task.ropeTheta, max_position_embeddings: longContext }
      const untrained = await bench.merge({ model: bases['base'], stage: 'untrained', config })
      return { ...figures, untrained: await accuracy(untrained, bench, lots) }
    },
  }
}
