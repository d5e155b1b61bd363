export { type LocalEngineOptions, openLocalEngine } from './local.ts'
export {
  type OpenModel,
  type OpenOptions,
  openModel,
  openText,
  type Progress,
  resolveModel,
  shippedModels,
} from './open.ts'
export { requireReadout } from './readouts.ts'
export type {
  CallOptions,
  Engine,
  ForwardBackwardOptions,
  ForwardBackwardResult,
  ForwardOptions,
  Readout,
  SampleOptions,
} from './types.ts'
