import { HoneError, showValue, throwIfAborted } from '../base/index.ts'
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
export interface Answer extends Pick<Completion, 'tokens' | 'text' | 'finish'> {
  /** One entry a token: 0 for what a tool said and the model only read. Absent: all of it is the model's own. */
  loss?: readonly number[]
}

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

/** Two answers to one prompt. */
export interface Duel extends Asked {
  first: Answer
  second: Answer
}

/** Says which of two answers is better, for preferences that no score stands behind: they may go in circles. */
export interface Comparer {
  /** Named in the record of a run. */
  id: string
  /** The probability that the first answer is preferred to the second, for each pair. Asking both orders is its own affair. */
  compare(pairs: readonly Duel[], options?: { signal?: AbortSignal }): Promise<number[]>
}

/** How a user's own reward reads: an answer's score, from what was asked, what was said, and the row that it stands in. */
export type RewardFunction = (prompt: string, answer: string, row: unknown) => number | Promise<number>

/**
 * A reward of one's own as a grader: called once an answer.
 * @throws HoneError E_REWARD naming the answer at which it threw
 */
export function functionGrader(id: string, reward: RewardFunction): Grader {
  return {
    id,
    async grade(asked, { signal } = {}) {
      const scores: number[][] = []
      for (const { prompt, row, answers } of asked) {
        throwIfAborted(signal)
        scores.push(await Promise.all(answers.map(({ text }) => scoreOf(prompt, text, row))))
      }
      return scores
    },
  }

  async function scoreOf(prompt: string, text: string, row: unknown): Promise<number> {
    try {
      return await reward(prompt, text, row)
    } catch (cause) {
      const told = cause instanceof Error ? cause.message : showValue(cause)
      const message = `${id} threw at the answer ${showValue(text)} to ${showValue(prompt)}: ${told}`
      throw new HoneError('E_REWARD', message, { cause })
    }
  }
}

/**
 * The scores that a grader gave, checked.
 * @throws HoneError E_SCORE for anything but a finite number for each answer
 */
export function requireScores(
  { id }: Pick<Grader, 'id'>,
  asked: readonly Pick<Answered, 'answers'>[],
  scores: readonly (readonly number[])[],
): readonly (readonly number[])[] {
  for (const [i, { answers }] of asked.entries()) {
    const given = scores[i] ?? []
    const wrong = answers.findIndex((_, k) => !Number.isFinite(given[k]))
    if (wrong < 0 && given.length === answers.length) continue
    const got = given.length === answers.length ? `the score ${given[wrong]}` : `${given.length} scores`
    const message = `${id} gave ${got} for ${answers.length} answers to prompt ${i + 1}, expected a finite number for each`
    throw new HoneError('E_SCORE', message)
  }
  return scores
}
