export { adapterHasScore, loadAdapter, saveAdapter } from './adapter-files.ts'
export {
  type Architecture,
  type LinearSpec,
  type ModuleNames,
  type Rope,
  type RopeScaling,
  scoreName,
  type WeightSpec,
  weightsOf,
} from './architecture.ts'
export { type ParsedConfig, parseModelConfig, readModelConfig } from './config.ts'
export { families } from './families/index.ts'
export { type InitOptions, initModel } from './init.ts'
export { type LoadOptions, loadModel } from './load.ts'
export { attachLora, attentionTargets } from './lora.ts'
export { mergeAdapter } from './merge.ts'
export { checkFrozen } from './quantise.ts'
export type * from './types.ts'
export { copyParameters, readWeight, weightsHash } from './weights.ts'
