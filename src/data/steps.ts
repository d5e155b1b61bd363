/** Answers in steps: rows of process rewards, and where their steps end in the text. */
import { HoneError, showValue } from '../base/index.ts'
import { type Convert, promptedBy, stepsKey } from './convert.ts'
import { rowError, type StepsRow } from './row.ts'
import type { Span } from './spans.ts'
import { numberOf } from './values.ts'

/** What stands between two steps and belongs to the first. */
const SEPARATOR = '\n'

/** Labels are true or false, or numbers from 0 to 1: the chance that the step is right. */
export const toSteps: Convert = (row, source, { chat }) => {
  const key = stepsKey(row) ?? 'steps'
  const steps = row[key] as string[]
  const labels = row['labels'] as unknown[]
  if (steps.length === 0) throw rowError(`${key} is an empty list, expected at least one step`)
  if (labels.length !== steps.length) {
    throw rowError(`labels has ${labels.length} entries for ${steps.length} ${key}, expected one for each`)
  }
  const empty = steps.findIndex((step) => step.trim() === '')
  if (empty >= 0) throw rowError(`${key}[${empty}] is empty, expected a text`)
  const label = labels.map((given, i) => {
    const value = typeof given === 'boolean' ? Number(given) : numberOf(given)
    if (value !== null && value >= 0 && value <= 1) return value
    throw rowError(`labels[${i}] is ${showValue(given)}, expected true, false or a number from 0 to 1`)
  })
  const { answers, ...shared } = promptedBy(row, [[key, steps.join(SEPARATOR)]], chat)
  return { kind: 'steps', source, ...shared, completion: answers[0], steps, values: { label } } as StepsRow
}

/**
 * Cuts the spans of an answer behind each of its steps and the separator after it. The last step ends where the answer does.
 * @throws HoneError E_TEMPLATE_MASK where the chat template writes a step otherwise
 */
export function cutSteps(spans: readonly Span[], steps: readonly string[]): Span[] {
  const text = spans.map((span) => span.text).join('')
  const borders: number[] = []
  let at = 0
  for (const [i, step] of steps.entries()) {
    const found = text.indexOf(step.trim(), at)
    if (found < 0) {
      throw new HoneError('E_TEMPLATE_MASK', `the chat template does not write step ${i + 1} as it stands`, {
        help: 'Its end is what is rated: take a template that leaves the text of an answer alone.',
      })
    }
    at = found + step.trim().length
    if (text.startsWith(SEPARATOR, at)) at += SEPARATOR.length
    borders.push(at)
  }
  const cut: Span[] = []
  let from = 0
  for (const span of spans) {
    const end = from + span.text.length
    const inside = borders.slice(0, -1).filter((border) => border > from && border <= end)
    let start = from
    for (const border of inside) {
      cut.push({ ...span, text: text.slice(start, border), endsStep: true })
      start = border
    }
    if (start < end) cut.push({ ...span, text: text.slice(start, end) })
    from = end
  }
  return cut
}

/** Tokens up to the end of each step but the last, by the tokens of each span; undefined for answers without steps. */
export function stepEnds(spans: readonly Span[], parts: readonly (readonly number[])[]): number[] | undefined {
  let tokens = 0
  const ends = spans.flatMap(({ endsStep }, i) => {
    tokens += parts[i].length
    return endsStep ? [tokens] : []
  })
  return ends.length > 0 ? ends : undefined
}
