import type { Completion } from '../generate/index.ts'
import { type Asked, type Grader, requireScores } from './grader.ts'

/** The completions of a prompt with what each is worth. */
export interface BestOf {
  /** Place of the best in `completions`; of equals the first that was drawn. */
  best: number
  completions: readonly Completion[]
  scores: readonly number[]
}

/**
 * Best of N (Stiennon et al. 2020, arXiv:2009.01325, §5): of each prompt's completions the one that the grader scores highest.
 * @param asked the prompts, in the order of `completions`
 * @param completions [prompts][n]
 */
export async function bestOf(
  asked: readonly Asked[],
  completions: readonly (readonly Completion[])[],
  grader: Grader,
  options: { signal?: AbortSignal } = {},
): Promise<BestOf[]> {
  const answered = asked.map((one, i) => ({ ...one, answers: completions[i] }))
  const scores = requireScores(grader, answered, await grader.grade(answered, options))
  return completions.map((list, i) => ({
    best: scores[i].indexOf(Math.max(...scores[i])),
    completions: list,
    scores: scores[i],
  }))
}
