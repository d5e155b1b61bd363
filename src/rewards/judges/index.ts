export { type EndpointJudgeOptions, endpointJudge } from './endpoint.ts'
export { type JudgeAbilities, type JudgeOptions, makeJudge } from './judge.ts'
export { type JudgeLessonOptions, judgeLessons } from './lessons.ts'
export { type LocalJudgeOptions, localModelJudge } from './local.ts'
export {
  type BatchedRewardFunction,
  batchedGrader,
  functionJudge,
  graderJudge,
  judgeComparer,
  judgeGrader,
  type ProgramJudgeOptions,
  type RewardProgram,
  type VerifierLike,
  type VerifierScore,
  verifierJudge,
} from './programs.ts'
export { type RewardModelJudgeOptions, rewardModelJudge } from './reward-model.ts'
export { bradleyTerry, type RankingRule, rankingRules } from './round-robin.ts'
export { fillRubric, type RubricOptions, rubrics } from './rubrics.ts'
export type {
  Comparison,
  Judge,
  JudgeCallOptions,
  JudgedAnswer,
  JudgedList,
  JudgedPair,
  JudgeKind,
  JudgePrompt,
  PairVerdict,
  Preference,
  Ranking,
  Score,
  Settled,
} from './types.ts'
