export { type ChatOptions, openChat } from './client.ts'
export { type SettleOptions, settleAll } from './settle.ts'
export { askFor, type Structured } from './structured.ts'
export type {
  AskOptions,
  BudgetLimits,
  ChatAnswer,
  ChatClient,
  ChatMessage,
  ChatRequest,
  ChatToken,
  RateLimits,
  RetryOptions,
  Spent,
  Usage,
} from './types.ts'
