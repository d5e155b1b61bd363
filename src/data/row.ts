import { HoneError } from '../base/index.ts'
import type { Message } from '../text/index.ts'

/** Where a row was read: `line` counts from 1 (in a Parquet or JSON file it is the number of the row). */
export interface RowSource {
  file: string
  line: number
}

/** A row as a reader gives it, before anything is known of its format. */
export interface RawRow extends RowSource {
  value: unknown
}

interface RowBase {
  source: RowSource
  /** Numbers that came with the row's answers, one each: `weight`, `margin`, `score`, … */
  values?: Record<string, number[]>
}

/** A document: every token of it is learnt. */
export interface TextRow extends RowBase {
  kind: 'text'
  text: string
}

/** A plain prompt, not learnt, and its continuation, learnt. */
export interface CompletionRow extends RowBase {
  kind: 'completion'
  prompt: string
  completion: string
}

/** A conversation, of which the assistant's turns are learnt, save those with `train: false`. */
export interface ChatRow extends RowBase {
  kind: 'chat'
  messages: Message[]
  tools?: unknown[]
}

/**
 * A prompt with a better and a worse answer: all three plain text, or all three turns of a conversation. `shortPrompt` is
 * what the reference model reads in place of the prompt (LongPO).
 */
export type PreferenceRow = RowBase & { kind: 'preference' } & (
    | { chat: false; prompt: string; chosen: string; rejected: string; shortPrompt?: string }
    | {
        chat: true
        prompt: Message[]
        chosen: Message[]
        rejected: Message[]
        shortPrompt?: Message[]
        tools?: unknown[]
      }
  )

/** A prompt with its best answer, one to imitate, and two that are compared (TPO). */
export type TripleRow = RowBase & { kind: 'triple' } & (
    | { chat: false; prompt: string; chosen: string; rejected: string; gold: string }
    | { chat: true; prompt: Message[]; chosen: Message[]; rejected: Message[]; gold: Message[]; tools?: unknown[] }
  )

/** A pair with the reference's own answer, which is to become less likely (SELM); it may be one of the pair. */
export type ExplorationRow = RowBase & { kind: 'exploration' } & (
    | { chat: false; prompt: string; chosen: string; rejected: string; usual: string }
    | { chat: true; prompt: Message[]; chosen: Message[]; rejected: Message[]; usual: Message[]; tools?: unknown[] }
  )

/** A prompt with several answers, the best first; `values.score` where they were graded. */
export type RankingRow = RowBase & { kind: 'ranking' } & (
    | { chat: false; prompt: string; answers: string[] }
    | { chat: true; prompt: Message[]; answers: Message[][]; tools?: unknown[] }
  )

/** A prompt with one answer and whether it is a good one (KTO). */
export type UnpairedRow = RowBase & {
  kind: 'unpaired'
  label: boolean
  /** What a conditioned template is told of where the row comes from (C-RLFT). */
  condition?: string
} & (
    | { chat: false; prompt: string; completion: string }
    | { chat: true; prompt: Message[]; completion: Message[]; tools?: unknown[] }
  )

/** A prompt with an answer in steps, rated one by one (`values.label`, from 0 to 1): `completion` is the whole answer. */
export type StepsRow = RowBase & { kind: 'steps'; steps: string[] } & (
    | { chat: false; prompt: string; completion: string }
    | { chat: true; prompt: Message[]; completion: Message[]; tools?: unknown[] }
  )

/** A row that already is tokens. Arrays of one length; `loss` weighs each token, 0 = not learnt. */
export interface TokensRow extends RowBase {
  kind: 'tokens'
  tokens: number[]
  loss: number[]
  logprobs?: (number | null)[]
}

/** A row in its canonical form, whatever format its file was in. */
export type Row =
  | TextRow
  | CompletionRow
  | ChatRow
  | PreferenceRow
  | TripleRow
  | ExplorationRow
  | RankingRow
  | UnpairedRow
  | StepsRow
  | TokensRow

export type RowKind = Row['kind']

/** 'chats.jsonl:17', as editors and terminals link it. */
export function where(source: RowSource): string {
  return `${source.file}:${source.line}`
}

/** An error about what a row holds. The source is filled in by whoever knows it, see `atRow`. */
export function rowError(message: string, help?: string): HoneError {
  return new HoneError('E_ROW_FORMAT', message, { help })
}

/** Runs `work` and puts file and line before the message of any HoneError that it throws. */
export function atRow<T>(source: RowSource, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof HoneError)) throw error
    throw locate(source, error)
  }
}

function locate(source: RowSource, error: HoneError): HoneError {
  const place = where(source)
  if (error.message.startsWith(place)) return error
  const located = new HoneError(error.code, `${place}: ${error.message}`, { help: error.help, cause: error })
  located.exitCode = error.exitCode
  return located
}
