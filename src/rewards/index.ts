export { type BestOf, bestOf } from './best-of.ts'
export { type EnsembleOptions, type EnsembleRule, ensemble, ensembleRules } from './ensemble.ts'
export {
  type Answer,
  type Answered,
  type Asked,
  functionGrader,
  type Grader,
  type RewardFunction,
  requireScores,
} from './grader.ts'
export * from './judges/index.ts'
export * from './sandbox/index.ts'
export { type RewardScoresOptions, rewardScores, type ScoredAnswer, type ScoredAnswers } from './score.ts'
