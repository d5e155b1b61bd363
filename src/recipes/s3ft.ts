import { z } from 'zod'
import { HoneError, joinPath, platform } from '../base/index.ts'
import { openModel } from '../engine/index.ts'
import { draws, many } from '../envs/draw.ts'
import {
  composed,
  drawWork,
  isRight,
  otherwise,
  plainly,
  questionOf,
  retelling,
  retellingOf,
  type Work as Task,
  tasks,
} from '../envs/tellings.ts'
import { askedText, mean, promptTokens, questionOf as readQuestion } from '../evaluate/index.ts'
import {
  answers,
  atLeast,
  atMost,
  type Bench,
  type Figures,
  less,
  logprobsOf,
  proof,
  recipe,
  type Settings,
  share,
  type Work,
} from '../proofs/index.ts'
import { type Answer, type Grader, requireScores } from '../rewards/index.ts'
import { type Demonstration, readDemonstrations } from './demonstrations.ts'

const count = z.int().positive()

const targets = ['s3ft', 'no-paraphrase', 'self-only', 'gold'] as const

const keys = z.strictObject({
  targets: z
    .enum(targets)
    .default('s3ft')
    .describe("what is learnt: s3ft, the same without retelling, the model's own right answers alone, or the data"),
  retell: z
    .string()
    .default(
      'Question:\n{prompt}\n\nA right answer:\n{answer}\n\nGive this answer to the question again in words of your own.',
    )
    .describe('asks for a right answer in other words; {prompt} and {answer} are put in'),
  threshold: z.number().default(1).describe('score from which an answer counts as right'),
  maxTokens: count.default(256).describe('tokens of an answer at most'),
  learningRate: z.number().positive().default(1e-5).describe('peak'),
  epochs: z.number().positive().default(1).describe('passes over the targets'),
  steps: count.nullable().default(null).describe('updates; overrides epochs'),
  batchSize: count.default(16).describe('rows per update'),
  adapter: z.enum(['lora']).nullable().default(null).describe('train low-rank overlays instead of the weights'),
  seed: z.int().nonnegative().default(0).describe('of everything that is drawn'),
})

type Keys = z.output<typeof keys>

/** Where a target comes from: the model's own answer, what it made of the right one, or the data. */
export type Bucket = 'self' | 'paraphrase' | 'gold'

export interface Target {
  bucket: Bucket
  prompt: string
  /** What is learnt. */
  completion: string
  /** The row that a training takes. */
  given: Record<string, unknown>
}

/**
 * For each demonstration the model's own greedy answer where that is right, else its retelling of the demonstrated one where that
 * is, else the demonstrated one as it stands. The first is asked without a word of the demonstration.
 * @throws HoneError E_CONFIG for a `retell` without {answer}; E_ROW_FORMAT for a row without a prompt
 */
export async function chooseTargets(
  model: string,
  rows: readonly Demonstration[],
  grader: Grader,
  settings: Pick<Keys, 'targets' | 'retell' | 'threshold' | 'maxTokens'>,
): Promise<Target[]> {
  const { targets, retell, threshold, maxTokens } = settings
  if (!retell.includes('{answer}')) {
    throw new HoneError('E_CONFIG', 'retell has no {answer}, expected a place for the right answer', {
      help: 'Write {prompt} and {answer} where the question and its answer go.',
    })
  }
  const gold = rows.map(
    ({ prompt, completion, given }): Target => ({ bucket: 'gold', prompt, completion, given: { ...given } }),
  )
  if (targets === 'gold') return gold
  const questions = rows.map(({ given, row }) => readQuestion({ value: withoutText(given, row.source), ...row.source }))
  await using open = await openModel(model)

  /** The greedy answers to these rows that the grader finds right, by place. */
  async function right(places: readonly number[], ask: (place: number) => number[]): Promise<Map<number, Answer>> {
    const prompts = places.map((place) => ({ tokens: ask(place) }))
    const drawn: Answer[] = []
    for await (const one of open.engine.sample(prompts, { temperature: 0, maxTokens })) drawn[one.prompt] = one
    const answered = places.map((place, i) => ({
      ...askedText(questions[place].asked, open.tokenizer),
      row: rows[place].given,
      answers: [drawn[i]],
    }))
    const scores = requireScores(grader, answered, await grader.grade(answered))
    const fits = (i: number) => scores[i][0] >= threshold && drawn[i].finish !== 'length' && drawn[i].text.trim() !== ''
    return new Map(places.flatMap((place, i) => (fits(i) ? [[place, drawn[i]] as const] : [])))
  }

  const all = [...rows.keys()]
  const self = await right(all, (place) =>
    promptTokens(open, questions[place].asked, { tools: questions[place].tools }),
  )
  const left = all.filter((place) => !self.has(place))
  const asks = (place: number) => {
    const { prompt, completion } = rows[place]
    return promptTokens(open, {
      prompt: retell.replace(/\{(prompt|answer)\}/g, (_, name) => (name === 'prompt' ? prompt : completion)),
    })
  }
  const retold = targets === 's3ft' && left.length > 0 ? await right(left, asks) : new Map<number, Answer>()
  const chosen = gold.map((target, place) => {
    const own = self.get(place) ?? retold.get(place)
    return own ? told(target, own.text, self.has(place) ? 'self' : 'paraphrase') : target
  })
  return targets === 'self-only' ? chosen.filter(({ bucket }) => bucket === 'self') : chosen
}

