import type { HoneError } from '../base/index.ts'

/** Errors that were counted instead of thrown. */
export interface Tally {
  /** Code → how often. */
  readonly counts: Readonly<Record<string, number>>
  readonly total: number
  /** The first few, for the report. */
  readonly examples: readonly HoneError[]
}

const EXAMPLES = 10

/** An empty tally, or one that counts on from another. */
export function tally(from?: Tally): Tally & { add(error: HoneError): void } {
  const counts: Record<string, number> = { ...from?.counts }
  const examples: HoneError[] = [...(from?.examples ?? [])]
  let total = from?.total ?? 0
  return {
    counts,
    examples,
    get total() {
      return total
    },
    add(error) {
      counts[error.code] = (counts[error.code] ?? 0) + 1
      total++
      if (examples.length < EXAMPLES) examples.push(error)
    },
  }
}
