import { formatCount, formatDuration, formatNumber } from '../base/index.ts'
import type { TrainEvent } from '../train/events.ts'
import { compare, groupByMetric, meanOf, range } from './evaluation.ts'
import type { EvalTable } from './types.ts'

/** Bits of the eight dots of a braille sign: two columns, each from its lowest dot up. */
const dots = [
  [0x40, 0x04, 0x02, 0x01],
  [0x80, 0x20, 0x10, 0x08],
]

/**
 * A curve in one line of at most `width` signs: two columns of one to four dots a sign, neighbours averaged where there
 * are more values than columns. What is no finite number leaves its column empty.
 */
export function sparkline(values: readonly number[], width: number): string {
  const columns = Math.min(values.length, Math.max(0, Math.floor(width)) * 2)
  const means = Array.from({ length: columns }, (_, i) => {
    const part = values
      .slice(Math.floor((i * values.length) / columns), Math.floor(((i + 1) * values.length) / columns))
      .filter(Number.isFinite)
    return part.length ? part.reduce((sum, value) => sum + value, 0) / part.length : Number.NaN
  })
  const known = means.filter(Number.isFinite)
  const low = known.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
  const high = known.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  const heightOf = (mean: number): number => {
    if (!Number.isFinite(mean)) return 0
    return high > low ? 1 + Math.round((3 * (mean - low)) / (high - low)) : 2
  }
  let text = ''
  for (let at = 0; at < columns; at += 2) {
    let sign = 0x2800
    for (const side of [0, 1]) {
      const height = at + side < columns ? heightOf(means[at + side]) : 0
      for (const bit of dots[side].slice(0, height)) sign |= bit
    }
    text += String.fromCharCode(sign)
  }
  return text
}

/** How far a training is: made by `startProgress`, moved on by `advanceProgress`, shown by `progressLine`. */
export interface Progress {
  label: string
  totalSteps: number
  /** Updates done before this session: they count as done, but say nothing of its speed. */
  firstStep: number
  step: number
  loss: number | null
  evalLoss: number | null
  /** Losses of the last updates, at most 512. */
  losses: number[]
  tokensPerSecond: number | null
  /** Seconds since this session began. */
  elapsed: number
}

const keptLosses = 512

export const startProgress = (label: string, totalSteps: number, step = 0): Progress => ({
  label,
  totalSteps,
  firstStep: step,
  step,
  loss: null,
  evalLoss: null,
  losses: [],
  tokensPerSecond: null,
  elapsed: 0,
})

/** The progress after one more event; `elapsed` in seconds since `startProgress`. */
export function advanceProgress(progress: Progress, event: TrainEvent, elapsed: number): Progress {
  if (event.type === 'eval') return { ...progress, evalLoss: event.loss, elapsed }
  if (event.type !== 'step') return { ...progress, elapsed }
  const { step, loss, tokens, seconds } = event
  const speed = seconds > 0 ? tokens / seconds : null
  const before = progress.tokensPerSecond
  return {
    ...progress,
    step,
    loss,
    losses: [...progress.losses.slice(1 - keptLosses), loss],
    tokensPerSecond: speed === null || before === null ? (speed ?? before) : 0.9 * before + 0.1 * speed,
    elapsed,
  }
}

/** Seconds to the end at this session's pace, or null before its first update. */
export function remainingSeconds({ step, firstStep, totalSteps, elapsed }: Progress): number | null {
  if (step <= firstStep) return null
  return Math.max(0, ((totalSteps - step) * elapsed) / (step - firstStep))
}

/**
 * One line of plain text of at most `width` columns; what does not fit is left out, the least important first.
 *
 *     sft  120/320  37 %  loss 1.234  eval 1.31  3.2k tok/s  ETA 2m10s  ⣷⣦⣤⣀
 */
export function progressLine(progress: Progress, width = 80): string {
  const { label, step, totalSteps, loss, evalLoss, losses, tokensPerSecond, elapsed } = progress
  const share = totalSteps > 0 ? Math.floor((100 * step) / totalSteps) : 100
  const remaining = remainingSeconds(progress)
  const end = step >= totalSteps ? formatDuration(elapsed) : `ETA ${formatDuration(remaining)}`
  // In the order of the line, each with its rank when room is short.
  const parts: [string | null, number][] = [
    [label, 0],
    [`${step}/${totalSteps}`, 1],
    [`${share} %`, 5],
    [loss === null ? null : `loss ${formatNumber(loss)}`, 2],
    [evalLoss === null ? null : `eval ${formatNumber(evalLoss)}`, 6],
    [tokensPerSecond === null ? null : `${formatCount(tokensPerSecond)} tok/s`, 4],
    [remaining === null && step < totalSteps ? null : end, 3],
  ]
  const kept = new Set<string>()
  let used = 0
  for (const [text] of parts.toSorted((a, b) => a[1] - b[1])) {
    if (text === null || used + text.length + 2 > width + 2) continue
    kept.add(text)
    used += text.length + 2
  }
  const line = parts.flatMap(([text]) => (text !== null && kept.has(text) ? [text] : [])).join('  ')
  const room = Math.min(16, width - line.length - 2)
  return losses.length > 1 && room >= 4 ? `${line}  ${sparkline(losses, room)}` : line
}

/** Rows as aligned text, columns two spaces apart; all but the first are set to the right. */
export function textTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => [...row[i]].length)))
  const pad = (text: string, i: number) => {
    const space = ' '.repeat(widths[i] - [...text].length)
    return i === 0 ? text + space : space + text
  }
  return rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n')
}

/**
 * Evaluations of several models as text, a block for each metric: figures with their intervals, a mean, and a mark where
 * an interval lies apart from the first model's (▲ better, ▼ worse).
 */
export function evalText(tables: Record<string, EvalTable>): string {
  const marks = { better: '▲', worse: '▼', '': ' ' }
  const blocks = groupByMetric(tables).map((group) => {
    const { metric, models, tasks, figures, format } = group
    const rows = [[metric.replaceAll('_', ' '), ...models, 'n']]
    for (const task of tasks) {
      const row = figures.get(task) ?? {}
      const cells = models.map((model) => {
        const figure = row[model]
        if (!figure) return '–  '
        return `${format(figure.value)} (${range(group, figure)}) ${marks[compare(figure, row[models[0]])]}`
      })
      rows.push([task, ...cells, [...new Set(Object.values(row).map((figure) => figure.n))].join('/')])
    }
    const means = tasks.length > 1 ? meanOf(group) : null
    if (means) rows.push(['mean', ...models.map((model) => `${format(means[model])}  `), ''])
    return textTable(rows)
  })
  return blocks.join('\n\n')
}