/** @throws HoneError E_ROW_FORMAT */
function withoutText(given: Record<string, unknown>, { file, line }: { file: string; line: number }) {
  if (!('text' in given)) return given
  throw new HoneError('E_ROW_FORMAT', `${file}:${line}: the row is a text, expected a prompt with an answer`)
}

function told({ prompt, given }: Target, completion: string, bucket: Bucket): Target {
  const { messages } = given as { messages?: { role: string; content: string }[] }
  if (!messages) return { bucket, prompt, completion, given: { ...given, completion } }
  const last = messages.findLastIndex(({ role }) => role !== 'assistant')
  const turns = [...messages.slice(0, last + 1), { role: 'assistant', content: completion }]
  return { bucket, prompt, completion, given: { ...given, messages: turns } }
}

/** The targets are chosen once, by the model as it stands before it learns, and lie beside the result as `targets.jsonl`. */
async function program({
  train,
  model,
  data,
  grader,
  settings,
}: Pick<Work<'demonstrations', Keys>, 'train' | 'model' | 'data' | 'grader' | 'settings'>) {
  const { targets, retell, threshold, maxTokens, ...training } = settings
  const rows = await readDemonstrations(data.demonstrations)
  const chosen = await chooseTargets(model, rows, grader as Grader, { targets, retell, threshold, maxTokens })
  if (chosen.length === 0) {
    throw new HoneError(
      'E_EMPTY',
      `the model answers none of ${rows.length} prompts rightly: nothing is to be learnt`,
      {
        help: 'Take targets=s3ft, which keeps the answers of the data.',
      },
    )
  }
  const folder = await train('sft', { model, data: chosen.map(({ given }) => given), ...training })
  const lines = chosen.map(({ bucket, prompt, completion }) => `${JSON.stringify({ bucket, prompt, completion })}\n`)
  await platform().writeAtomic(joinPath(folder, 'targets.jsonl'), lines.join(''))
  return folder
}

const rates = [3e-4, 1e-3, 2e-3].map((learningRate) => ({ learningRate }))

/**
 * Selective self-to-supervised fine-tuning (Gupta et al. 2025, arXiv:2502.08130): before supervised tuning each demonstrated
 * answer gives way to the model's own where that is right, or else to the model's retelling of it, so that what is learnt is
 * near to what the model would have said.
 *
 * In the proof a model knows four transforms of words, and of a composition of two what its texts did rightly: they left the
 * second step out for most words. The demonstrations of the composition are told in another way than all that it has said before.
 */
export default recipe({
  id: 's3ft',
  reads: { demonstrations: 'demonstrations' },
  judged: true,
  settings: keys,
  run: program,

  proof: proof<Size>({
    claim:
      'Tuned on targets chosen by S3FT a model forgets at most 0.6 of what it forgets when tuned on the demonstrations, which is at least 4 points on its four earlier tasks, and is on the new task no worse than that by more than a point, and better by at least 2 points than tuned on its own right answers alone.',
    baseline: 'gold',
    seeds: 3,
    pilots: 1,
    goal: 'accuracy',
    shrunk:
      'a model of 0.5 M parameters, words of five letters, and three seeds, as in the small form of the proof; what the start does wrong its texts did wrong, by the first letter of a word. Rehearsal of synthesised rows (SSR) is no arm. A second design, with compositions in a quarter of the texts instead of a twentieth: in a first record the start solved a tenth of them, less than the premise asks for, and no other check failed.',
    objectives: ['sft'],
    sizes: {
      full: { width: 96, layers: 4, texts: 24_000, rows: 300, updates: 100, items: 200 },
      smoke: { width: 32, layers: 1, texts: 64, rows: 6, updates: 2, items: 4 },
    },
    bases: async ({ fresh }, { width, layers }) => ({
      fresh: await fresh({ width, layers, texts: ['0'], vocabSize: 257, context: 128, seed: 0 }),
    }),
    arms: Object.fromEntries(targets.map((name) => [name, arm(name)])),
    judge: ({ of }) => {
      const accuracy = (name: string) => of(name, 'accuracy')
      const forgotten = (name: string) => of(name, 'forgotten')
      const likely = (bucket: Bucket) => of('s3ft', `${bucket}Logprob`)
      return [
        atLeast('the new task before tuning, accuracy', of('gold', 'startAccuracy'), 0.2, { premise: true }),
        atMost('the new task before tuning, accuracy', of('gold', 'startAccuracy'), 0.6, { premise: true }),
        atLeast('forgotten by tuning on the demonstrations', forgotten('gold'), 0.04, { beyond: 0 }),
        atMost(
          'forgotten, S3FT less 0.6 of that',
          less(
            forgotten('s3ft'),
            forgotten('gold').map((x) => 0.6 * x),
          ),
          0,
        ),
        atMost('forgotten, S3FT less demonstrations', less(forgotten('s3ft'), forgotten('gold')), 0, { refutedAt: 0 }),
        atLeast('new task, S3FT less demonstrations', less(accuracy('s3ft'), accuracy('gold')), -0.01),
        atLeast('new task, S3FT less own answers alone', less(accuracy('s3ft'), accuracy('self-only')), 0.02),
        atLeast('log-prob a token at the start, own less retold', less(likely('self'), likely('paraphrase')), 0),
        atLeast(
          'log-prob a token at the start, retold less demonstrated',
          less(likely('paraphrase'), likely('gold')),
          0,
        ),
      ]
    },
  }),
})

