export type {
  Backend,
  BackendStats,
  DType,
  FileSlice,
  KernelTime,
  Profile,
  QuantisedType,
  Recording,
  Values,
} from './backend.ts'
export { isQuantised, quantisedWidth } from './backend.ts'
export { openReferenceBackend } from './backends/reference/index.ts'
export { type BufferId, type KernelArgs, type KernelName, kernelSpecs, type UnaryKind, unaryKinds } from './kernels.ts'
export { type BackendOptions, openBackend } from './open.ts'
export * from './ops/attention.ts'
export * from './ops/elementwise.ts'
export * from './ops/reduce.ts'
export * from './ops/transformer.ts'
export * from './ops/vocabulary.ts'
export { type Optimizer, type OptimizerConfig, openOptimizer, optimizerDefaults, optimizerKinds } from './optimizers.ts'
export {
  type Ceilings,
  type KernelCost,
  type KernelShare,
  kernelCost,
  kernelShares,
  measureCeilings,
  median,
} from './profile.ts'
export { type ScheduleConfig, scheduleDefaults, scheduleFactor, schedules } from './schedules.ts'
export { Scope } from './scope.ts'
export { Parameter, type Shape, sizeOf, Tensor } from './tensor.ts'
