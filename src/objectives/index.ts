export { dpo } from './dpo.ts'
export { type Evaluated, type EvaluateOptions, evaluateObjective } from './evaluate.ts'
export { type Need, type Objective, type ObjectiveValue, objective, type Params, withParams } from './objective.ts'
export { type ParameterName, parameters } from './parameters.ts'
export {
  lengths,
  logRatio,
  mean,
  meanLogprobs,
  sequenceLogprobs,
  tokenLoss,
  tokenMean,
} from './reductions.ts'
export { sft } from './sft.ts'
export { type ObjectiveId, type ObjectiveParams, objectives } from './table.ts'
export type { Completions, ReadBatch, SequenceView, Views } from './views.ts'
