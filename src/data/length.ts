/** What becomes of rows longer than the context. */
import { HoneError } from '../base/index.ts'

/** 'error' refuses a row that is too long, 'truncate' cuts it, 'drop' leaves it out; the last two are counted. */
export type LengthPolicy = 'error' | 'truncate' | 'drop'

export interface AnswerTokens {
  tokens: number[]
  loss: number[]
  /** Tokens up to the end of each of its steps but the last, where it has several. */
  ends?: number[]
}

/** A prompt and answers in tokens; `loss` weighs each token of an answer. The prompt is never learnt. */
export interface TokenPaths {
  prompt: number[]
  answers: AnswerTokens[]
}

/**
 * Brings the longest path of a row to `maxLength`, or returns null where the row is to be dropped.
 *
 * 'truncate' keeps the start of a supervised row. Of a prompt with answers it keeps the prompt's end, where the question
 * stands, and its `bos`: the prompt gives way first, down to half of `maxLength`, then the answers are cut at their ends.
 *
 * @throws HoneError E_TOO_LONG, with the lengths.
 */
export function shorten(
  paths: TokenPaths,
  maxLength: number,
  policy: LengthPolicy,
  bos: number | null,
): { paths: TokenPaths; truncated: boolean } | null {
  const longest = Math.max(...paths.answers.map((answer) => answer.tokens.length))
  const length = paths.prompt.length + longest
  if (length <= maxLength) return { paths, truncated: false }
  if (policy === 'drop') return null
  if (policy === 'error') {
    const parts = paths.prompt.length > 0 ? ` (prompt ${paths.prompt.length}, longest answer ${longest})` : ''
    throw new HoneError(
      'E_TOO_LONG',
      `the row has ${length} tokens${parts}, expected at most maxLength = ${maxLength}`,
      {
        help: 'raise maxLength up to what the model allows, or say lengthPolicy=truncate or lengthPolicy=drop',
      },
    )
  }
  const room = Math.min(paths.prompt.length, Math.max(maxLength - longest, Math.ceil(maxLength / 2)))
  const prompt = keepEnd(paths.prompt, room, bos)
  const answers = paths.answers.map((answer) => cut(answer, maxLength - prompt.length))
  return { paths: { prompt, answers }, truncated: true }
}

/** Of steps only whole ones are left; of the first at least a part. */
function cut({ tokens, loss, ends }: AnswerTokens, count: number): AnswerTokens {
  if (tokens.length <= count) return { tokens, loss, ends }
  const whole = ends?.filter((end) => end <= count)
  const kept = whole && whole.length > 0 ? whole[whole.length - 1] : count
  return { tokens: tokens.slice(0, kept), loss: loss.slice(0, kept), ...(whole && { ends: whole.slice(0, -1) }) }
}

function keepEnd(tokens: number[], count: number, bos: number | null): number[] {
  if (tokens.length <= count) return tokens
  const opens = tokens[0] === bos && count > 1
  return opens ? [tokens[0], ...tokens.slice(tokens.length - count + 1)] : tokens.slice(tokens.length - count)
}
