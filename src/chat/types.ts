/** One turn of what is asked. */
export interface ChatMessage {
  role: string
  content: string
}

/** What goes to a chat endpoint, in the words of the OpenAI API. All of it, with the endpoint, is the key of the cache. */
export interface ChatRequest {
  messages: readonly ChatMessage[]
  /** The endpoint's own unless given, as all of these. */
  temperature?: number
  topP?: number
  maxTokens?: number
  seed?: number
  /** Log-probs of the tokens of the answer; a number asks for so many alternatives at each place too. */
  logprobs?: boolean | number
  stop?: readonly string[]
  /** A JSON schema that the endpoint is told to answer by. */
  schema?: { name: string; schema: Readonly<Record<string, unknown>> }
  /** Tells apart several answers wanted to one request (default 0). It is not sent. */
  sample?: number
}

export interface Usage {
  promptTokens: number
  completionTokens: number
  /** The endpoint told nothing that can be true: counted as a token for each three bytes. */
  isEstimated: boolean
}

/** A token of an answer with its log-prob in nats. */
export interface ChatToken {
  token: string
  logprob: number
  /** The most probable tokens at its place, where they were asked for. */
  top: { token: string; logprob: number }[]
}

export interface ChatAnswer {
  text: string
  /** 'stop', 'length', … as the endpoint says it; null where it does not. */
  finish: string | null
  usage: Usage
  tokens: ChatToken[] | null
  /** SHA-256 of the request. */
  hash: string
  isCached: boolean
  /** HTTP requests that failed before this one. 0 from the cache. */
  retries: number
  latencyMs: number
}

/** How much may still be spent. Each HTTP request counts, a repeated one too; an answer from the cache does not. */
export interface BudgetLimits {
  requests?: number
  /** Prompt and completion together. */
  tokens?: number
}

/** Limits of the endpoint, over any minute. */
export interface RateLimits {
  /** Requests under way at once (default 4). */
  concurrency?: number
  requestsPerMinute?: number
  tokensPerMinute?: number
}

export interface RetryOptions {
  /** Repetitions of a failed request (default 5). */
  retries?: number
  /** The pause before repetition k is this times 2^k, times 0.5 … 1.5; default 500 ms. */
  backoffMs?: number
  /** No pause is longer, and an endpoint that asks for a longer one is not waited for; default 60 s. */
  maxBackoffMs?: number
  /** From sending a request to the end of its answer; default 120 s. */
  timeoutMs?: number
  /** Seed of the pauses' random part. */
  seed?: number
}

export interface Spent {
  requests: number
  /** Of all answers that came over the network; those of requests under way are not in it. */
  promptTokens: number
  completionTokens: number
  cached: number
}

export interface AskOptions {
  signal?: AbortSignal
}

/** A chat endpoint that is asked one request after another, or many at once. */
export interface ChatClient {
  readonly endpoint: string
  readonly model: string
  readonly concurrency: number
  /**
   * One answer. Equal requests under way are one request.
   * @throws HoneError E_BUDGET before anything is sent, E_CHAT_ACCESS, E_CHAT_REFUSED, E_CHAT_ANSWER, E_NETWORK, E_RATE_LIMIT,
   * E_TOO_LARGE, E_ABORTED
   */
  ask(request: ChatRequest, options?: AskOptions): Promise<ChatAnswer>
  /** Takes an answer out of the cache: it turned out to be of no use. */
  forget(request: ChatRequest): Promise<void>
  readonly spent: Readonly<Spent>
  /** Writes what is left of the transcript. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
