export { HoneError, type HoneErrorOptions, throwIfAborted } from './errors.ts'
export * from './platform/index.ts'
export { philox, type Random, random, streamId } from './random.ts'
export { closest, mergeConfig, parseConfig, parseOverrides, showValue } from './schema.ts'
