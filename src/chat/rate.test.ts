import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { rateGate } from './rate.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** When each of some requests, of so many tokens each, begins. */
async function begins(gate: ReturnType<typeof rateGate>, tokens: number[], lasts = 0): Promise<number[]> {
  const start = performance.now()
  const times: number[] = []
  const all = tokens.map(async (count, i) => {
    const leave = await gate.enter(count)
    times[i] = Math.round(performance.now() - start)
    await new Promise((resolve) => setTimeout(resolve, lasts))
    leave(count)
  })
  await vi.advanceTimersByTimeAsync(1_000_000)
  await Promise.all(all)
  return times
}

test('at most so many requests begin within any window', async () => {
  const gate = rateGate({ requestsPerMinute: 3, concurrency: 2 })
  const times = await begins(gate, new Array(8).fill(1), 10)
  expect(times).toEqual([0, 0, 10, 60_000, 60_000, 60_010, 120_000, 120_000])
})

test('at most so many tokens begin within any window; one that is larger passes alone, and none overtakes', async () => {
  const gate = rateGate({ tokensPerMinute: 100, concurrency: 9 })
  const times = await begins(gate, [40, 40, 40, 20, 500, 1])
  expect(times).toEqual([0, 0, 60_000, 60_000, 120_000, 180_000])
})

test('what an answer took in truth takes the place of what was expected', async () => {
  const gate = rateGate({ tokensPerMinute: 100 })
  const leave = await gate.enter(100)
  leave(10)
  expect(await begins(gate, [90, 1])).toEqual([0, 60_000])
})

test('a hold delays all, and who leaves the queue makes room', async () => {
  const gate = rateGate({ concurrency: 1 })
  gate.hold(500)
  expect(await begins(gate, [1, 1], 5)).toEqual([500, 505])
  const leave = await gate.enter(1)
  const control = new AbortController()
  const gone = gate.enter(1, control.signal).catch((error) => error.code)
  const next = gate.enter(1)
  control.abort()
  expect(await gone).toBe('E_ABORTED')
  leave(1)
  expect(await next).toBeTypeOf('function')
})
