import { expect, test } from 'vitest'
import { reliabilitySvg } from './index.ts'

const bins = [
  { n: 4, forecast: 0.6, outcome: 0.5 },
  { n: 1, forecast: 1, outcome: 1 },
]

test('a dot for each bin, on the axes of the forecasts, and nothing that is markup', () => {
  const svg = reliabilitySvg(bins, '<model>', { from: 0.5 })
  const dots = [...svg.matchAll(/cx="([\d.]+)" cy="([\d.]+)" r="([\d.]+)"/g)].map((found) => found.slice(1).map(Number))
  expect(dots).toEqual([
    [58 + 0.2 * 360, 40 + 0.5 * 360, 12],
    [58 + 360, 40, 7.5],
  ])
  expect(svg).toContain('4: forecast 0.6, came true 0.5')
  expect(svg).not.toContain('<model>')
  expect(svg).toMatch(/^<svg[\s\S]*<\/svg>\n$/)
})