interface Size {
  width: number
  layers: number
  texts: number
  rows: number
  updates: number
  /** Questions of each task. */
  items: number
}

/** Right by its last word alone, however it is told. */
const grader: Grader = {
  id: 'last word',
  grade: async (asked) =>
    asked.map(({ row, answers }) => {
      const { completion } = row as { completion: string }
      const wanted = completion.split(' ').at(-1)
      return answers.map(({ text }) => Number(text.trim().split(' ').at(-1) === wanted))
    }),
}

/**
 * What the start has read: its tasks, three in four of them single, told plainly, and told again when they were told otherwise. Of a composition
 * the second step is left out where the word begins with one of the later letters, which are five of eight.
 */
async function startOf({ seed, size, bases, models }: Bench<Size>): Promise<string> {
  const data = many(size.texts, draws(seed, 's3ft/texts'), (draw) => {
    const task = drawWork(draw, draw.chance(0.25) ? composed : [draw.pick(tasks)])
    if (draw.chance(0.25)) return { prompt: retellingOf(task, otherwise(task)), completion: plainly(task) }
    const isHalf = task.word[0] > 'c'
    return { prompt: questionOf(task), completion: plainly(isHalf ? { ...task, steps: task.steps.slice(0, 1) } : task) }
  })
  const once = { epochs: 1, batchSize: 64, learningRate: 2e-3, seed }
  return models.trained('sft', { model: bases['fresh'], data, ...once })
}

async function accuracyOf(model: string, asked: readonly Task[]): Promise<number> {
  const drawn = await answers(model, asked.map(questionOf), { temperature: 0, maxTokens: 64 })
  return share(drawn.map(({ text }, i) => isRight(asked[i], text)))
}

function arm(name: (typeof targets)[number]) {
  return {
    trials: rates,
    async run(bench: Bench<Size>, { learningRate }: Settings): Promise<Figures> {
      const { seed, size, isPilot } = bench
      const start = await startOf(bench)
      const rows = many(size.rows, draws(seed, 's3ft/rows'), (draw) => {
        const task = drawWork(draw, composed)
        return { prompt: questionOf(task), completion: otherwise(task) }
      })
      const test = (steps: Task['steps']) =>
        many(size.items, draws(seed, `s3ft/test ${steps}`), (draw) => drawWork(draw, steps))
      const known = async (model: string) =>
        mean(await Promise.all(tasks.map((transform) => accuracyOf(model, test([transform])))))
      const choice = { targets: name, retell: retelling, threshold: 1, maxTokens: 64 }
      const shared = { steps: size.updates, batchSize: 32, seed, learningRate: Number(learningRate) }
      const settings = { ...keys.parse(choice), ...shared }
      const few = await chooseTargets(start, await readDemonstrations(rows), grader, settings)
      // A start that answers nothing rightly has nothing of its own to learn.
      const model =
        few.length > 0
          ? await program({ ...bench, model: start, data: { demonstrations: rows }, grader, settings })
          : start
      const [before, after] = [await known(start), await known(model)]
      return {
        accuracy: await accuracyOf(model, test(composed)),
        forgotten: before - after,
        known: after,
        startAccuracy: await accuracyOf(start, test(composed)),
        ...(!isPilot && {
          startKnown: before,
          ...(name === 's3ft' && (await likelihoods(start, rows, settings))),
        }),
      }
    },
  }
}

/** How many targets are of each kind, and how likely all rows' targets of a kind are to the start, a token. */
async function likelihoods(
  start: string,
  rows: { prompt: string; completion: string }[],
  settings: Keys,
): Promise<Figures> {
  const chosen = await chooseTargets(start, await readDemonstrations(rows), grader, settings)
  const figures: Record<string, number> = {}
  for (const bucket of ['self', 'paraphrase', 'gold'] as const) {
    const own = chosen.filter((target) => target.bucket === bucket)
    // The demonstrations of all rows, since few or none of them may be left as targets.
    const told = bucket === 'gold' ? rows : own
    const found = told.length > 0 ? await logprobsOf(start, told) : []
    figures[`${bucket}Count`] = own.length
    figures[`${bucket}Logprob`] = found.length > 0 ? mean(found.map(({ sum, tokens }) => sum / tokens)) : 0
  }
  return figures
}
