import { formatNumber } from '../base/index.ts'
import { type Html, trusted } from './html.ts'
import { bucket, type Series, smooth } from './series.ts'
import { type EvalFigure, isShare } from './types.ts'

/** One line of a chart, with the colour of its run or model. */
export interface Curve {
  color: string
  training?: Series
  evaluation?: Series
}

/** Loaded at the first chart: programs that only print need not wait for it. */
async function loadPlot() {
  const [Plot, { parseHTML }] = await Promise.all([import('@observablehq/plot'), import('linkedom')])
  const { document } = parseHTML('<!doctype html><html><body></body></html>')
  return { Plot, document: document as unknown as Document }
}

const drawn = new Set(['d', 'transform', 'x', 'y', 'x1', 'x2', 'y1', 'y2', 'cx', 'cy', 'width', 'height'])
const round = (digits: string): string => String(Number(Number(digits).toFixed(1)))

/** The picture without the library's own style, coordinates cut to what can be seen. */
function toHtml(element: Element, label: string): Html {
  element.querySelector('style')?.remove()
  element.setAttribute('role', 'img')
  element.setAttribute('aria-label', label)
  for (const node of element.querySelectorAll('*')) {
    for (const { name, value } of [...node.attributes]) {
      if (drawn.has(name) && !value.endsWith('em')) node.setAttribute(name, value.replace(/-?\d+\.\d+/g, round))
    }
  }
  return trusted(element.outerHTML)
}

/**
 * A figure over updates: the spread of neighbouring updates as a band (or the points themselves, when they are few), the
 * smoothed course (or the `exact` one) as a line, evaluations as dots.
 */
export async function curveChart(
  label: string,
  curves: readonly Curve[],
  { wide = false, exact = false }: { wide?: boolean; exact?: boolean } = {},
): Promise<Html> {
  const { Plot, document } = await loadPlot()
  const marks = curves.flatMap(({ color, training, evaluation }) => {
    const buckets = training ? bucket(training) : []
    const means = smooth(
      buckets.map((b) => b.mean),
      exact ? 0 : buckets.length / 100,
    )
    const line = buckets.map((b, i) => ({ step: b.step, value: means[i] }))
    const dots = evaluation?.steps.map((step, i) => ({ step, value: evaluation.values[i] })) ?? []
    const isCoarse = (training?.values.length ?? 0) > buckets.length
    const channels = { x: 'step', y: 'value', stroke: color }
    return [
      isCoarse
        ? Plot.areaY(buckets, { x: 'step', y1: 'min', y2: 'max', fill: color, fillOpacity: 0.16 })
        : Plot.line(buckets, { x: 'step', y: 'mean', stroke: color, strokeOpacity: 0.3, strokeWidth: 1 }),
      Plot.line(line, { ...channels, strokeWidth: 2 }),
      Plot.line(dots, { ...channels, strokeDasharray: '2 4', strokeWidth: 1.2 }),
      Plot.dot(dots, { x: 'step', y: 'value', fill: color, stroke: 'var(--card)', strokeWidth: 1.5, r: 4 }),
    ]
  })
  const plot = Plot.plot({
    document,
    className: 'chart',
    width: wide ? 1000 : 330,
    height: wide ? 300 : 200,
    marginLeft: 46,
    marginRight: 12,
    marginTop: 10,
    marginBottom: 26,
    x: {
      label: null,
      ticks: wide ? 10 : 5,
      tickFormat: (step: number) => (Number.isInteger(step) ? String(step) : ''),
    },
    y: { label: null, ticks: 5, grid: true, nice: true, tickFormat: (value: number) => formatNumber(value, 3) },
    marks,
  })
  return toHtml(plot, label)
}

export interface IntervalRow extends EvalFigure {
  task: string
  model: string
}

/** Figures with their intervals, task by task, the models below one another in each. */
export async function intervalChart(
  label: string,
  rows: readonly IntervalRow[],
  models: readonly string[],
  colors: readonly string[],
): Promise<Html> {
  const { Plot, document } = await loadPlot()
  const tasks = [...new Set(rows.map((row) => row.task))]
  const share = isShare(rows)
  const longest = Math.max(...tasks.map((task) => task.length))
  const ends = rows.flatMap((row) => [
    { ...row, end: row.low },
    { ...row, end: row.high },
  ])
  const place = { y: 'model', fy: 'task', stroke: 'model' }
  const plot = Plot.plot({
    document,
    className: 'chart',
    width: 860,
    height: tasks.length * (models.length * 11 + 18) + 44,
    marginLeft: Math.min(260, 24 + longest * 7),
    marginRight: 28,
    marginTop: 26,
    marginBottom: 16,
    x: {
      axis: 'top',
      label: null,
      ...(share ? { domain: [0, 1] } : { nice: true }),
      tickFormat: (value: number) => (share ? `${Math.round(100 * value)} %` : formatNumber(value, 3)),
    },
    y: { axis: null, domain: [...models], padding: 0.7 },
    fy: { label: null, domain: tasks, padding: 0.06, axis: 'left' },
    color: { domain: [...models], range: [...colors] },
    marks: [
      Plot.frame({ fill: 'var(--wash)', stroke: null, insetLeft: -6, insetRight: -6, rx: 4 }),
      Plot.gridX({ stroke: 'var(--line)', strokeOpacity: 1 }),
      Plot.ruleY(rows, { ...place, x1: 'low', x2: 'high', strokeWidth: 2, strokeOpacity: 0.55 }),
      Plot.tickX(ends, { ...place, x: 'end', strokeWidth: 2, strokeOpacity: 0.55, inset: -2 }),
      Plot.dot(rows, { x: 'value', y: 'model', fy: 'task', fill: 'model', r: 4.5 }),
    ],
  })
  return toHtml(plot, label)
}
