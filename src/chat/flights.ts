import { aborted } from './rate.ts'

interface Flight<T> {
  promise: Promise<T>
  control: AbortController
  waiters: number
}

/** Joins equal work: who asks for what is under way waits for it. It is broken off when all who wait have gone. */
export function flights<T>() {
  const open = new Map<string, Flight<T>>()

  function start(key: string, work: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const control = new AbortController()
    const flight: Flight<T> = { control, waiters: 0, promise: work(control.signal) }
    open.set(key, flight)
    const end = () => {
      if (open.get(key) === flight) open.delete(key)
    }
    flight.promise.then(end, end)
    return flight
  }
  /** `isFirst` says whether this call began the work. */
  return function join(
    key: string,
    work: (signal: AbortSignal) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<{ value: T; isFirst: boolean }> {
    const found = open.get(key)
    const flight = found ?? start(key, work)
    flight.waiters++
    return new Promise((resolve, reject) => {
      const leave = () => {
        if (--flight.waiters === 0) {
          if (open.get(key) === flight) open.delete(key)
          flight.control.abort(signal?.reason)
        }
        reject(aborted(signal))
      }
      signal?.addEventListener('abort', leave, { once: true })
      const done = () => signal?.removeEventListener('abort', leave)
      flight.promise.then((value) => resolve({ value, isFirst: !found }), reject).then(done)
    })
  }
}
