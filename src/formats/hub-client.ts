/** Requests to a hub that speaks the Hugging Face API: time limits, retries, and errors that say what to do. */
import { HoneError, joinPath, pause, platform, throwIfAborted } from '../base/index.ts'

export type HubKind = 'model' | 'dataset'

export interface HubSettings {
  /** `HF_ENDPOINT`, without a slash at its end. */
  endpoint: string
  /** `HF_TOKEN`, else the token file in `HF_HOME`. Sent to the endpoint only. */
  token: string | null
  /** `HF_HUB_CACHE`, else `HF_HOME`/hub: the folder that Python's tools share. */
  cache: string
  /** `HF_HUB_OFFLINE`: nothing is asked of the network. */
  offline: boolean
  /** How long a request may stay silent: `HF_HUB_DOWNLOAD_TIMEOUT` in seconds, 10 by default. */
  timeoutMs: number
  /** Pause before the first repetition; each further one waits twice as long. */
  retryMs: number
  signal?: AbortSignal
}

export async function hubSettings(): Promise<Omit<HubSettings, 'signal'>> {
  const env = (name: string) => platform().env(name) || undefined
  const user = env('HOME') ?? env('USERPROFILE') ?? '.'
  const expand = (path: string) => (path.startsWith('~/') ? joinPath(user, path.slice(2)) : path)
  const home = expand(env('HF_HOME') ?? joinPath(env('XDG_CACHE_HOME') ?? joinPath(user, '.cache'), 'huggingface'))
  const tokenFile = joinPath(home, 'token')
  const stored = env('HF_TOKEN') ?? ((await platform().stat(tokenFile)) ? await platform().readText(tokenFile) : '')
  const seconds = Number(env('HF_HUB_DOWNLOAD_TIMEOUT') ?? 10)
  return {
    endpoint: (env('HF_ENDPOINT') ?? 'https://huggingface.co').replace(/\/+$/, ''),
    token: stored.trim() || null,
    cache: expand(env('HF_HUB_CACHE') ?? env('HUGGINGFACE_HUB_CACHE') ?? joinPath(home, 'hub')),
    offline: /^(1|true|yes|on)$/i.test(env('HF_HUB_OFFLINE') ?? ''),
    timeoutMs: 1000 * (seconds > 0 ? seconds : 10),
    retryMs: 500,
  }
}

/** What is asked for, in words, for the messages of errors. */
export interface HubRequest {
  url: string
  /** 'the model org/name' */
  what: string
  headers?: Record<string, string>
}

export interface HubResponse {
  status: number
  headers: Headers
  /** Throws a retriable error when the server falls silent or breaks off. */
  body: AsyncIterable<Uint8Array>
}

/** A fault that may pass: the connection, a silent server, its statuses 429 and 5xx. */
export class Passing extends Error {}

const ATTEMPTS = 5

/**
 * Repeats `work` while it throws `Passing`, with growing pauses, at most five times in a row without `progress` being
 * called in between. Throws `E_NETWORK` after that.
 */
export async function retrying<T>(
  what: string,
  { retryMs, signal, endpoint }: HubSettings,
  work: (progress: () => void) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(() => {
        attempt = 0
      })
    } catch (error) {
      throwIfAborted(signal)
      if (!(error instanceof Passing)) throw error
      if (attempt >= ATTEMPTS)
        throw new HoneError('E_NETWORK', `${what} could not be had from ${endpoint}: ${error.message}`, {
          help: 'Check the connection, or HF_ENDPOINT; what has arrived is kept, so that trying again goes on from there.',
          cause: error,
        })
      await pause(retryMs * 2 ** attempt * 0.5, signal)
    }
  }
}

/**
 * One GET. Throws `Passing` for what may pass, `E_HUB_ACCESS` (401, 403), `E_NOT_FOUND` (404) or `E_HUB` (other refusals).
 * The token goes to the endpoint alone: the platform's fetch drops it on a redirect to another host.
 */
export async function get(request: HubRequest, settings: HubSettings): Promise<HubResponse> {
  const { url, what, headers } = request
  const { token, timeoutMs, signal } = settings
  const control = new AbortController()
  let silent = false
  let timer: ReturnType<typeof setTimeout> | undefined
  const wind = () => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      silent = true
      control.abort()
    }, timeoutMs)
  }
  const stop = () => control.abort()
  signal?.addEventListener('abort', stop, { once: true })
  const close = () => {
    clearTimeout(timer)
    signal?.removeEventListener('abort', stop)
  }
  const fault = (error: unknown): Error => {
    close()
    const { message, cause } = error as Error
    const reason = (cause as Error | undefined)?.message
    return new Passing(silent ? `no answer for ${timeoutMs / 1000} s` : reason ? `${message} (${reason})` : message)
  }
  throwIfAborted(signal)
  wind()
  let response: Response
  try {
    const authorization: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {}
    response = await fetch(url, { headers: { ...authorization, ...headers }, signal: control.signal })
  } catch (error) {
    throw fault(error)
  }
  if (!response.ok) {
    close()
    control.abort()
    throw refusal(response, what, settings)
  }
  const body = async function* (): AsyncGenerator<Uint8Array> {
    try {
      if (!response.body) return
      for await (const chunk of response.body) {
        wind()
        yield chunk
      }
    } catch (error) {
      throw fault(error)
    } finally {
      close()
      control.abort()
    }
  }
  return { status: response.status, headers: response.headers, body: body() }
}

function refusal(response: Response, what: string, { endpoint, token }: HubSettings): Error {
  const { status, headers } = response
  if (status === 429 || status >= 500) return new Passing(`the server answered ${status} ${response.statusText}`.trim())
  const code = headers.get('x-error-code')
  if (code === 'GatedRepo' || status === 403)
    return new HoneError('E_HUB_ACCESS', `${what} is not open to ${token ? 'this account' : 'everyone'} (${status})`, {
      help: `Ask for access on its page at ${endpoint}, then set HF_TOKEN to a token of that account.`,
    })
  if (status === 401)
    return new HoneError('E_HUB_ACCESS', `${what} does not exist on ${endpoint}, or is private (401)`, {
      help: token ? 'Check the name, and that HF_TOKEN is valid.' : 'Check the name; if it is private, set HF_TOKEN.',
    })
  if (status === 404)
    return new HoneError('E_NOT_FOUND', `${what} does not exist on ${endpoint} (404)`, {
      help:
        code === 'RevisionNotFound'
          ? 'Check the revision.'
          : 'Check the name, its kind (model or dataset) and the revision.',
    })
  return new HoneError('E_HUB', `${endpoint} refused ${what}: ${status} ${response.statusText}`.trim())
}

const MAX_JSON_BYTES = 64 << 20

/** A JSON answer, with its headers. Throws as `get` and `retrying` do, `E_HUB` for an answer that is no JSON. */
export function getJson(request: HubRequest, settings: HubSettings): Promise<{ value: unknown; headers: Headers }> {
  return retrying(request.what, settings, async () => {
    const { body, headers } = await get(request, settings)
    const decoder = new TextDecoder()
    let text = ''
    for await (const chunk of body) {
      text += decoder.decode(chunk, { stream: true })
      if (text.length > MAX_JSON_BYTES) throw new HoneError('E_HUB', `${request.url} answered with more than 64 MB`)
    }
    try {
      return { value: JSON.parse(text + decoder.decode()), headers }
    } catch (cause) {
      throw new HoneError('E_HUB', `${request.url} answered with something other than JSON`, {
        help: 'Is HF_ENDPOINT a hub, or does a proxy stand in between?',
        cause,
      })
    }
  })
}
