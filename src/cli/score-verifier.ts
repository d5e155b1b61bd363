import { formatShare, HoneError, platform } from '../base/index.ts'
import { wilson } from '../evaluate/index.ts'
import { readRows } from '../formats/index.ts'
import { type Attempt, verifyRows } from '../rewards/index.ts'
import { openVerifier } from './programs.ts'
import type { Terminal } from './terminal.ts'
import type { Outcome } from './verb.ts'

interface Keys {
  verifier: string
  data: string
  columns?: Record<string, string>
  limit?: number
  out?: string
  overwrite: boolean
}

const names: readonly string[] = ['prompt', 'answer', 'reference'] satisfies (keyof Attempt)[]

/** `hone score --verifier`: the verdict on each row of a file, and the share of right ones. */
export async function verifyAnswers(keys: Keys, terminal: Terminal): Promise<Outcome> {
  const { data, columns = {}, limit = Number.POSITIVE_INFINITY, out, overwrite } = keys
  const { signal } = terminal
  const rule = await openVerifier(keys.verifier)
  const unknown = Object.keys(columns).find((name) => !names.includes(name))
  if (unknown !== undefined) {
    throw new HoneError('E_CONFIG', `columns.${unknown}: unknown key, expected one of ${names.join(', ')}`)
  }
  if (out !== undefined && !overwrite && (await platform().stat(out))) {
    throw new HoneError('E_EXISTS', `${out} exists`, { help: 'Choose another file, or replace it with --overwrite.' })
  }
  const rows: object[] = []
  const lines: string[] = []
  let right = 0
  let total = 0
  for await (const { row, verdict } of verifyRows(rule, readRows(data, { signal }), { columns, signal })) {
    rows.push(verdict)
    lines.push(`${JSON.stringify({ ...(row.value as object), verdict })}\n`)
    right += Number(verdict.correct)
    total += verdict.score
    terminal.print(`row ${rows.length}: ${verdict.correct ? 'right' : 'wrong'}, ${verdict.why}`)
    terminal.status(`${rows.length} rows`)
    if (rows.length >= limit) break
  }
  terminal.status('')
  if (out !== undefined) await platform().writeAtomic(out, lines.join(''))
  const { value, low, high } = wilson(right, rows.length)
  const interval = `${formatShare(low)} to ${formatShare(high)}`
  terminal.print(`accuracy ${formatShare(value)} (${interval}, ${right} of ${rows.length})`)
  if (out !== undefined) terminal.print(out)
  const accuracy = { value, low, high, n: rows.length }
  return { document: { verifier: rule.id, accuracy, mean_score: total / rows.length, rows, ...(out && { out }) } }
}
