import { HoneError, showValue, throwIfAborted } from '../../base/index.ts'
import type { RawRow } from '../../formats/index.ts'
import type { Attempt, Verdict, Verifier, VerifyOptions } from './types.ts'

export interface VerifyRowsOptions extends VerifyOptions {
  /** The rows' names of the three columns: `prompt` (may be missing), `answer` and `reference` unless given. */
  columns?: Readonly<Partial<Record<keyof Attempt, string>>>
}

/**
 * The verdict on each row, in order.
 * @throws HoneError E_ROW_FORMAT with file and line for a row without answer or reference; what the verifier throws, with both
 */
export async function* verifyRows(
  verifier: Verifier,
  rows: Iterable<RawRow> | AsyncIterable<RawRow>,
  { columns = {}, signal }: VerifyRowsOptions = {},
): AsyncGenerator<{ row: RawRow; verdict: Verdict }> {
  for await (const row of rows) {
    throwIfAborted(signal)
    let verdict: Verdict
    try {
      verdict = await verifier.verify(attemptOf(row.value, columns), { signal })
    } catch (error) {
      if (!(error instanceof HoneError) || error.code === 'E_ABORTED') throw error
      throw new HoneError(error.code, `${row.file}, line ${row.line}: ${error.message}`, {
        help: error.help,
        cause: error,
      })
    }
    yield { row, verdict }
  }
}

function attemptOf(value: unknown, columns: NonNullable<VerifyRowsOptions['columns']>): Attempt {
  const row = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  const named = (name: keyof Attempt) => row[columns[name] ?? name]
  const [prompt, answer, reference] = [named('prompt'), named('answer'), named('reference')]
  if (typeof answer !== 'string' || reference === undefined || reference === null) {
    const [name, got] = typeof answer === 'string' ? (['reference', reference] as const) : (['answer', answer] as const)
    throw new HoneError(
      'E_ROW_FORMAT',
      `got ${showValue(got)} as ${columns[name] ?? name}, expected rows of an answer and its reference`,
      {
        help: 'Name the columns: columns.answer=completion columns.reference=solution',
      },
    )
  }
  return { ...(typeof prompt === 'string' && { prompt }), answer, reference }
}
