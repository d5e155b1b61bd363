import { plainReply, questioner, type RubricOptions, tokenReplies } from './rubrics.ts'
import type { JudgedPair, PairVerdict } from './types.ts'

export interface JudgeLessonOptions extends RubricOptions {
  /** For models without a chat template: prompts and completions instead of turns. */
  plain?: boolean
}

/**
 * Demonstrations out of labelled pairs, for a model that is to become the judge: the question that `localModelJudge` asks of a
 * pair, and A or B. Learnt by supervised tuning this is the pair-preference model of RLHF Workflow (Dong et al. 2024,
 * arXiv:2405.07863, §2.2). Ties teach nothing and are left out. Which answer is A is as the pairs have it.
 * @throws HoneError E_RUBRIC
 */
export function judgeLessons(
  pairs: readonly { pair: JudgedPair; label: PairVerdict }[],
  { rubric, criteria, plain = false }: JudgeLessonOptions = {},
): Record<string, unknown>[] {
  const question = questioner(['pairwise'], tokenReplies, { rubric, criteria })
  return pairs.flatMap(({ pair, label }): Record<string, unknown>[] => {
    if (label === 'tie') return []
    const [answerA, answerB] = pair.answers
    const asked = question('pairwise', pair, { answerA, answerB })
    const reply = label === 'first' ? 'A' : 'B'
    if (plain) {
      const [prompt, completion] = plainReply(asked, reply)
      return [{ prompt, completion }]
    }
    const turns = [
      { role: 'user', content: asked },
      { role: 'assistant', content: reply },
    ]
    return [{ messages: turns }]
  })
}
