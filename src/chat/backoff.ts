import { HoneError, random } from '../base/index.ts'
import type { Passing } from './http.ts'

export interface BackoffOptions {
  backoffMs: number
  maxBackoffMs: number
  seed: number
}

/**
 * Milliseconds before repetition 0, 1, … of a request: doubling, times 0.5 … 1.5 by a draw of its own, so that requests which
 * failed together do not come back together.
 */
export function backoff(hash: string, repetition: number, { backoffMs, maxBackoffMs, seed }: BackoffOptions): number {
  const draw = random(seed, 'chat back-off').unit(Number.parseInt(hash.slice(0, 8), 16), repetition)
  return Math.min(maxBackoffMs, backoffMs * 2 ** repetition * (0.5 + draw))
}

/** The error of a request that was tried `tries` times; `waitMs` is set where the endpoint asks for more patience than there is. */
export function exhausted(endpoint: string, tries: number, failure: Passing, waitMs: number | null): HoneError {
  const isBusy = failure.status === 429
  const asked = waitMs === null ? '' : `; it asks to wait ${Math.ceil(waitMs / 1000)} s`
  const counted = `${tries} ${tries === 1 ? 'try' : 'tries'}`
  return new HoneError(
    isBusy ? 'E_RATE_LIMIT' : 'E_NETWORK',
    `${endpoint} gave no answer in ${counted}: ${failure.message}${asked}`,
    {
      help: isBusy
        ? 'Lower concurrency, requestsPerMinute or tokensPerMinute, or come back later.'
        : 'Check that it runs and is reached from here; timeoutMs and retries can be raised.',
      cause: failure,
    },
  )
}
