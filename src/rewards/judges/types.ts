import type { HoneError } from '../../base/index.ts'
import type { ChatMessage } from '../../chat/index.ts'

/** What was asked: a text, or the turns of a conversation, the last of them a user's. */
export type JudgePrompt = string | readonly ChatMessage[]

interface Judged {
  prompt: JudgePrompt
  /** A right answer, for judges that compare with one; a text, or what a verifier takes. */
  reference?: unknown
  /** The row of data that it stands in, for rewards of one's own. */
  row?: unknown
}
export interface JudgedAnswer extends Judged {
  answer: string
}
export interface JudgedPair extends Judged {
  answers: readonly [string, string]
}
export interface JudgedList extends Judged {
  answers: readonly string[]
}

export interface Score {
  /** On the judge's own scale; greater is better. */
  score: number
  why?: string
}

export type PairVerdict = 'first' | 'second' | 'tie'

/** What a judge says of two answers as they are shown to it, the first before the second. */
export interface Preference {
  verdict: PairVerdict
  /** The chance, 0 to 1, that the first one is better, from judges that tell. */
  chance?: number
  why?: string
}

export interface Comparison extends Preference {
  /**
   * The verdicts, on the answers as they are named here, when the first was shown first and when it was shown second. Null
   * where the place of an answer has no influence, or only one order was asked.
   */
  orders: readonly [PairVerdict, PairVerdict] | null
}

export interface Ranking {
  /** Places of the answers in the list, the best first; of equal ones the earlier first. */
  order: number[]
  /** Of each answer; greater is better, and equal ones are even. */
  scores: number[]
  why?: string
}

/** A result, or the error in its place: what else was judged is kept. */
export type Settled<T> = T | HoneError

export interface JudgeCallOptions {
  signal?: AbortSignal
  /** Questions answered so far; how many there are depends on the judge. */
  onProgress?: (done: number, total: number) => void
}

export type JudgeKind = 'pointwise' | 'pairwise' | 'listwise'

/**
 * Whoever says which answers are good. Every call gives as many results as it was given items, in their order. Once a budget is
 * spent or an endpoint is gone, the items that were not judged have that error in their place (`E_BUDGET`, …).
 */
export interface Judge {
  readonly id: string
  /** The kinds it offers, each with how it comes about. */
  readonly kinds: Readonly<Partial<Record<JudgeKind, string>>>
  /** @throws HoneError E_JUDGE_KIND where it does not offer this kind; E_ABORTED */
  score(items: readonly JudgedAnswer[], options?: JudgeCallOptions): Promise<Settled<Score>[]>
  /** @throws as `score` */
  compare(pairs: readonly JudgedPair[], options?: JudgeCallOptions): Promise<Settled<Comparison>[]>
  /** @throws as `score` */
  rank(lists: readonly JudgedList[], options?: JudgeCallOptions): Promise<Settled<Ranking>[]>
}
