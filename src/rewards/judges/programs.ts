import { HoneError, showValue } from '../../base/index.ts'
import { settleAll } from '../../chat/index.ts'
import {
  type Answered,
  type Asked,
  type Comparer,
  functionGrader,
  type Grader,
  type RewardFunction,
  requireScores,
} from '../grader.ts'
import { type JudgeOptions, makeJudge } from './judge.ts'
import { promptText } from './rubrics.ts'
import type { Judge, JudgedAnswer, Score, Settled } from './types.ts'

/** What a judge needs of a verifier. */
export interface VerifierLike {
  id?: string
  verify(
    item: { prompt: string; answer: string; reference: unknown },
    options: { signal?: AbortSignal },
  ): VerifierScore | Promise<VerifierScore>
}
export interface VerifierScore {
  score: number
  why?: string
}

export interface ProgramJudgeOptions extends JudgeOptions {
  id?: string
  /** Calls under way at once; default 4. */
  concurrency?: number
}

/** A verifier as a judge: its score, and two answers that are both right, or both wrong, are even. */
export function verifierJudge(verifier: VerifierLike, options: ProgramJudgeOptions = {}): Judge {
  const { id = verifier.id ?? 'verifier', concurrency, ...judgeOptions } = options
  return makeJudge(
    id,
    {
      score: (items, { signal, onProgress }) =>
        settleAll(
          items,
          async ({ prompt, answer, reference }, index): Promise<Score> => {
            const { score, why } = await verifier.verify({ prompt: promptText(prompt), answer, reference }, { signal })
            if (!Number.isFinite(score)) {
              throw new HoneError('E_SCORE', `${id} gave ${score} for answer ${index + 1}, expected a finite number`)
            }
            return { score, ...(why !== undefined && { why }) }
          },
          { concurrency, signal, onProgress },
        ),
    },
    judgeOptions,
  )
}

/** A user's reward for many answers at once: [N] prompts, answers and rows → [N] numbers. */
export type BatchedRewardFunction = (
  prompts: string[],
  answers: string[],
  rows: unknown[],
) => ArrayLike<number> | Promise<ArrayLike<number>>

export type RewardProgram =
  | { batched?: false; reward: RewardFunction }
  | { batched: true; reward: BatchedRewardFunction }

/** A function of one's own as a judge: called once an answer, or once for all. What it throws is E_REWARD. */
export function functionJudge(program: RewardProgram, options: ProgramJudgeOptions = {}): Judge {
  const { id = 'function', ...rest } = options
  if (!program.batched) return graderJudge(functionGrader(id, program.reward), rest)
  return graderJudge(batchedGrader(id, program.reward), { ...rest, together: true })
}

/**
 * A reward of one's own that takes many answers at once, as a grader.
 * @throws HoneError E_REWARD where it throws, or gives another number of scores
 */
export function batchedGrader(id: string, reward: BatchedRewardFunction): Grader {
  return {
    id,
    async grade(asked) {
      const all = asked.flatMap(({ prompt, row, answers }) => answers.map(({ text }) => ({ prompt, row, text })))
      if (all.length === 0) return asked.map(() => [])
      const values = await call(all).catch((cause) => {
        const told = cause instanceof Error ? cause.message : showValue(cause)
        throw new HoneError('E_REWARD', `${id} threw at ${all.length} answers: ${told}`, { cause })
      })
      if (values?.length !== all.length) {
        const got = values?.length === undefined ? showValue(values) : `${values.length} numbers`
        throw new HoneError('E_REWARD', `${id} gave ${got} for ${all.length} answers, expected a number for each`)
      }
      let at = 0
      return asked.map(({ answers }) => answers.map(() => values[at++]))
    },
  }

  async function call(all: { prompt: string; row: unknown; text: string }[]) {
    const [prompts, answers] = [all.map(({ prompt }) => prompt), all.map(({ text }) => text)]
    return await reward(
      prompts,
      answers,
      all.map(({ row }) => row),
    )
  }
}

/**
 * A grader as a judge. Its prompt is the last turn's text, and answers have no tokens. `together` hands it all answers in one call,
 * whose error is then that of each; otherwise an error stays with its answer.
 */
export function graderJudge(
  grader: Grader,
  { together = false, id = grader.id, concurrency, ...options }: ProgramJudgeOptions & { together?: boolean } = {},
): Judge {
  const grade = async (items: readonly JudgedAnswer[], signal?: AbortSignal): Promise<Score[]> => {
    const asked = items.map(answered)
    const scores = requireScores(grader, asked, await grader.grade(asked, { signal }))
    return scores.map(([score]) => ({ score }))
  }
  return makeJudge(
    id,
    {
      async score(items, { signal, onProgress }) {
        const parts = together ? [items] : items.map((item) => [item])
        const settled = await settleAll(parts, (part) => grade(part, signal), { concurrency, signal, onProgress })
        return settled.flatMap((one, i): Settled<Score>[] => (one instanceof HoneError ? parts[i].map(() => one) : one))
      },
    },
    options,
  )
}

function answered({ prompt, answer, row }: JudgedAnswer): Answered {
  const answers = [{ text: answer, tokens: [], finish: 'eos' as const }]
  if (typeof prompt === 'string') return { prompt, row, answers }
  return { prompt: prompt.at(-1)?.content ?? '', messages: [...prompt], row, answers }
}

/**
 * A judge as a grader, for best of N and online methods: its scores, or where it gives none, those of its ranking of each prompt's
 * answers. A row's `reference` is given to it, or else its `answer` or `solution`.
 * @throws HoneError whatever kept the judge from an answer, since a training cannot go on without
 */
export function judgeGrader(judge: Judge): Grader {
  return {
    id: judge.id,
    async grade(asked, { signal } = {}) {
      const lists = asked.map(({ answers, ...rest }) => ({ ...judged(rest), answers: answers.map(({ text }) => text) }))
      if (!judge.kinds.pointwise) return (await judge.rank(lists, { signal })).map((one) => required(one).scores)
      const items = lists.flatMap(({ answers, ...rest }) => answers.map((answer) => ({ ...rest, answer })))
      const scores = (await judge.score(items, { signal })).map((one) => required(one).score)
      let at = 0
      return lists.map(({ answers }) => answers.map(() => scores[at++]))
    },
  }
}

/**
 * A judge as one who compares, for tournaments: the chance that it gives the first answer, or else 1, ½ for a tie, or 0.
 * @throws HoneError as `judgeGrader`
 */
export function judgeComparer(judge: Judge): Comparer {
  const even = { first: 1, tie: 0.5, second: 0 } as const
  return {
    id: judge.id,
    async compare(duels, { signal } = {}) {
      const pairs = duels.map(({ first, second, ...rest }) => ({
        ...judged(rest),
        answers: [first.text, second.text] as const,
      }))
      const verdicts = (await judge.compare(pairs, { signal })).map(required)
      return verdicts.map(({ verdict, chance }) => chance ?? even[verdict])
    },
  }
}

const judged = ({ prompt, messages, row }: Asked) => ({ prompt: messages ?? prompt, ...referenceOf(row), row })

/** What a row of prompts calls the right answer: the names of the field's problem sets. */
const referenceNames = ['reference', 'answer', 'solution'] as const

function referenceOf(row: unknown): { reference?: unknown } {
  if (typeof row !== 'object' || row === null) return {}
  const name = referenceNames.find((one) => (row as Record<string, unknown>)[one] != null)
  return name ? { reference: (row as Record<string, unknown>)[name] } : {}
}

function required<T>(result: T | HoneError): T {
  if (result instanceof HoneError) throw result
  return result
}
