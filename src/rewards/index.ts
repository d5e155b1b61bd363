export { type EnsembleOptions, type EnsembleRule, ensemble, ensembleRules } from './ensemble.ts'
export { type RewardScoresOptions, rewardScores, type ScoredAnswer, type ScoredAnswers } from './score.ts'
