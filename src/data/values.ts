import { showValue } from '../base/index.ts'
import { type Fields, isFields } from './messages.ts'
import { type Row, rowError } from './row.ts'

/** Columns whose number holds for the whole row, and the least that each may be. */
const COLUMNS: Record<string, number> = {
  weight: 0,
  margin: Number.NEGATIVE_INFINITY,
  probability: 0,
  baseline: Number.NEGATIVE_INFINITY,
  score: Number.NEGATIVE_INFINITY,
}

/** How many answers a row has. */
export function answerCount(row: Row): number {
  if (row.kind === 'preference') return 2
  if (row.kind === 'triple' || row.kind === 'exploration') return 3
  if (row.kind === 'steps') return row.steps.length
  return row.kind === 'ranking' ? row.answers.length : 1
}

/**
 * The numbers that stand beside a row's answers: `weight`, `margin`, `probability` (that chosen wins), `baseline` (a mean
 * log-prob), `score`, or `score_chosen` with `score_rejected`.
 * @throws HoneError E_ROW_FORMAT where one of them is no number, or below its least
 */
export function readValues(row: Row, fields: Fields): Record<string, number[]> | undefined {
  const count = answerCount(row)
  const values: Record<string, number[]> = { ...row.values }
  for (const [name, least] of Object.entries(COLUMNS)) {
    if (fields[name] === undefined || fields[name] === null || isFields(fields[name])) continue
    const value = numberOf(fields[name])
    if (value === null || value < least) {
      const expected = least === 0 ? 'a number of at least 0' : 'a number'
      throw rowError(`${name} is ${showValue(fields[name])}, expected ${expected}`)
    }
    values[name] = new Array(count).fill(value)
  }
  const [better, worse] = [numberOf(fields['score_chosen']), numberOf(fields['score_rejected'])]
  if (better !== null && worse !== null) {
    if (row.kind === 'preference') values['score'] = [better, worse]
    // The usual answer is compared with none.
    if (row.kind === 'exploration') values['score'] = [better, worse, Number.NaN]
  }
  return Object.keys(values).length > 0 ? values : undefined
}

/** A number, also as the text that a table holds. */
export function numberOf(value: unknown): number | null {
  if (typeof value === 'bigint') return Number(value)
  if (typeof value === 'string' && value.trim() !== '') return numberOf(Number(value))
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}
