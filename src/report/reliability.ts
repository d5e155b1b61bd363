import { formatNumber, formatShare } from '../base/index.ts'
import { escapeHtml } from './html.ts'

/** Forecasts of one bin: how many, their mean, and the mean of what came of them. */
export interface ReliabilityBin {
  n: number
  forecast: number
  outcome: number
}

/**
 * A reliability diagram as an SVG that stands by itself (DeGroot and Fienberg 1983): what came of forecasts against the
 * forecasts, the area of a dot for their number. On the diagonal they are kept; below it the model is too sure.
 * @param from the least forecast on the axes: 0.5 where all are confidences in one of two
 */
export function reliabilitySvg(
  bins: readonly ReliabilityBin[],
  title: string,
  { from = 0 }: { from?: number } = {},
): string {
  const [size, left, top, bottom] = [360, 58, 40, 48]
  const [width, height] = [left + size + 20, top + size + bottom]
  const x = (share: number) => left + ((share - from) / (1 - from)) * size
  // Outcomes may be any share; forecasts begin at `from`.
  const y = (share: number) => top + (1 - share) * size
  const most = bins.reduce((largest, { n }) => Math.max(largest, n), 1)
  const text = (at: number, down: number, words: string, more = '') =>
    `<text x="${at.toFixed(1)}" y="${down.toFixed(1)}" ${more}>${escapeHtml(words)}</text>`
  const line = (x1: number, y1: number, x2: number, y2: number, stroke: string, more = '') =>
    `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" stroke="${stroke}" ${more}/>`
  const ticks = [0, 0.25, 0.5, 0.75, 1]
  const grid = ticks.flatMap((tick) => {
    const across = from + tick * (1 - from)
    return [
      line(left, y(tick), left + size, y(tick), '#e2e6ec'),
      line(x(across), top, x(across), top + size, '#e2e6ec'),
      text(left - 8, y(tick) + 4, formatShare(tick), 'text-anchor="end"'),
      text(x(across), top + size + 18, formatShare(across), 'text-anchor="middle"'),
    ]
  })
  const dots = bins.map(
    ({ n, forecast, outcome }) =>
      `<g><title>${escapeHtml(`${n}: forecast ${formatNumber(forecast)}, came true ${formatNumber(outcome)}`)}</title>` +
      `<circle cx="${x(forecast).toFixed(1)}" cy="${y(outcome).toFixed(1)}" r="${(3 + 9 * Math.sqrt(n / most)).toFixed(1)}" fill="#2563eb" fill-opacity="0.7"/></g>`,
  )
  const path = bins.map(({ forecast, outcome }) => `${x(forecast).toFixed(1)},${y(outcome).toFixed(1)}`).join(' ')
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(title)}" ` +
    'font-family="system-ui, sans-serif" font-size="12" fill="#1b2330">' +
    `<rect width="${width}" height="${height}" fill="white"/>${text(left, 22, title, 'font-size="14"')}\n` +
    `${grid.join('\n')}\n` +
    `${line(x(from), y(from), x(1), y(1), '#8a94a3', 'stroke-dasharray="4 4"')}\n` +
    `<polyline points="${path}" fill="none" stroke="#2563eb" stroke-width="1.5"/>\n${dots.join('\n')}\n` +
    text(left + size / 2, height - 8, 'forecast', 'text-anchor="middle"') +
    text(16, top + size / 2, 'came true', `text-anchor="middle" transform="rotate(-90 16 ${top + size / 2})"`) +
    '</svg>\n'
  )
}
