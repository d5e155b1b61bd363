import type { ObjectiveId } from '../../objectives/index.ts'
import type { Answer, Answered } from '../../rewards/index.ts'

/** A prompt with its answers and what they are worth. */
export interface Judged extends Answered {
  /** Place of the prompt in the data. */
  index: number
  /** [n] of the answers; empty where nobody judges. */
  scores: readonly number[]
  /** Places of the better and the worse answer where somebody compared them, null where that gave none. */
  duel?: readonly [number, number] | null
  /** The answer of a demonstration. */
  demonstration: readonly number[] | null
  /** Answers of the method's opponent, and what they are worth. */
  opponents: readonly Answer[]
  opponentScores: readonly number[]
}

/** An answer to learn from: a place in `answers`, the demonstration, or a place in `opponents`. */
export type Which = number | 'demonstration' | { opponent: number }

/** Answers to learn from, in the order of the objective's form. */
export interface Lesson {
  sequences: readonly Which[]
  /** Numbers of these sequences, by name. */
  values?: Record<string, number[]>
}

/** Draws for whatever a method leaves to chance, keyed by round, prompt and `place`. */
export type Chance = (place: number) => number

/** What an online method learns of a model's own answers. */
export interface OnlineMethod {
  id: string
  summary: string
  /** Paper and equation. */
  source: string
  /** Prompts alone, or with an answer that is to be imitated. */
  reads: 'prompts' | 'demonstrations'
  objective: ObjectiveId
  /** Whether somebody has to say how good answers are. */
  judged: boolean
  /**
   * Who else answers each prompt: the geometric mixture of the model with its reference (`mixtureShare`), the reference, or the
   * model itself. It gives n answers, drawn as the model's are, or one: drawn alike, or greedily.
   */
  opponent?: { from: 'mixture' | 'reference' | 'model'; once?: 'drawn' | 'greedy' }
  /** It learns from pairs, so that somebody who compares answers may judge as well as somebody who scores them. */
  duels?: boolean
  /** Every round learns from the model as it stands at the start of the run, with the answers of the latest model. */
  restarts?: boolean
  /** Other defaults than those of `onlineKeys` and of the objective. */
  defaults?: Readonly<Record<string, unknown>>
  /** What is learnt of a prompt: no row, or some. */
  learn(judged: Judged, keys: LearnKeys, chance: Chance): Lesson[]
}

/** Keys that methods read. */
export interface LearnKeys {
  pairing: 'best-worst' | 'best-random' | 'best-second' | 'random' | 'in-twos'
  /** Answers that rejection sampling keeps for pairs, and its temperature; null: all. */
  accept: number | null
  acceptTemperature: number
  /** Pairs, or good answers, of a prompt that are learnt at most; null: all. */
  perPrompt: number | null
  /** Score from which an answer is good; null: all are. */
  threshold: number | null
}
