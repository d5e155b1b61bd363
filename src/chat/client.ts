import { z } from 'zod'
import { HoneError, parseConfig, pause, platform, throwIfAborted } from '../base/index.ts'
import { expectedTokens, readAnswer } from './answer.ts'
import { backoff, exhausted } from './backoff.ts'
import { openBudget } from './budget.ts'
import { type AnswerCache, folderCache, memoryCache, noCache } from './cache.ts'
import { readEndpoint, readKey, requestBody, requestHash, type TokenLimit, tokenLimits } from './endpoint.ts'
import { flights } from './flights.ts'
import { Passing, post } from './http.ts'
import { rateGate } from './rate.ts'
import { noTranscript, openTranscript, transcriptEntry } from './transcript.ts'
import type { BudgetLimits, ChatAnswer, ChatClient, ChatRequest, RateLimits, RetryOptions } from './types.ts'

export interface ChatOptions extends RetryOptions, RateLimits {
  /** 'http://host/v1', or the whole path of its chat/completions. */
  endpoint: string
  model: string
  /** The key itself; better is `apiKeyEnv`, the name of an environment variable that holds it. */
  apiKey?: string
  apiKeyEnv?: string
  budget?: BudgetLimits
  /** A folder that keeps answers; unless given they are kept while the client is open, and not at all where it is null. */
  cache?: string | null
  /** A JSONL file that all questions and answers are added to. */
  transcript?: string
  /** Longest answer in bytes that is read; default 4 MB. */
  maxBytes?: number
  /** False keeps a request's schema from being sent, for endpoints that refuse `response_format`. */
  responseFormat?: boolean
  /** What the limit of an answer is called; OpenAI's models that think take 'max_completion_tokens' alone. */
  tokenLimit?: TokenLimit
  /** The stretch of time that the limits per minute are kept over, for tests. */
  windowMs?: number
}

const positive = z.number().positive()
const limit = z.int().positive()
const schema = z.strictObject({
  endpoint: z.string(),
  model: z.string().min(1),
  apiKeyEnv: z.string().min(1).optional(),
  budget: z.strictObject({ requests: limit.optional(), tokens: limit.optional() }).optional(),
  cache: z.string().nullish(),
  transcript: z.string().optional(),
  maxBytes: limit.default(4 << 20),
  responseFormat: z.boolean().default(true),
  tokenLimit: z.enum(tokenLimits).default('max_tokens'),
  concurrency: limit.default(4),
  requestsPerMinute: positive.optional(),
  tokensPerMinute: positive.optional(),
  windowMs: positive.optional(),
  retries: z.int().nonnegative().default(5),
  backoffMs: z.number().nonnegative().default(500),
  maxBackoffMs: positive.default(60_000),
  timeoutMs: positive.default(120_000),
  seed: z.int().nonnegative().default(0),
})

/**
 * A client for an endpoint that speaks OpenAI's chat API: retries, rate limits, a cache by content, a budget, a transcript.
 * The key goes into one header, and nowhere else; where the endpoint repeats it, it is taken out.
 * @throws HoneError E_CONFIG
 */
export async function openChat({ apiKey, ...given }: ChatOptions): Promise<ChatClient> {
  const options = parseConfig(schema, given, { what: 'the chat client' })
  const { model, concurrency, maxBytes, timeoutMs, retries, responseFormat } = options
  const { url, name: endpoint } = readEndpoint(options.endpoint)
  const key = readKey({ apiKey, apiKeyEnv: options.apiKeyEnv })
  const gate = rateGate(options)
  const budget = openBudget(options.budget)
  const cache = openCache(options.cache)
  const transcript = options.transcript === undefined ? noTranscript : await openTranscript(options.transcript)
  const join = flights<ChatAnswer>()

  const asSent = ({ schema, ...request }: ChatRequest): ChatRequest =>
    responseFormat && schema ? { ...request, schema } : request

  const ask = async (given: ChatRequest, { signal }: { signal?: AbortSignal } = {}): Promise<ChatAnswer> => {
    throwIfAborted(signal)
    const request = asSent(given)
    const hash = requestHash(endpoint, model, request)
    const about = { endpoint, model, hash, request }
    const { value, isFirst } = await join(hash, (inner) => find(about, inner), signal)
    if (isFirst && !value.isCached) return value
    budget.spent.cached++
    const answer = { ...value, isCached: true, retries: 0, latencyMs: isFirst ? value.latencyMs : 0 }
    transcript.append(transcriptEntry(about, answer))
    return answer
  }

  type About = Parameters<typeof transcriptEntry>[0]

  async function find(about: About, signal: AbortSignal): Promise<ChatAnswer> {
    const { hash } = about
    const started = platform().elapsed()
    const latency = () => Math.round(1000 * (platform().elapsed() - started))
    const kept = await cache.read(hash)
    if (kept) return { ...kept, hash, isCached: true, retries: 0, latencyMs: latency() }
    const tries = { count: 0 }
    try {
      const got = await persist(about, tries, signal)
      const answer = { ...got, hash, isCached: false, retries: tries.count - 1, latencyMs: latency() }
      transcript.append(transcriptEntry(about, answer))
      await cache.write(hash, got)
      return answer
    } catch (error) {
      if (error instanceof HoneError && tries.count > 0) {
        const { code, message } = error
        const failure = { latency_ms: latency(), retries: tries.count - 1, error: { code, message } }
        transcript.append(transcriptEntry(about, null, failure))
      }
      throw error
    }
  }

  /** Asks until there is an answer, a refusal, or no try left. */
  async function persist({ request, hash }: About, tries: { count: number }, signal: AbortSignal) {
    for (;;) {
      const failure = await tryOnce(request, tries, signal)
      if (!(failure instanceof Passing)) return failure
      const repetition = tries.count - 1
      const wait = failure.waitMs ?? backoff(hash, repetition, options)
      const isTooLong = wait > options.maxBackoffMs
      if (repetition >= retries || isTooLong) throw exhausted(endpoint, tries.count, failure, isTooLong ? wait : null)
      await pause(wait, signal)
    }
  }

  async function tryOnce(request: ChatRequest, tries: { count: number }, signal: AbortSignal) {
    const expected = expectedTokens(request)
    const leave = await gate.enter(expected, signal)
    let tokens = 0
    try {
      const settle = await budget.begin(expected)
      let answer: ReturnType<typeof readAnswer> | null = null
      try {
        tries.count++
        const value = await post(requestBody(model, request, options.tokenLimit), {
          url,
          name: endpoint,
          key,
          timeoutMs,
          maxBytes,
          signal,
        })
        answer = readAnswer(value, request)
        tokens = answer.usage.promptTokens + answer.usage.completionTokens
        return answer
      } finally {
        settle(answer?.usage ?? null)
      }
    } catch (error) {
      if (!(error instanceof Passing)) throw error
      // Who asks for patience asks it of all requests, those included that wait for the place of this one.
      if (error.waitMs !== null && error.waitMs <= options.maxBackoffMs) gate.hold(error.waitMs)
      return error
    } finally {
      leave(tokens)
    }
  }

  const close = () => transcript.close()
  return {
    endpoint,
    model,
    concurrency,
    ask,
    forget: (request) => cache.remove(requestHash(endpoint, model, asSent(request))),
    spent: budget.spent,
    close,
    [Symbol.asyncDispose]: close,
  }
}

function openCache(given: string | null | undefined): AnswerCache {
  if (given === null) return noCache
  return given === undefined ? memoryCache() : folderCache(given)
}
