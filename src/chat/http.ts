import { HoneError, platform, throwIfAborted } from '../base/index.ts'

/** A fault that may pass: of the connection, of time, of an endpoint that is busy. */
export class Passing extends Error {
  /** What the endpoint asks to wait, in milliseconds. */
  readonly waitMs: number | null
  readonly status: number | null
  constructor(
    message: string,
    { waitMs = null, status = null }: { waitMs?: number | null; status?: number | null } = {},
  ) {
    super(message)
    this.waitMs = waitMs
    this.status = status
  }
}

export interface PostOptions {
  url: string
  /** What errors call it. */
  name: string
  key: string | null
  timeoutMs: number
  maxBytes: number
  signal?: AbortSignal
}

/**
 * One POST of JSON, and the JSON that came back. Nothing that is thrown or returned holds the key, whatever the endpoint
 * repeats of it.
 * @throws Passing for 408, 425, 429, 5xx, a broken connection, silence, and a body that is no JSON; HoneError E_CHAT_ACCESS
 * (401, 403, no credit), E_CHAT_REFUSED (any other refusal, and redirects), E_TOO_LARGE, E_ABORTED
 */
export async function post(body: unknown, options: PostOptions): Promise<unknown> {
  const { url, name, key, timeoutMs, maxBytes, signal } = options
  throwIfAborted(signal)
  const control = new AbortController()
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    control.abort()
  }, timeoutMs)
  const stop = () => control.abort()
  signal?.addEventListener('abort', stop, { once: true })
  const clean = (text: string) => (isSecret(key) ? text.replaceAll(key, '[key]') : text)
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(key !== null && { authorization: `Bearer ${key}` }) },
      body: JSON.stringify(body),
      // A request goes where the user sent it: neither prompts nor keys follow a redirect.
      redirect: 'manual',
      signal: control.signal,
    })
    const text = await readText(response, maxBytes, name)
    const { status, headers } = response
    if (!response.ok) throw refusal({ status, headers }, text, name, clean)
    const value = parsed(text, clean)
    const failed = failedStatus(value)
    if (failed !== null) throw refusal({ status: failed, headers }, text, name, clean)
    return value
  } catch (error) {
    throwIfAborted(signal)
    if (error instanceof HoneError || error instanceof Passing) throw error
    if (isLate) throw new Passing(`no whole answer within ${timeoutMs / 1000} s`)
    const { message, cause } = error as Error
    const reason = (cause as Error | undefined)?.message
    throw new Passing(clean(reason ? `${message} (${reason})` : message))
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', stop)
    // Lets go of a connection whose answer was not read to its end.
    control.abort()
  }
}

/** Shorter ones are what endpoints without keys are given: 'EMPTY', 'none'. */
const isSecret = (key: string | null): key is string => key !== null && key.length >= 8

function parsed(text: string, clean: (text: string) => string): unknown {
  try {
    return withoutKey(JSON.parse(text), clean)
  } catch {
    throw new Passing(`it answered ${shown(clean(text))}, which is no JSON`)
  }
}

/** The status that a document stands for which tells of an error under a status of 200, as gateways send it. */
function failedStatus(value: unknown): number | null {
  if (typeof value !== 'object' || value === null || !('error' in value) || 'choices' in value) return null
  const code = (value.error as { code?: unknown } | null)?.code
  return typeof code === 'number' && code >= 400 && code < 600 ? code : 400
}

async function readText(response: Response, maxBytes: number, name: string): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > maxBytes) {
      throw new HoneError('E_TOO_LARGE', `${name} answered with more than ${maxBytes} bytes`, {
        help: 'Ask for fewer tokens (maxTokens), or check the endpoint.',
      })
    }
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

/** The key taken out of every text of a document: it may stand there in escapes that the raw text does not show. */
function withoutKey(value: unknown, clean: (text: string) => string): unknown {
  if (typeof value === 'string') return clean(value)
  if (Array.isArray(value)) return value.map((inner) => withoutKey(inner, clean))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [clean(name), withoutKey(inner, clean)]))
}

const passing = new Set([408, 425, 429])

function refusal(
  { status, headers }: Pick<Response, 'status' | 'headers'>,
  text: string,
  name: string,
  clean: (text: string) => string,
): Error {
  const { message, code } = complaint(text)
  const said = `${name} answered ${status}${message ? `: ${shown(clean(message))}` : ''}`
  if (status === 401 || status === 403 || code === 'insufficient_quota') {
    return new HoneError('E_CHAT_ACCESS', said, {
      help: 'Check the key, the account behind it, and that it is meant for this endpoint.',
    })
  }
  if (passing.has(status) || status >= 500)
    return new Passing(`it ${said.slice(name.length + 1)}`, { status, waitMs: waitOf(headers) })
  const help = {
    3: 'It sends requests elsewhere, where none is sent without your word: give that address, if you trust it.',
    4: status === 404 ? 'Check the address, which often ends in /v1, and the name of the model.' : undefined,
  }[Math.floor(status / 100)]
  return new HoneError('E_CHAT_REFUSED', said, { help })
}

/** What an endpoint says of its refusal, in any of the forms that are about. */
function complaint(text: string): { message: string; code: unknown } {
  try {
    const value = JSON.parse(text)
    const inner = value?.error ?? value
    const message = typeof inner === 'string' ? inner : (inner?.message ?? inner?.detail)
    return { message: typeof message === 'string' ? message : text, code: inner?.code ?? inner?.type }
  } catch {
    return { message: text, code: undefined }
  }
}

const shown = (text: string) => {
  const line = text.replace(/\s+/g, ' ').trim()
  return line === '' ? 'nothing' : line.length > 160 ? `${line.slice(0, 159)}…` : line
}

/** Retry-After in milliseconds: seconds or a date (RFC 9110, section 10.2.3), or `retry-after-ms`. */
function waitOf(headers: Headers): number | null {
  const ms = Number(headers.get('retry-after-ms') ?? Number.NaN)
  if (ms >= 0 && Number.isFinite(ms)) return ms
  const value = headers.get('retry-after')?.trim()
  if (!value) return null
  if (/^\d+(\.\d+)?$/.test(value)) return 1000 * Number(value)
  const date = Date.parse(value)
  return Number.isNaN(date) ? null : Math.max(0, date - platform().now())
}
