import { parseHTML } from 'linkedom'
import { expect, test } from 'vitest'
import { proofSvg } from './proof-plot.ts'
import { proofText } from './proof-text.ts'
import type { ProofFigures } from './types.ts'

const figure = (...values: number[]) => {
  const value = values.reduce((a, b) => a + b, 0) / values.length
  return { value, low: value - 0.1, high: value + 0.1, values }
}
const proof: ProofFigures = {
  id: 'new',
  claim: 'New is better than <old>.',
  baseline: 'old',
  checks: [
    {
      what: 'score, new less old',
      measured: { value: 0.2, low: 0.1, high: 0.3 },
      wanted: { side: 'at least', bound: 0.05 },
      holds: true,
      refuted: false,
    },
  ],
  figures: { old: { score: figure(0.4, 0.6) }, new: { score: figure(0.65, 0.75), length: figure(3, 5) } },
  settings: { old: { beta: 0.1 }, new: {} },
}

test('the text has every arm with its settings, and what was wanted beside what was measured', () => {
  const text = proofText(proof)
  expect(text).toMatch(/^old beta=0.1 +0.5 \(0.4 … 0.6\) +–$/m)
  expect(text).toMatch(/^✓ score, new less old: 0.2 \(0.1 … 0.3\), wanted at least 0.05$/m)
})

test('one seed has no interval', () => {
  const alone = { value: 1, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY, values: [1] }
  const single = { ...proof, figures: { old: { score: alone }, new: { score: alone } } }
  expect(proofText(single)).toContain('1 (one seed)')
  expect(proofSvg(single)).not.toMatch(/NaN|Infinity/)
})

test('the plot has a dot for each seed and mean, larger values further right, and nothing unescaped', () => {
  const svg = proofSvg(proof)
  expect(svg).not.toMatch(/NaN|<old>/)
  const { document } = parseHTML(svg)
  const dots = [...document.querySelectorAll('.system circle')].map((dot) => Number(dot.getAttribute('cx')))
  expect(dots).toHaveLength(6)
  const [low, high, mean] = dots
  expect(low).toBeLessThan(mean)
  expect(mean).toBeLessThan(high)
  expect(document.querySelectorAll('.baseline circle')).toHaveLength(3)
  expect(document.querySelectorAll('.title').length).toBe(2)
})
