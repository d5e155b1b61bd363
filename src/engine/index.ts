export { type LocalEngineOptions, openLocalEngine } from './local.ts'
export type {
  CallOptions,
  Engine,
  ForwardBackwardOptions,
  ForwardBackwardResult,
  ForwardOptions,
  Readout,
} from './types.ts'
