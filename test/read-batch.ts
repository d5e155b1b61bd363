import { packTree, type RowInput } from '../src/batch/index.ts'
import type { ReadBatch } from '../src/objectives/index.ts'

/** A row as an objective sees it: the log-probs of each answer's tokens, those of the reference, and numbers. */
export interface ReadRow {
  answers: readonly (readonly number[])[]
  reference?: readonly (readonly number[])[]
  values?: Record<string, number[]>
}

/** Rows packed into one tree, with their log-probs; `masked` puts that many tokens without loss before each learnt one. */
export function readBatch(rows: readonly ReadRow[], masked = 0): ReadBatch {
  const inputs = rows.map(
    ({ answers, values }, id): RowInput => ({
      id,
      values,
      segments: [
        { tokens: [1, 2] },
        ...answers.map((answer, sequence) => {
          const loss = answer.flatMap(() => [...new Array(masked).fill(0), 1])
          return { tokens: new Int32Array(loss.length).fill(3), loss, parent: 0, sequence }
        }),
      ],
    }),
  )
  const reference = rows.some((row) => row.reference)
    ? Float64Array.from(rows.flatMap((row) => row.reference?.flat() ?? row.answers.flat().map(() => 0)))
    : null
  return {
    tree: packTree(inputs),
    logprobs: Float64Array.from(rows.flatMap(({ answers }) => answers.flat())),
    reference,
  }
}
