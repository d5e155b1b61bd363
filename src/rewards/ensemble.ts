import { HoneError } from '../base/index.ts'

/** How the scores that several reward models give to one answer become one (Coste et al. 2023, arXiv:2310.02743). */
export const ensembleRules = {
  /** Their mean. */
  mean: (scores) => meanOf(scores),
  /** Worst-case optimisation: the least of them. */
  worst: (scores) => scores.reduce((least, score) => Math.min(least, score), Number.POSITIVE_INFINITY),
  /** Uncertainty-weighted optimisation: their mean less λ times their variance. */
  variance: (scores, lambda) => {
    const mean = meanOf(scores)
    return mean - lambda * meanOf(scores.map((score) => (score - mean) ** 2))
  },
} as const satisfies Record<string, (scores: readonly number[], lambda: number) => number>

export type EnsembleRule = keyof typeof ensembleRules

export interface EnsembleOptions {
  /** Default 'mean'. */
  rule?: EnsembleRule
  /** λ of the rule 'variance' (default 0.5). */
  lambda?: number
}

/**
 * The scores of an ensemble. Its members have to be on one scale: Bradley–Terry leaves where 0 lies to chance, so train them
 * with `centering`, or on grades or labels.
 * @param members [K][N] what each of K models gives to each of N answers
 * @returns [N]
 * @throws HoneError E_CONFIG without members, or where they scored other numbers of answers
 */
export function ensemble(members: readonly ArrayLike<number>[], options: EnsembleOptions = {}): number[] {
  const { rule = 'mean', lambda = 0.5 } = options
  const lengths = new Set(members.map(({ length }) => length))
  if (lengths.size !== 1) {
    throw new HoneError(
      'E_CONFIG',
      `an ensemble of ${members.length} models with ${[...lengths].join(', ')} scores, expected as many of each`,
    )
  }
  const [count] = lengths
  return Array.from({ length: count }, (_, i) =>
    ensembleRules[rule](
      members.map((scores) => scores[i]),
      lambda,
    ),
  )
}

const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
