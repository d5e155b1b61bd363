export { type BestOf, bestOf } from './best-of.ts'
export { type EnsembleOptions, type EnsembleRule, ensemble, ensembleRules } from './ensemble.ts'
export {
  type Answer,
  type Answered,
  type Asked,
  type Comparer,
  type Duel,
  functionGrader,
  type Grader,
  type RewardFunction,
  requireScores,
} from './grader.ts'
export * from './judges/index.ts'
export { type RejectionOptions, rejectionSample } from './rejection.ts'
export * from './sandbox/index.ts'
export { type RewardScoresOptions, rewardScores, type ScoredAnswer, type ScoredAnswers } from './score.ts'
export { exactMatch, normaliseAnswer } from './verifiers/exact.ts'
export { extractAnswer, type FinalAnswer } from './verifiers/math/extract.ts'
export { equalMath } from './verifiers/math.ts'
export { compilePattern, type Pattern } from './verifiers/pattern.ts'
export { type VerifyRowsOptions, verifyRows } from './verifiers/rows.ts'
export { verifier, verifiers } from './verifiers/table.ts'
export type { Attempt, Verdict, Verifier, VerifyOptions } from './verifiers/types.ts'
