import type { RawRow } from '../data/index.ts'
import { type LabelledPair, labelledPairs } from '../evaluate/index.ts'
import { readRows } from '../formats/index.ts'

/** Pairs out of files, the better answer second in one half of them. */
export async function readLabelled(
  files: readonly string[],
  { limit = Number.POSITIVE_INFINITY, seed, signal }: { limit?: number; seed: number; signal: AbortSignal },
): Promise<LabelledPair[]> {
  const rows: RawRow[] = []
  for (const file of files) {
    for await (const row of readRows(file, { signal })) {
      if (rows.length < limit) rows.push(row)
      else return labelledPairs(rows, { seed })
    }
  }
  return labelledPairs(rows, { seed })
}
