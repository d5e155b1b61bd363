export { onlineConfig, onlineKeys } from './config.ts'
export { choosePair, onlineMethods } from './methods.ts'
export { type OnlineOptions, online } from './online.ts'
export type { Judged, Lesson, OnlineMethod } from './types.ts'
