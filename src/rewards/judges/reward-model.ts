import { HoneError } from '../../base/index.ts'
import type { Row } from '../../data/index.ts'
import type { OpenModel } from '../../engine/index.ts'
import { type EnsembleOptions, ensemble } from '../ensemble.ts'
import { rewardScores } from '../score.ts'
import { type JudgeOptions, makeJudge } from './judge.ts'
import type { Judge, JudgeCallOptions, JudgedAnswer, JudgePrompt, Settled } from './types.ts'

type Open = Pick<OpenModel, 'engine' | 'tokenizer' | 'template'>

export interface RewardModelJudgeOptions extends JudgeOptions, EnsembleOptions {
  id?: string
  microTokens?: number
}

interface Group {
  prompt: JudgePrompt
  answers: string[]
}

/**
 * Reward models as a judge: a score for each answer, of several models their ensemble's. Neighbours with one prompt share its
 * computation.
 * @throws HoneError E_READOUT, when it is asked, for a model without a scalar head
 */
export function rewardModelJudge(models: readonly Open[], options: RewardModelJudgeOptions = {}): Judge {
  const { id = 'reward model', rule, lambda, microTokens, ...judgeOptions } = options
  const score = async (items: readonly JudgedAnswer[], { signal, onProgress }: JudgeCallOptions) => {
    const groups = grouped(items)
    const each: Settled<number>[][] = []
    for (const [m, open] of models.entries()) {
      each.push(await scoresOf(open, groups, { signal, microTokens }))
      onProgress?.(m + 1, models.length)
    }
    return items.map((_, i) => {
      const own = each.map((scores) => scores[i])
      const failed = own.find((one) => one instanceof HoneError)
      return (
        failed ?? {
          score: ensemble(
            (own as number[]).map((value) => [value]),
            { rule, lambda },
          )[0],
        }
      )
    })
  }
  return makeJudge(id, { score }, judgeOptions)
}

function grouped(items: readonly JudgedAnswer[]): Group[] {
  const groups: Group[] = []
  for (const { prompt, answer } of items) {
    const last = groups.at(-1)
    if (last && last.prompt === prompt) last.answers.push(answer)
    else groups.push({ prompt, answers: [answer] })
  }
  return groups
}

/** The scores of all answers. A group that cannot be read is found by halving, and has its error in their place. */
async function scoresOf(
  open: Open,
  groups: readonly Group[],
  options: JudgeCallOptions & { microTokens?: number },
): Promise<Settled<number>[]> {
  const { signal, microTokens } = options
  const scores: number[] = []
  const rows = groups.map((group, i) => rowOf(group, i, open.template !== null))
  try {
    for await (const { answers } of rewardScores(open, rows, { signal, microTokens })) {
      scores.push(...answers.map(({ score }) => score))
    }
    return scores
  } catch (error) {
    if (!(error instanceof HoneError) || error.code === 'E_ABORTED' || error.code === 'E_READOUT') throw error
    if (groups.length === 1) return groups[0].answers.map(() => error)
    const half = groups.length >> 1
    const [before, after] = [groups.slice(0, half), groups.slice(half)]
    return [...(await scoresOf(open, before, options)), ...(await scoresOf(open, after, options))]
  }
}

/** A prompt that is plain text is a user's turn to a model with a chat template, as it is when it is answered. */
function rowOf({ prompt, answers }: Group, index: number, isChat: boolean): Row {
  const source = { file: 'prompt', line: index + 1 }
  // The label has no part in a score.
  const one = { kind: 'unpaired', label: true, source } as const
  const several = { kind: 'ranking', source } as const
  if (typeof prompt === 'string' && !isChat) {
    if (answers.length > 1) return { ...several, chat: false, prompt, answers }
    return { ...one, chat: false, prompt, completion: answers[0] }
  }
  const asked = typeof prompt === 'string' ? [{ role: 'user', content: prompt }] : [...prompt]
  const turns = answers.map((content) => [{ role: 'assistant', content }])
  if (answers.length > 1) return { ...several, chat: true, prompt: asked, answers: turns }
  return { ...one, chat: true, prompt: asked, completion: turns[0] }
}
