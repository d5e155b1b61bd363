/** The whole library. Each room is also a door of its own: `hone-lm/train`, `hone-lm/engine`, … */
export { HoneError } from './base/index.ts'
export { type OpenModel, type OpenOptions, openModel } from './engine/index.ts'
export type { Completion, Sampling } from './generate/index.ts'
export { objectives } from './objectives/index.ts'
export * from './train/index.ts'
