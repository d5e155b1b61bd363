export { tokenizerFromJson } from './tokenizer.ts'
export type * from './types.ts'
