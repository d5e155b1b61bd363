export { type GenerateOptions, generate, requireOneVocabulary } from './generate.ts'
export { type Completion, type Prompt, type Sampling, samplingDefaults, type TextPiece } from './types.ts'
