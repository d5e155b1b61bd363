import { HoneError, platform } from '../base/index.ts'
import type { ChatRequest } from './types.ts'

/** Where requests go. */
export interface Endpoint {
  /** Of the completions, with the query that the user gave. */
  url: string
  /** The same without its query: what errors, caches and transcripts may name. */
  name: string
}

/**
 * The address of a chat endpoint: 'http://host/v1' or the full path of its chat/completions.
 * @throws HoneError E_CONFIG for what is no http address, or holds a user's name or password
 */
export function readEndpoint(given: string): Endpoint {
  const url = URL.canParse(given) ? new URL(given) : null
  if (!url || !/^https?:$/.test(url.protocol)) {
    // What is no address may hold anything, a key among it: it is not repeated.
    throw new HoneError('E_CONFIG', 'the endpoint is no address, expected one such as http://localhost:8000/v1')
  }
  if (url.username !== '' || url.password !== '') {
    throw new HoneError('E_CONFIG', `the endpoint at ${url.host} has a name or a password in its address`, {
      help: 'Give the key by itself, best as the name of an environment variable.',
    })
  }
  const path = url.pathname.replace(/\/+$/, '')
  url.pathname = path.endsWith('/chat/completions') ? path : `${path}/chat/completions`
  url.hash = ''
  return { url: url.href, name: `${url.origin}${url.pathname}` }
}

/**
 * The key of an endpoint, as given or out of a named environment variable; null for one that needs none. No variable is
 * read unasked: a key must not reach an endpoint that it was not meant for.
 * @throws HoneError E_CONFIG for a variable that is not set, or a key that fits in no header
 */
export function readKey({ apiKey, apiKeyEnv }: { apiKey?: string; apiKeyEnv?: string }): string | null {
  const key = apiKey ?? (apiKeyEnv === undefined ? null : platform().env(apiKeyEnv))
  if (key === null) return null
  if (key === undefined || key.trim() === '') {
    throw new HoneError('E_CONFIG', `the key of the endpoint is empty, expected one in ${apiKeyEnv ?? 'apiKey'}`, {
      help: apiKeyEnv === undefined ? 'Leave it out where none is needed.' : `export ${apiKeyEnv}=…`,
    })
  }
  if (/^[\x21-\x7e]+$/.test(key.trim())) return key.trim()
  throw new HoneError('E_CONFIG', 'the key of the endpoint holds spaces or characters that are not ASCII', {
    help: 'Check how it was copied.',
  })
}

/** Names of the limit of an answer: the usual one, and that of OpenAI's models that think, which refuse the usual one. */
export const tokenLimits = ['max_tokens', 'max_completion_tokens'] as const
export type TokenLimit = (typeof tokenLimits)[number]

/** What is sent for a request. */
export function requestBody(
  model: string,
  request: ChatRequest,
  tokenLimit: TokenLimit = 'max_tokens',
): Record<string, unknown> {
  const { messages, temperature, topP, maxTokens, seed, logprobs, stop, schema } = request
  return {
    model,
    messages: messages.map(({ role, content }) => ({ role, content })),
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { top_p: topP }),
    ...(maxTokens !== undefined && { [tokenLimit]: maxTokens }),
    ...(seed !== undefined && { seed }),
    ...(stop !== undefined && { stop }),
    ...(logprobs !== undefined && logprobs !== false && { logprobs: true }),
    ...(typeof logprobs === 'number' && logprobs > 0 && { top_logprobs: logprobs }),
    ...(schema && { response_format: { type: 'json_schema', json_schema: { ...schema, strict: true } } }),
  }
}

/** SHA-256 of all that an answer depends on, the order of keys and the credentials aside. */
export function requestHash(endpoint: string, model: string, request: ChatRequest): string {
  const { sample = 0 } = request
  const content = canonical({ endpoint, body: requestBody(model, request), sample })
  return platform().sha256().update(content).digest()
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
