export {
  type BootstrapOptions,
  bootstrapDifference,
  bootstrapMean,
  type Interval,
  type IntervalOptions,
  mean,
  wilson,
} from './bootstrap.ts'
export {
  cohenKappa,
  evaluateJudge,
  type JudgeAgreement,
  type JudgedPairs,
  judgeAgreement,
  type LabelledPair,
  type LabelledVerdict,
  labelledPairs,
} from './judge-metrics.ts'
export {
  type ChoiceLikelihood,
  type ChoiceNormalisation,
  likeliest,
  perplexity,
} from './metrics.ts'
export { type Asked, type Asking, askedText, type PromptOptions, promptTokens, questionOf } from './prompt.ts'
export {
  type Calibration,
  type CalibrationBin,
  calibration,
  correlation,
  type Forecast,
  type RewardMetrics,
  rewardMetrics,
} from './reward-metrics.ts'
export { type RowTaskOptions, taskFromJsonl } from './rows.ts'
export { type Answered, type EvaluateOptions, type EvaluateResult, evaluate, type Figure, loadTasks } from './run.ts'
export { type ForwardRowsOptions, forwardRows, type ScoredRow, type ScoreOptions, type Scores, score } from './score.ts'
export { type LogprobReward, logprobGrader } from './self-reward.ts'
export { studentInterval } from './student.ts'
export {
  type ChoiceItem,
  type ChoiceTask,
  type GenerateItem,
  type GenerateTask,
  type PerplexityItem,
  type PerplexityTask,
  type Question,
  type Task,
  task,
  tasks,
} from './tasks.ts'
