import type { RowInput, SegmentInput } from './tree.ts'

/**
 * The forms in which rows come to an objective: the names of a row's sequences, in order. A chosen answer is always the
 * first and a rejected one the second, so that what reads pairs reads triples too.
 */
export const forms = {
  /** Answers to imitate. */
  demonstrations: ['answer'],
  pairs: ['chosen', 'rejected'],
  triples: ['chosen', 'rejected', 'gold'],
  /** Single answers, each rated good or bad by the value `label`, 1 or 0. */
  unpaired: ['answer'],
  /** Two or more answers, the best first; those beyond the names are numbered. */
  rankings: ['best'],
} as const satisfies Record<string, readonly string[]>

export type Form = keyof typeof forms

/** What an objective calls the sequence at a place of a row. */
export function sequenceName(form: Form, place: number): string {
  return forms[form][place] ?? `answer ${place + 1}`
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

const lastSequence = (segments: readonly SegmentInput[]) =>
  segments.reduce((most, { sequence = 0 }) => Math.max(most, sequence), 0)
