import { expect, test } from 'vitest'
import { random } from '../base/index.ts'
import type { ScoredAnswers } from '../rewards/index.ts'
import { calibration, correlation, rewardMetrics } from './index.ts'

const row = (form: ScoredAnswers['form'], scores: number[], tokens: number[], values = {}): ScoredAnswers => ({
  form,
  answers: scores.map((score, i) => ({ name: `answer ${i}`, score, tokens: tokens[i] })),
  values,
})
const draw = random(4, 'reward metrics')

test('pairs: accuracy with ties as halves, and by which answer is the longer', () => {
  const rows = [
    row('pairs', [2, 1], [5, 3]),
    row('pairs', [0, 1], [9, 3]),
    row('pairs', [1, 1], [3, 3]),
    row('triples', [3, 2, 9], [1, 4, 4]),
  ]
  const { pairs, labels, length } = rewardMetrics(rows)
  expect(pairs).toMatchObject({ value: 2.5 / 4, n: 4 })
  expect(length.longer).toMatchObject({ value: 0.5, n: 2 })
  expect(length.notLonger).toMatchObject({ value: 0.75, n: 2 })
  expect(labels).toBeNull()
})

test('rankings: every pair that is not even, by scores or by order', () => {
  const uneven = row('rankings', [3, 1, 2], [1, 1, 1], { score: [1, 0, 0] })
  expect(rewardMetrics([uneven]).pairs).toMatchObject({ value: 1, n: 2 })
  expect(rewardMetrics([row('rankings', [3, 1, 2], [1, 1, 1])]).pairs).toMatchObject({ value: 2 / 3, n: 3 })
})

test('labelled answers and steps: accuracy and calibration of σ(score)', () => {
  const rows = [row('unpaired', [2], [1], { label: [1] }), row('steps', [1, 3], [1, 1], { label: [0, 1] })]
  const metrics = rewardMetrics(rows)
  expect(metrics.labels).toMatchObject({ value: 2 / 3, n: 3 })
  expect(metrics.calibration?.bins.reduce((sum, { n }) => sum + n, 0)).toBe(3)
  expect(rewardMetrics([row('demonstrations', [1], [1])])).toMatchObject({
    pairs: null,
    labels: null,
    calibration: null,
  })
})

test('the calibration error is that of the known bins, and 0 where forecasts are kept', () => {
  const sure = [1, 1, 1, 0].map((outcome) => ({ probability: 0.95, outcome }))
  const unsure = [1, 0].map((outcome) => ({ probability: 0.55, outcome }))
  const { ece, bins } = calibration([...sure, ...unsure], { bins: 10 })
  expect(ece).toBeCloseTo((4 / 6) * 0.2 + (2 / 6) * 0.05, 12)
  expect(bins.map(({ n }) => n)).toEqual([2, 4])
  expect(calibration([{ probability: 1, outcome: 1 }]).ece).toBe(0)
})

test('a model whose margins are the truth is calibrated, one that doubles them is too sure', () => {
  const margins = Array.from({ length: 20_000 }, (_, i) => 3 * draw.normal(i))
  const judged = (scale: number) =>
    margins.map((margin, i) => {
      const first = draw.unit(i, 1) < 1 / (1 + Math.exp(-margin))
      return row('pairs', first ? [scale * margin, 0] : [0, scale * margin], [1, 1])
    })
  expect(rewardMetrics(judged(1)).calibration?.ece).toBeLessThan(0.02)
  expect(rewardMetrics(judged(4)).calibration?.ece).toBeGreaterThan(0.06)
})

test('correlation of score and length: ±1 on a line, null where nothing varies', () => {
  expect(correlation([1, 2, 4], [10, 20, 40])).toBeCloseTo(1, 12)
  expect(correlation([1, 2, 4], [-1, -2, -4])).toBeCloseTo(-1, 12)
  expect(correlation([1, 1], [1, 2])).toBeNull()
  expect(rewardMetrics([row('pairs', [2, 1], [5, 3])]).length.correlation).toBeCloseTo(1, 12)
})
