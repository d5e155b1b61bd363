import type { RowInput, SegmentInput } from './tree.ts'

/**
 * The forms in which rows come to an objective: the names of a row's sequences, in order. A chosen answer is always the
 * first and a rejected one the second, so that what reads pairs reads these too.
 */
export const forms = {
  /** Answers to imitate. */
  demonstrations: ['answer'],
  pairs: ['chosen', 'rejected'],
  triples: ['chosen', 'rejected', 'gold'],
  /** Pairs with what the reference itself answers, from which the model is to depart. */
  explorations: ['chosen', 'rejected', 'usual'],
  /** Single answers, each rated good or bad by the value `label`, 1 or 0. */
  unpaired: ['answer'],
  /** Two or more answers, the best first; those beyond the names are numbered. */
  rankings: ['best'],
  /** One answer in steps, each a sequence that goes on from the one before it and is rated by the value `label`. */
  steps: [],
} as const satisfies Record<string, readonly string[]>

export type Form = keyof typeof forms

/** What an objective calls the sequence at a place of a row. */
export function sequenceName(form: Form, place: number): string {
  return (forms[form] as readonly string[])[place] ?? `${form === 'steps' ? 'step' : 'answer'} ${place + 1}`
}

/** The row that the reference model reads: the same answers, after the prompts that are meant for it. */
export function referenceRow({ id, segments, reference, values }: RowInput): RowInput {
  return reference ? { id, segments: reference, values } : { id, segments, values }
}

/** A row with the answers of another one after its own prompt, as further sequences: what its own are compared with. */
export function withAnswersOf(row: RowInput, other: RowInput): RowInput {
  const first = 1 + lastSequence(row.segments)
  const isRoot = ({ loss }: SegmentInput) => !loss
  const shared = row.segments.findIndex(isRoot)
  const borrowed = other.segments.filter((segment) => !isRoot(segment))
  const segments = borrowed.map(
    ({ tokens, loss, sequence = 0 }): SegmentInput => ({
      tokens,
      loss,
      ...(shared >= 0 && { parent: shared }),
      sequence: first + sequence,
    }),
  )
  return { ...row, segments: [...row.segments, ...segments] }
}

/** Two rows side by side as one, the second's sequences after the first's: what is compared or mixed across rows. */
export function joinRows(first: RowInput, second: RowInput): RowInput {
  const base = first.segments.length
  const sequence = 1 + lastSequence(first.segments)
  const shifted = second.segments.map((segment) => ({
    ...segment,
    ...(segment.parent !== undefined && segment.parent >= 0 && { parent: segment.parent + base }),
    sequence: sequence + (segment.sequence ?? 0),
  }))
  const names = new Set([...Object.keys(first.values ?? {}), ...Object.keys(second.values ?? {})])
  const values = Object.fromEntries(
    [...names].map((name) => {
      const [a = [], b = []] = [first.values?.[name], second.values?.[name]].map((list) => list && Array.from(list))
      return [name, [...a, ...new Array(sequence - a.length).fill(Number.NaN), ...b]]
    }),
  )
  return { id: first.id, segments: [...first.segments, ...shifted], ...(names.size > 0 && { values }) }
}

const lastSequence = (segments: readonly SegmentInput[]) =>
  segments.reduce((most, { sequence = 0 }) => Math.max(most, sequence), 0)
