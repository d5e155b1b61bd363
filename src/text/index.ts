export type { TokenizerConfig } from './config.ts'
export { type EncodedConversation, encodeConversation, encodePrompt, encodeText } from './conversation.ts'
export { loadTokenizer } from './load.ts'
export {
  CHATML_TEMPLATE,
  type ChatTemplateOptions,
  chatTemplate,
  loadChatTemplate,
  OPENCHAT_TEMPLATE,
} from './template.ts'
export { tokenizerFromJson } from './tokenizer.ts'
export type { TokenizerJson } from './tokenizer-json.ts'
export { type TrainBpeOptions, trainBpe } from './train-bpe.ts'
export type * from './types.ts'
