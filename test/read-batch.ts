import { packTree, type RowInput, type TokenTree } from '../src/batch/index.ts'
import type { ReadBatch } from '../src/objectives/index.ts'

/** A row as an objective sees it: the log-probs of each answer's tokens, those of the reference, and numbers. */
export interface ReadRow {
  answers: readonly (readonly number[])[]
  reference?: readonly (readonly number[])[]
  values?: Record<string, number[]>
  /** For each learnt token the log-probs of some candidates, by the model and by a teacher. */
  candidates?: readonly { own: readonly number[]; teacher: readonly number[] }[]
  /** Of a row of two answers: the weight of the first, and the log-probs of both tokens at each mixed place. */
  mix?: { weight: number; first: readonly number[]; second: readonly number[] }
}

/** Rows packed into one tree, with their log-probs, and as the score of each answer their sum; `masked` puts that many tokens without loss before each learnt one. */
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
  const { more, extra } = further(rows)
  return {
    tree: { ...packTree(inputs), ...more },
    logprobs: Float64Array.from(rows.flatMap(({ answers }) => answers.flat())),
    scores: Float64Array.from(
      rows.flatMap(({ answers }) => answers.map((answer) => answer.reduce((a, b) => a + b, 0))),
    ),
    reference,
    ...(extra && { extra: Float64Array.from(extra) }),
  }
}

function further(rows: readonly ReadRow[]): { more?: Partial<TokenTree>; extra?: number[] } {
  const candidates = rows.flatMap((row) => row.candidates ?? [])
  if (candidates.length > 0) {
    const tokens = new Int32Array(candidates.length * candidates[0].own.length)
    const logprobs = candidates.flatMap(({ teacher }) => teacher) as unknown as Float32Array
    const more = { candidates: { count: candidates[0].own.length, tokens, logprobs } }
    return { more, extra: candidates.flatMap(({ own }) => own) }
  }
  const places = rows.flatMap(({ answers, mix }, r) => {
    const base = rows.slice(0, r).reduce((sum, row) => sum + row.answers.flat().length, 0)
    const each = mix?.first.map((own, i) => ({ own, other: mix.second[i], weight: mix.weight, i })) ?? []
    return each.map((place) => ({ ...place, first: base + place.i, second: base + answers[0].length + place.i }))
  })
  if (places.length === 0) return {}
  const hiddenMix = {
    first: Int32Array.from(places, ({ first }) => first),
    second: Int32Array.from(places, ({ second }) => second),
    weights: places.map(({ weight }) => weight) as unknown as Float32Array,
  }
  return { more: { hiddenMix }, extra: places.flatMap(({ own, other }) => [own, other]) }
}
