import { formatNumber } from '../base/index.ts'
import { textTable } from './terminal.ts'
import type { ProofFigures } from './types.ts'

/** A proof as text: its arms with their figures, then what had to be so and what was measured. */
export function proofText({ claim, checks, figures, settings }: ProofFigures): string {
  const names = [...new Set(Object.values(figures).flatMap((arm) => Object.keys(arm)))]
  const cell = (arm: string, name: string) => {
    const figure = figures[arm][name]
    return figure ? `${formatNumber(figure.value, 3)} (${range(figure)})` : '–'
  }
  const rows = Object.keys(figures).map((arm) => [
    [arm, ...Object.entries(settings[arm] ?? {}).map(([key, value]) => `${key}=${value}`)].join(' '),
    ...names.map((name) => cell(arm, name)),
  ])
  const lines = checks.map(
    ({ what, measured, wanted, holds, refuted }) =>
      `${holds ? '✓' : refuted ? '✗' : '–'} ${what}: ${formatNumber(measured.value, 3)} (${range(measured)}), wanted ${wanted.side} ${formatNumber(wanted.bound, 3)}`,
  )
  return [claim, '', textTable([['', ...names], ...rows]), '', ...lines].join('\n')
}

/** The ends of an interval; one seed alone has none. */
export const range = ({ low, high }: { low: number; high: number }): string =>
  Number.isFinite(low) && Number.isFinite(high) ? `${formatNumber(low, 3)} … ${formatNumber(high, 3)}` : 'one seed'
