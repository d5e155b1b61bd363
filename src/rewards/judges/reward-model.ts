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
  try {
    for await (const { answers } of rewardScores(open, groups.map(rowOf), { signal, microTokens })) {
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

function rowOf({ prompt, answers }: Group, index: number): Row {
  const source = { file: 'prompt', line: index + 1 }
  const turns = answers.map((content) => [{ role: 'assistant', content }])
  if (answers.length > 1) {
    return typeof prompt === 'string'
      ? { kind: 'ranking', chat: false, prompt, answers, source }
      : { kind: 'ranking', chat: true, prompt: [...prompt], answers: turns, source }
  }
  // The label has no part in a score.
  return typeof prompt === 'string'
    ? { kind: 'unpaired', chat: false, label: true, prompt, completion: answers[0], source }
    : { kind: 'unpaired', chat: true, label: true, prompt: [...prompt], completion: turns[0], source }
}
