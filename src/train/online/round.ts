import { HoneError, platform, random, throwIfAborted } from '../../base/index.ts'
import { type Form, forms, type RowInput, type SegmentInput, withAnswersOf } from '../../batch/index.ts'
import type { Engine } from '../../engine/index.ts'
import { type Answer, type Grader, requireScores } from '../../rewards/index.ts'
import type { Tokenizer } from '../../text/index.ts'
import type { RoundEvent, SampleEvent } from '../events.ts'
import type { OnlineConfig } from './config.ts'
import type { RoundPrompt } from './prompts.ts'
import { drawTurns, type Tools } from './turns.ts'
import type { Judged, Lesson, OnlineMethod } from './types.ts'

export interface RoundOptions {
  engine: Engine
  method: OnlineMethod
  form: Form
  config: OnlineConfig
  grader: Grader | null
  /** Whether each row is to bring an answer to another prompt too (KTO). */
  mismatched: boolean
  tokenizer: Tokenizer
  tools: Tools | null
  signal?: AbortSignal
  onProgress?: (line: string) => void
}

/** A row that has no number yet. */
export type NewRow = Omit<RowInput, 'id'>

/** What a round gave: rows to learn from, and what there is to tell of them. */
export interface Drawn {
  rows: NewRow[]
  events: (SampleEvent | RoundEvent)[]
}

/**
 * Draws answers to the prompts of a round from the model as it stands, has them judged, and makes rows of them. Which draws
 * a prompt gets depends on the seed, the round and its place in the data alone.
 *
 * @param round from 0
 * @throws HoneError E_SCORE for a grader that does not give a number for each answer
 */
export async function drawRound(
  round: number,
  step: number,
  prompts: readonly RoundPrompt[],
  options: RoundOptions,
): Promise<Drawn> {
  const { method, form, config, grader, signal } = options
  const began = platform().elapsed()
  const answers = await drawAnswers(round, prompts, options)
  throwIfAborted(signal)
  const asked = prompts.map((prompt, i) => ({ ...prompt, answers: answers[i] }))
  options.onProgress?.(`round ${round + 1}: judging`)
  const scores = grader ? await graded(grader, asked, config.tokenCost, signal) : asked.map(() => [])
  const judged = asked.map((one, i): Judged & RoundPrompt => ({ ...one, scores: scores[i] }))

  const chance = random(config.seed, 'online/lessons')
  const lessons = judged.map((one) => method.learn(one, config, (place) => chance.unit(round, one.index, place)))
  const alone = judged.flatMap((one, i) => lessons[i].map((lesson) => ({ index: one.index, row: rowOf(one, lesson) })))
  const rows = options.mismatched ? withOthers(alone) : alone.map(({ row }) => row)
  const samples = judged.flatMap((one, i) => describe(one, lessons[i], { round, step, form }))
  const summary: RoundEvent = {
    type: 'round',
    round: round + 1,
    step,
    prompts: prompts.length,
    samples: samples.length,
    rows: rows.length,
    seconds: platform().elapsed() - began,
    metrics: metricsOf(judged),
  }
  return { rows, events: [...samples, summary] }
}

async function drawAnswers(
  round: number,
  prompts: readonly RoundPrompt[],
  { engine, tokenizer, tools, config, signal, onProgress }: RoundOptions,
): Promise<Answer[][]> {
  const { n, maxTokens, temperature, topK, topP, stop, seed } = config
  const answers: Answer[][] = prompts.map(() => [])
  const sampling = { n, maxTokens, temperature, topK, topP, stop, seed, round }
  if (tools) {
    const told = (turn: number, open: number) => onProgress?.(`round ${round + 1}, turn ${turn + 1}: ${open} answers`)
    return drawTurns({ engine, tokenizer }, prompts, sampling, tools, { signal, onProgress: told })
  }
  const asked = prompts.map(({ tokens, index }) => ({ tokens, id: index }))
  let done = 0
  for await (const { prompt, sample, tokens, text, finish } of engine.sample(asked, sampling, { signal })) {
    answers[prompt][sample] = { tokens, text, finish }
    onProgress?.(`round ${round + 1}: ${++done} of ${prompts.length * n} answers`)
  }
  return answers
}

async function graded(
  grader: Grader,
  asked: readonly (RoundPrompt & { answers: Answer[] })[],
  tokenCost: number,
  signal?: AbortSignal,
): Promise<number[][]> {
  const scores = requireScores(grader, asked, await grader.grade(asked, { signal }))
  return asked.map(({ answers }, i) => answers.map(({ tokens }, k) => scores[i][k] - tokenCost * tokens.length))
}

/** A tree of the prompt and the answers of a lesson, which are learnt token for token as they were drawn. */
function rowOf({ tokens, answers, demonstration }: Judged & RoundPrompt, lesson: Lesson): NewRow {
  const leaves = lesson.sequences.map((which, sequence): SegmentInput => {
    const answer = which === 'demonstration' ? { tokens: demonstration ?? [] } : answers[which]
    const loss = ('loss' in answer && answer.loss) || answer.tokens.map(() => 1)
    return { tokens: answer.tokens, loss, parent: 0, ...(sequence > 0 && { sequence }) }
  })
  return { segments: [{ tokens }, ...leaves], ...(lesson.values && { values: lesson.values }) }
}

/**
 * Gives each row the answers of the next one that belongs to another prompt.
 * @throws HoneError E_EMPTY where there is one prompt alone
 */
function withOthers(rows: readonly { index: number; row: NewRow }[]): NewRow[] {
  return rows.map(({ index, row }, i) => {
    const other = [...rows.slice(i + 1), ...rows.slice(0, i)].find((one) => one.index !== index)
    if (other) return withAnswersOf({ id: 0, ...row }, { id: 0, ...other.row })
    throw new HoneError('E_EMPTY', 'this objective compares answers with those to other prompts: there is 1 prompt')
  })
}

function describe(
  { prompt, answers, scores }: Judged,
  lessons: readonly Lesson[],
  { round, step, form }: { round: number; step: number; form: Form },
): SampleEvent[] {
  const names = forms[form] as readonly string[]
  const roles = new Map(
    lessons.flatMap(({ sequences, values }) =>
      sequences.map(
        (which, place) => [which, roleOf(names[place] ?? `place ${place + 1}`, values?.['label']?.[place])] as const,
      ),
    ),
  )
  return answers.map(({ text, tokens, finish }, i) => ({
    type: 'sample',
    step,
    prompt,
    text,
    ...(scores.length > 0 && { score: scores[i] }),
    round: round + 1,
    role: roles.get(i) ?? null,
    tokens: tokens.length,
    finish,
  }))
}

const roleOf = (name: string, label: number | undefined) => (label === undefined ? name : label === 1 ? 'good' : 'bad')

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

function metricsOf(judged: readonly Judged[]): Record<string, number> {
  const answers = judged.flatMap((one) => one.answers)
  const figures = {
    length: mean(answers.map(({ tokens }) => tokens.length)),
    unfinished: mean(answers.map(({ finish }) => Number(finish === 'length'))),
    distinct: mean(judged.map((one) => new Set(one.answers.map(({ text }) => text)).size / one.answers.length)),
  }
  if (judged[0].scores.length === 0) return figures
  return {
    score: mean(judged.map(({ scores }) => mean(scores))),
    bestScore: mean(judged.map(({ scores }) => Math.max(...scores))),
    ...figures,
  }
}
