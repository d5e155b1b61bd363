export { type Bench, openVerbs, stageFolder } from './bench.ts'
export { definitionHash } from './definition.ts'
export { answers, insideLogprobs, logprobsOf, meanLogprobs, share, tokenAccuracy, trajectories } from './measure.ts'
export { type FreshModel, type Models, openModels, type TrainedModel } from './models.ts'
export { type ArmFigure, type Proven, type ProveOptions, pilot, prove, type Trial } from './prove.ts'
export { type ProofRecord, readRecord, recordPath, writeRecord } from './record.ts'
export { onlineSettings, type TrainSettings, trainSettings } from './settings.ts'
export {
  expectedReward,
  firstGradient,
  logSoftmax,
  type TableOptions,
  type TablePair,
  type TableRow,
  trainTable,
} from './tabular.ts'
export {
  type Arm,
  type Check,
  type Figures,
  type Measured,
  type OnlineStage,
  type Proof,
  proof,
  type Recipe,
  type RecipeForm,
  recipe,
  type Settings,
  type StageOptions,
  type Verbs,
  type Verdict,
  type Work,
} from './types.ts'
export { atLeast, atMost, less, over, verdictOf } from './verdict.ts'
