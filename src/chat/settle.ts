import { HoneError, throwIfAborted } from '../base/index.ts'

export interface SettleOptions {
  /** Pieces of work under way at once (default 4). */
  concurrency?: number
  signal?: AbortSignal
  onProgress?: (done: number, total: number) => void
}

/** After one of these nothing else can succeed. */
const stopping = new Set(['E_BUDGET', 'E_CHAT_ACCESS', 'E_RATE_LIMIT', 'E_DISK_FULL', 'E_NO_ACCESS', 'E_CONFIG'])

/** So many in a row without an answer, and the endpoint is taken to be gone. */
const failuresInRow = 3

/**
 * Does work on each item, some at once, and gives for each its result, or the error in its place. When the budget is spent or the
 * endpoint is gone, what is under way is finished, nothing new begins, and the rest has that error in its place: what was
 * done is kept.
 * @throws HoneError E_ABORTED; and what is no HoneError
 */
export async function settleAll<T, R>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<R>,
  { concurrency = 4, signal, onProgress }: SettleOptions = {},
): Promise<(R | HoneError)[]> {
  const results = new Array<R | HoneError>(items.length)
  let next = 0
  let done = 0
  let failed = 0
  let stop: HoneError | null = null
  let fault: { error: unknown } | null = null
  const settle = async (index: number) => {
    try {
      results[index] = await work(items[index], index)
      failed = 0
    } catch (error) {
      if (!(error instanceof HoneError) || error.code === 'E_ABORTED') {
        fault ??= { error }
        return
      }
      results[index] = error
      failed = error.code === 'E_NETWORK' ? failed + 1 : failed
      if (stopping.has(error.code) || failed >= failuresInRow) stop ??= error
    }
    onProgress?.(++done, items.length)
  }
  const worker = async () => {
    while (next < items.length && !stop && !fault && !signal?.aborted) await settle(next++)
  }
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, worker))
  throwIfAborted(signal)
  if (fault) throw (fault as { error: unknown }).error
  for (; next < items.length; next++) results[next] = stop as unknown as HoneError
  return results
}
