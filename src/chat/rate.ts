import { HoneError, platform, throwIfAborted } from '../base/index.ts'
import type { RateLimits } from './types.ts'

export interface RateGate {
  /** Resolves, in the order of the calls, when a request may begin; what it returns is called at its end with the tokens it took. */
  enter(expectedTokens: number, signal?: AbortSignal): Promise<(tokens: number) => void>
  /** Nothing begins for so many milliseconds: the endpoint asked for it. */
  hold(ms: number): void
}

interface Waiter {
  tokens: number
  go(leave: (tokens: number) => void): void
}

/**
 * Keeps to the limits of an endpoint over any stretch of `windowMs`. A single request above the limit of tokens passes alone.
 * @throws HoneError E_ABORTED
 */
export function rateGate({
  concurrency = 4,
  requestsPerMinute = Number.POSITIVE_INFINITY,
  tokensPerMinute = Number.POSITIVE_INFINITY,
  windowMs = 60_000,
}: RateLimits & { windowMs?: number }): RateGate {
  const waiting: Waiter[] = []
  let recent: { at: number; tokens: number }[] = []
  let active = 0
  let notBefore = 0
  let timer: ReturnType<typeof setTimeout> | undefined

  const now = () => 1000 * platform().elapsed()
  /** Milliseconds until a request may begin, as far as the clock decides. */
  const delay = (tokens: number): number => {
    const time = now()
    recent = recent.filter(({ at }) => at + windowMs > time)
    let count = recent.length
    let sum = recent.reduce((total, entry) => total + entry.tokens, 0)
    let until = Math.max(time, notBefore)
    for (const entry of recent) {
      if (count < requestsPerMinute && sum + tokens <= tokensPerMinute) break
      until = Math.max(until, entry.at + windowMs)
      count--
      sum -= entry.tokens
    }
    return until - time
  }
  const pump = () => {
    clearTimeout(timer)
    while (waiting.length > 0 && active < concurrency) {
      const [{ tokens, go }] = waiting
      const wait = delay(tokens)
      if (wait > 0) {
        timer = setTimeout(pump, Math.ceil(wait))
        return
      }
      waiting.shift()
      active++
      const entry = { at: now(), tokens }
      recent.push(entry)
      let isOver = false
      go((used) => {
        if (isOver) return
        isOver = true
        active--
        entry.tokens = used
        pump()
      })
    }
  }
  return {
    enter: (tokens, signal) =>
      new Promise((resolve, reject) => {
        const waiter: Waiter = {
          tokens,
          go: (leave) => {
            signal?.removeEventListener('abort', stop)
            resolve(leave)
          },
        }
        const stop = () => {
          waiting.splice(waiting.indexOf(waiter), 1)
          reject(aborted(signal))
          pump()
        }
        if (signal?.aborted) {
          reject(aborted(signal))
          return
        }
        signal?.addEventListener('abort', stop, { once: true })
        waiting.push(waiter)
        pump()
      }),
    hold(ms) {
      notBefore = Math.max(notBefore, now() + ms)
    },
  }
}

/** The error that `throwIfAborted` throws, for a promise to reject with. */
export function aborted(signal?: AbortSignal): unknown {
  try {
    throwIfAborted(signal)
  } catch (error) {
    return error
  }
  return new HoneError('E_ABORTED', 'stopped on request')
}
