import { HoneError, throwIfAborted } from '../../base/index.ts'
import { packTree, type RowInput, rowTokens } from '../../batch/index.ts'
import type { OpenModel } from '../../engine/index.ts'
import { type JudgeOptions, makeJudge } from './judge.ts'
import { plainReply, questioner, type RubricOptions, tokenReplies } from './rubrics.ts'
import type { Judge, JudgeCallOptions, JudgeKind, Preference, Score, Settled } from './types.ts'

type Open = Pick<OpenModel, 'engine' | 'tokenizer' | 'template'>

export interface LocalJudgeOptions extends JudgeOptions, RubricOptions {
  /** Names it in verdicts. */
  id?: string
  /** The kinds that are asked; the other ones follow. Default: both. */
  asks?: readonly Exclude<JudgeKind, 'listwise'>[]
  /** |chance − 1/2| up to which a pair is even; default 0. */
  tieChance?: number
  /** Tokens computed at once; default 4096. */
  microTokens?: number
}

/**
 * A language model on this machine with a rubric. A score is the expected value over the digits of the scale (Liu et al. 2023,
 * G-Eval, arXiv:2303.16634, section 2), a preference the chance of A against B; both are read off the log-probs of the replies,
 * and nothing is drawn.
 * @throws HoneError E_RUBRIC, E_CONFIG for a scale beyond one digit
 */
export function localModelJudge(open: Open, options: LocalJudgeOptions = {}): Judge {
  const { id = 'local model', rubric, criteria, scale = { low: 1, high: 5 }, ...rest } = options
  const { asks = ['pointwise', 'pairwise'], tieChance = 0, microTokens = 4096, ...judgeOptions } = rest
  const { low, high } = scale
  if (!Number.isInteger(low) || !Number.isInteger(high) || low < 0 || high > 9 || low >= high) {
    throw new HoneError('E_CONFIG', `the scale is ${low} to ${high}, expected digits, the lower one first`, {
      help: 'The score is read from the log-probs of single digits.',
    })
  }
  const digits = Array.from({ length: high - low + 1 }, (_, i) => low + i)

  const question = questioner(asks, tokenReplies, { rubric, criteria })
  const read = (questions: string[], replies: string[], { signal, onProgress }: JudgeCallOptions) =>
    replyChances(open, questions, replies, { signal, onProgress, microTokens })

  return makeJudge(
    id,
    {
      ...(asks.includes('pointwise') && {
        async score(items, call): Promise<Settled<Score>[]> {
          const questions = items.map((item) => question('pointwise', item, { answer: item.answer, ...scale }))
          const chances = await read(questions, digits.map(String), call)
          return chances.map((one) =>
            one instanceof HoneError ? one : { score: one.reduce((sum, chance, i) => sum + chance * digits[i], 0) },
          )
        },
      }),
      ...(asks.includes('pairwise') && {
        async prefer(pairs, call): Promise<Settled<Preference>[]> {
          const questions = pairs.map((pair) => {
            const [answerA, answerB] = pair.answers
            return question('pairwise', pair, { answerA, answerB })
          })
          return (await read(questions, ['A', 'B'], call)).map((one) => {
            if (one instanceof HoneError) return one
            const [chance] = one
            const isEven = Math.abs(chance - 0.5) <= tieChance
            return { verdict: isEven ? 'tie' : chance > 0.5 ? 'first' : 'second', chance }
          })
        },
      }),
    },
    judgeOptions,
  )
}

/** Of each question the chance of each reply, among these replies: [Q][R]. The question is computed once for all its replies. */
async function replyChances(
  open: Open,
  questions: readonly string[],
  replies: readonly string[],
  { microTokens, signal, onProgress }: JudgeCallOptions & { microTokens: number },
): Promise<Settled<number[]>[]> {
  const results = new Array<Settled<number[]>>(questions.length)
  let batch: RowInput[] = []
  let size = 0
  let done = 0
  const flush = async () => {
    if (batch.length === 0) return
    const tree = packTree(batch)
    const { logprobs } = await open.engine.forward(tree, { signal })
    const sums = new Float64Array(tree.sequenceCount)
    for (let p = 0; p < logprobs.length; p++) sums[tree.sequences[p]] += logprobs[p]
    for (const [r, { id }] of batch.entries()) {
      results[id] = softmax(Array.from(sums.subarray(r * replies.length, (r + 1) * replies.length)))
    }
    done += batch.length
    onProgress?.(done, questions.length)
    batch = []
    size = 0
  }
  for (const [id, text] of questions.entries()) {
    throwIfAborted(signal)
    const row = encodeQuestion(open, id, text, replies)
    if (row instanceof HoneError) {
      results[id] = row
      done++
      continue
    }
    const tokens = rowTokens(row)
    if (size + tokens > microTokens) await flush()
    batch.push(row)
    size += tokens
  }
  await flush()
  return results
}

/** A root with the question and a leaf for each reply. */
function encodeQuestion({ engine, tokenizer, template }: Open, id: number, text: string, replies: readonly string[]) {
  const messages = [{ role: 'user', content: text }]
  const shown = template ? template.render(messages, { addGenerationPrompt: true }) : plainReply(text, '')[0]
  const start = !template && tokenizer.addBos && tokenizer.bos !== null ? [tokenizer.bos] : []
  const shownReply = (reply: string) => (template ? reply : plainReply(text, reply)[1])
  const leaves = replies.map((reply) => tokenizer.encodeParts([shown, shownReply(reply)])[1])
  const root = [...start, ...tokenizer.encodeParts([shown])[0]]
  const longest = root.length + Math.max(...leaves.map(({ length }) => length))
  const { contextLength } = engine.config
  if (longest > contextLength) {
    return new HoneError(
      'E_TOO_LONG',
      `a question to the judge has ${longest} tokens, expected at most ${contextLength}`,
      {
        help: 'Take a judge with a longer context, or a shorter rubric.',
      },
    )
  }
  const segments = leaves.map((tokens, sequence) => ({ tokens, loss: tokens.map(() => 1), parent: 0, sequence }))
  return { id, segments: [{ tokens: root }, ...segments] }
}

function softmax(logprobs: readonly number[]): number[] {
  const most = Math.max(...logprobs)
  const powers = logprobs.map((value) => Math.exp(value - most))
  const sum = powers.reduce((total, value) => total + value, 0)
  return powers.map((value) => value / sum)
}
