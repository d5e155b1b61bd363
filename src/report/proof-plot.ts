import { formatNumber } from '../base/index.ts'
import { escapeHtml } from './html.ts'
import type { ProofFigures } from './types.ts'

const [width, left, right] = [760, 190, 90]
const [rowHeight, panelTop, panelGap] = [24, 30, 18]

/** Readable on a light and on a dark page. */
const style = `
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 }
.soft { fill: #656d76; font-size: 12px }
.rule { stroke: #d0d7de }
.system { stroke: #0969da; fill: #0969da }
.baseline { stroke: #9a6700; fill: #9a6700 }
.other { stroke: #57606a; fill: #57606a }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .soft { fill: #8d96a0 }
  .rule { stroke: #3d444d }
  .system { stroke: #58a6ff; fill: #58a6ff }
  .baseline { stroke: #d29922; fill: #d29922 }
  .other { stroke: #9198a1; fill: #9198a1 }
}`

/**
 * A proof as an SVG that stands by itself: a panel for each figure, a row for each arm with its seeds, their mean and its
 * interval; the mean of the baseline runs through the panel as a line.
 */
export function proofSvg({ id, claim, baseline, figures }: ProofFigures): string {
  const names = [...new Set(Object.values(figures).flatMap((arm) => Object.keys(arm)))]
  const panels: string[] = []
  let y = 8
  for (const name of names) {
    const arms = Object.keys(figures).filter((arm) => figures[arm][name])
    panels.push(panel(name, arms, y))
    y += panelTop + arms.length * rowHeight + panelGap
  }
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" role="img" aria-label="${escapeHtml(claim)}">` +
    `<style>${style}\n</style>\n${panels.join('\n')}</svg>\n`
  )

  function panel(name: string, arms: readonly string[], top: number): string {
    const all = arms.flatMap((arm) => {
      const { values, low, high } = figures[arm][name]
      return [...values, low, high].filter(Number.isFinite)
    })
    const [least, most] = [Math.min(...all), Math.max(...all)]
    const span = most - least || Math.abs(most) || 1
    const x = (value: number) => (left + ((value - least) / span) * (width - left - right)).toFixed(1)
    const bottom = top + panelTop + arms.length * rowHeight - 6
    const base = figures[baseline]?.[name]
    const line = base
      ? `<line class="baseline" x1="${x(base.value)}" x2="${x(base.value)}" y1="${top + panelTop - 8}" y2="${bottom}" stroke-dasharray="3 3" opacity=".7"/>`
      : ''
    const ends = [least, most].map(
      (value, i) =>
        `<text class="soft" x="${x(value)}" y="${top + 14}" text-anchor="${i ? 'end' : 'start'}">${formatNumber(value, 3)}</text>`,
    )
    const rows = arms.map((arm, i) => row(arm, figures[arm][name], top + panelTop + i * rowHeight + 4))
    return `<text class="title" x="8" y="${top + 14}">${escapeHtml(name)}</text>${least === most ? ends[0] : ends.join('')}${line}\n${rows.join('\n')}`

    function row(arm: string, { value, low, high, values }: (typeof figures)[string][string], at: number): string {
      const role = arm === id ? 'system' : arm === baseline ? 'baseline' : 'other'
      const interval =
        Number.isFinite(low) && Number.isFinite(high)
          ? `<line x1="${x(low)}" x2="${x(high)}" y1="${at}" y2="${at}" stroke-width="2" opacity=".6"/>`
          : ''
      const seeds = values.map((seed) => `<circle cx="${x(seed)}" cy="${at}" r="2.5" stroke="none" opacity=".55"/>`)
      return (
        `<line class="rule" x1="${left}" x2="${width - right}" y1="${at}" y2="${at}"/>` +
        `<text x="16" y="${at + 4}">${escapeHtml(arm)}</text>` +
        `<g class="${role}">${interval}${seeds.join('')}<circle cx="${x(value)}" cy="${at}" r="4.5" stroke="none"/></g>` +
        `<text class="soft" x="${width - 8}" y="${at + 4}" text-anchor="end">${formatNumber(value, 3)}</text>`
      )
    }
  }
}
