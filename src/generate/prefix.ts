import type { RowAllocator } from './rows.ts'

/** A run of cached rows: tokens that follow `base`'s first `baseLength` path tokens. Counted references keep it. */
export interface CachedRun {
  parent: CachedRun | null
  /** Path position of the first token. */
  offset: number
  tokens: ArrayLike<number>
  row: number
  references: number
}

/** The path of cached rows that ends in `run` after `length` path tokens, as [first row, count] spans. */
export function pathSpans(run: CachedRun | null, length: number): [number, number][] {
  const spans: [number, number][] = []
  let end = length
  for (let at = run; at; at = at.parent) {
    if (end > at.offset) spans.unshift([at.row, end - at.offset])
    end = Math.min(end, at.offset)
  }
  return spans
}

/**
 * Prompts in the cache, so that a later prompt with the same beginning reads those rows instead of computing them anew.
 * A run may be entered anywhere: its child names how many of its tokens it follows.
 */
export interface PrefixCache {
  /** The longest cached beginning of `tokens`, at most `limit` long. */
  match(tokens: ArrayLike<number>, limit: number): { run: CachedRun | null; length: number }
  add(parent: CachedRun | null, offset: number, tokens: ArrayLike<number>, row: number): CachedRun
  /** Lets go of a run and of what only it held; rows that nothing refers to are free again. */
  release(run: CachedRun | null): void
}

export function createPrefixCache(rows: RowAllocator): PrefixCache {
  const live = new Set<CachedRun>()
  const matchRun = (run: CachedRun, tokens: ArrayLike<number>, limit: number): number => {
    // The ancestors' share must agree first.
    if (run.offset > 0 && (!run.parent || matchRun(run.parent, tokens, run.offset) < run.offset)) return 0
    let length = run.offset
    const end = Math.min(limit, run.offset + run.tokens.length)
    while (length < end && run.tokens[length - run.offset] === tokens[length]) length++
    return length
  }

  const release = (run: CachedRun | null): void => {
    if (!run || --run.references > 0) return
    live.delete(run)
    rows.give(run.row, run.tokens.length)
    release(run.parent)
  }
  return {
    match(tokens, limit) {
      let best: { run: CachedRun | null; length: number } = { run: null, length: 0 }
      for (const run of live) {
        const length = matchRun(run, tokens, limit)
        if (length > best.length && length > run.offset) best = { run, length }
      }
      return best
    },
    add(parent, offset, tokens, row) {
      if (parent) parent.references++
      const run = { parent, offset, tokens, row, references: 1 }
      live.add(run)
      return run
    },
    release,
  }
}
