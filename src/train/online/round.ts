import { HoneError, platform, random, throwIfAborted } from '../../base/index.ts'
import { type Form, type RowInput, type SegmentInput, withAnswersOf } from '../../batch/index.ts'
import type { Engine, SampleOptions } from '../../engine/index.ts'
import { type Answer, type Comparer, type Grader, requireScores } from '../../rewards/index.ts'
import type { Tokenizer } from '../../text/index.ts'
import type { RoundEvent, SampleEvent } from '../events.ts'
import type { OnlineConfig } from './config.ts'
import type { Anchor } from './data.ts'
import type { RoundPrompt } from './prompts.ts'
import { roundEvents } from './round-events.ts'
import { playTournaments } from './tournament.ts'
import { drawTurns, type Tools } from './turns.ts'
import type { Judged, Lesson, OnlineMethod, Which } from './types.ts'

export interface RoundOptions {
  engine: Engine
  method: OnlineMethod
  form: Form
  config: OnlineConfig
  grader: Grader | Comparer | null
  /** Whether each row is to bring an answer to another prompt too (KTO). */
  mismatched: boolean
  tokenizer: Tokenizer
  tools: Tools | null
  /** The model that stays as it is, for methods that play against it. */
  anchor: Anchor | null
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
  const opponents = method.opponent
    ? await drawOpponents(round, prompts, method.opponent, options)
    : prompts.map(() => [])
  throwIfAborted(signal)
  options.onProgress?.(`round ${round + 1}: judging`)
  // A judge sees the answers to a prompt together, whoever gave them.
  const asked = prompts.map((prompt, i) => ({ ...prompt, answers: [...answers[i], ...opponents[i]] }))
  const duels = grader && 'compare' in grader ? await playTournaments(grader, asked, signal) : null
  const scores =
    grader && 'grade' in grader ? await graded(grader, asked, config.tokenCost, signal) : asked.map(() => [])
  const judged = prompts.map((prompt, i): Judged & RoundPrompt => {
    const own = answers[i].length
    const worth = { scores: scores[i].slice(0, own), opponentScores: scores[i].slice(own) }
    return { ...prompt, answers: answers[i], opponents: opponents[i], ...worth, ...(duels && { duel: duels[i] }) }
  })

  const chance = random(config.seed, 'online/lessons')
  const lessons = judged.map((one) => method.learn(one, config, (place) => chance.unit(round, one.index, place)))
  const alone = judged.flatMap((one, i) => lessons[i].map((lesson) => ({ index: one.index, row: rowOf(one, lesson) })))
  const rows = options.mismatched ? withOthers(alone) : alone.map(({ row }) => row)
  const seconds = platform().elapsed() - began
  return { rows, events: roundEvents(judged, lessons, { round, step, form, rows: rows.length, seconds }) }
}

async function drawAnswers(
  round: number,
  prompts: readonly RoundPrompt[],
  { engine, tokenizer, tools, config, signal, onProgress }: RoundOptions,
  how: Pick<SampleOptions, 'adapter' | 'mixture'> = {},
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
  for await (const { prompt, sample, tokens, text, finish } of engine.sample(asked, sampling, { signal, ...how })) {
    answers[prompt][sample] = { tokens, text, finish }
    onProgress?.(`round ${1 + (round % opponentRounds)}: ${++done} of ${prompts.length * n} answers`)
  }
  return answers
}

/** Rounds of one run stay far below this: an opponent's draws share no key with those of the model. */
const opponentRounds = 2 ** 30

async function drawOpponents(
  round: number,
  prompts: readonly RoundPrompt[],
  { from, once }: NonNullable<OnlineMethod['opponent']>,
  options: RoundOptions,
): Promise<Answer[][]> {
  const { engine, anchor, config } = options
  const who = from === 'reference' && anchor ? anchor : { engine }
  const how = {
    ...(from === 'mixture' && { mixture: { share: config.mixtureShare, ...otherThan(engine, anchor) } }),
    ...(from === 'reference' && anchor?.adapter !== undefined && { adapter: anchor.adapter }),
  }
  const drawn = { ...config, ...(once && { n: 1 }), ...(once === 'greedy' && { temperature: 0 }) }
  const told = { ...options, engine: who.engine, config: drawn, tools: null }
  return drawAnswers(round + opponentRounds, prompts, told, how)
}

/** The reference as the other side of a mixture; the model without its adapter needs no naming. */
const otherThan = (engine: Engine, anchor: Anchor | null): { other?: Engine } =>
  anchor && anchor.engine !== engine ? { other: anchor.engine } : {}

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
function rowOf({ tokens, answers, opponents, demonstration }: Judged & RoundPrompt, lesson: Lesson): NewRow {
  const answerOf = (which: Which): Pick<Answer, 'tokens' | 'loss'> => {
    if (which === 'demonstration') return { tokens: [...(demonstration ?? [])] }
    return typeof which === 'number' ? answers[which] : opponents[which.opponent]
  }
  const leaves = lesson.sequences.map((which, sequence): SegmentInput => {
    const answer = answerOf(which)
    const loss = answer.loss ?? answer.tokens.map(() => 1)
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
