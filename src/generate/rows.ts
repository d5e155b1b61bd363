/** Hands out runs of rows of a cache, first fit, and joins them again when they come back. */
export interface RowAllocator {
  /** First row of a free run of `count` rows, or null. */
  take(count: number): number | null
  give(first: number, count: number): void
  readonly free: number
}

export function createRowAllocator(capacity: number): RowAllocator {
  // Free runs [first, count], ascending and never touching.
  let runs: [number, number][] = [[0, capacity]]
  return {
    take(count) {
      const run = runs.find(([, size]) => size >= count)
      if (!run) return null
      const [first] = run
      run[0] += count
      run[1] -= count
      runs = runs.filter(([, size]) => size > 0)
      return first
    },
    give(first, count) {
      if (count === 0) return
      runs.push([first, count])
      runs.sort((a, b) => a[0] - b[0])
      const joined: [number, number][] = []
      for (const run of runs) {
        const last = joined.at(-1)
        if (last && last[0] + last[1] === run[0]) last[1] += run[1]
        else joined.push([...run])
      }
      runs = joined
    },
    get free() {
      return runs.reduce((sum, [, size]) => sum + size, 0)
    },
  }
}
