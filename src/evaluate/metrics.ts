import { HoneError } from '../base/index.ts'

/** How the log-probability of a choice is made comparable with that of a longer one. */
export type ChoiceNormalisation = 'sum' | 'per-token' | 'per-character'

/** What a model gives for one choice: the summed log-probability of its tokens, and its length. */
export interface ChoiceLikelihood {
  logprob: number
  tokens: number
  characters: number
}

/**
 * Index of the likeliest choice, the first of equals.
 * @throws HoneError E_CHOICES without choices, or when a choice has no tokens or a log-probability that is not a number.
 */
export function likeliest(choices: readonly ChoiceLikelihood[], normalisation: ChoiceNormalisation = 'sum'): number {
  if (choices.length === 0) throw new HoneError('E_CHOICES', 'no choices; expected at least one')
  const scores = choices.map(({ logprob, tokens, characters }, i) => {
    if (Number.isNaN(logprob) || tokens < 1 || characters < 1) {
      throw new HoneError('E_CHOICES', `choice ${i} has log-probability ${logprob} over ${tokens} tokens`)
    }
    return logprob / { sum: 1, 'per-token': tokens, 'per-character': characters }[normalisation]
  })
  return scores.reduce((best, score, i) => (score > scores[best] ? i : best), 0)
}

/**
 * exp of the mean negative log-probability of a token, over all rows together: long rows weigh more.
 * @throws HoneError E_NO_TOKENS when no row has a scored token.
 */
export function perplexity(rows: readonly { logprob: number; tokens: number }[]): number {
  const tokens = rows.reduce((sum, row) => sum + row.tokens, 0)
  if (tokens === 0) throw new HoneError('E_NO_TOKENS', 'no token was scored; expected texts of at least two tokens')
  return Math.exp(-rows.reduce((sum, row) => sum + row.logprob, 0) / tokens)
}
