import { throwIfAborted } from '../base/index.ts'
import type { Completion } from '../generate/index.ts'
import type { Message } from '../text/index.ts'

/** A prompt, as a judge sees it. */
export interface Asked {
  /** Its text; of a conversation, what its last turn says. */
  prompt: string
  /** The turns of a conversation. */
  messages?: Message[]
  /** The row of data that it stands in: a verifier finds its reference answer there. */
  row: unknown
}

/** An answer that was drawn. */
export type Answer = Pick<Completion, 'tokens' | 'text' | 'finish'>

/** A prompt with its answers. */
export interface Answered extends Asked {
  answers: readonly Answer[]
}

/** Says how good answers are: a reward model, a verifier, a model with a rubric, or a function of one's own. */
export interface Grader {
  /** Named in the record of a run. */
  id: string
  /**
   * A score of every answer of each prompt, the greater the better; of no unit. Answers of one prompt are compared with each
   * other alone.
   */
  grade(asked: readonly Answered[], options?: { signal?: AbortSignal }): Promise<number[][]>
}

/** How a user's own reward reads: an answer's score, from what was asked, what was said, and the row that it stands in. */
export type RewardFunction = (prompt: string, answer: string, row: unknown) => number | Promise<number>

/** A reward of one's own as a grader: called once an answer. */
export function functionGrader(id: string, reward: RewardFunction): Grader {
  return {
    id,
    async grade(asked, { signal } = {}) {
      const scores: number[][] = []
      for (const { prompt, row, answers } of asked) {
        throwIfAborted(signal)
        scores.push(await Promise.all(answers.map(({ text }) => reward(prompt, text, row))))
      }
      return scores
    },
  }
}
