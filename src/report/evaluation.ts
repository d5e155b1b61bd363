import { formatNumber, formatShare } from '../base/index.ts'
import { type IntervalRow, intervalChart } from './charts.ts'
import { type Html, html } from './html.ts'
import { type EvalFigure, type EvalTable, isLowerBetter, isShare, type ReportExtra } from './types.ts'

export const colorOf = (index: number): string => `var(--s${index % 8})`

/** Tasks of one metric, with the figure of every model that was evaluated on them. */
export interface MetricGroup {
  metric: string
  models: string[]
  tasks: string[]
  /** `figures.get(task)?.[model]` */
  figures: Map<string, Record<string, EvalFigure>>
  format: (value: number) => string
}

/** Splits evaluation tables by metric, since figures of different metrics share no axis and no mean. */
export function groupByMetric(tables: Record<string, EvalTable>): MetricGroup[] {
  const models = Object.keys(tables)
  const groups = new Map<string, MetricGroup>()
  for (const model of models) {
    for (const [task, figure] of Object.entries(tables[model].tasks)) {
      const { metric } = figure
      const fresh = { metric, models, tasks: [], figures: new Map(), format: formatNumber } as MetricGroup
      const group = groups.get(metric) ?? fresh
      groups.set(metric, group)
      if (!group.figures.has(task)) group.tasks.push(task)
      group.figures.set(task, { ...group.figures.get(task), [model]: figure })
    }
  }
  for (const group of groups.values()) {
    const all = [...group.figures.values()].flatMap((byModel) => Object.values(byModel))
    if (isShare(all)) group.format = formatShare
  }
  return [...groups.values()]
}

/** Mean over the tasks on which every model has a figure, by model; null where there is none. */
export function meanOf(group: MetricGroup): Record<string, number> | null {
  const shared = group.tasks.filter((task) => group.models.every((model) => group.figures.get(task)?.[model]))
  if (shared.length === 0) return null
  const mean = (model: string) =>
    shared.reduce((sum, task) => sum + (group.figures.get(task)?.[model].value ?? 0), 0) / shared.length
  return Object.fromEntries(group.models.map((model) => [model, mean(model)]))
}

/** How a figure stands to the first model's: apart only where the intervals do not meet. */
export function compare(figure: EvalFigure, base: EvalFigure | undefined): 'better' | 'worse' | '' {
  if (!base || base === figure) return ''
  const [above, below] = isLowerBetter(figure.metric) ? (['worse', 'better'] as const) : (['better', 'worse'] as const)
  if (figure.low > base.high) return above
  if (figure.high < base.low) return below
  return ''
}

export const legend = (names: readonly string[], colors: readonly string[]): Html =>
  html`<div class="legend">${names.map(
    (name, i) => html`<span><span class="swatch" style="background:${colors[i]}"></span>${name}</span>`,
  )}</div>`

/** An interval in words, its unit once: '4.8 to 12.7 %'. */
export const range = ({ format }: MetricGroup, { low, high }: EvalFigure): string =>
  `${format(low).replace(/\u00a0%$/, '')} to ${format(high)}`

function figureTable(group: MetricGroup): Html {
  const { models, tasks, figures, format } = group
  const mean = tasks.length > 1 ? meanOf(group) : null
  const cell = (figure: EvalFigure | undefined, base: EvalFigure | undefined) =>
    figure
      ? html`<td class="number ${compare(figure, base)}">${format(figure.value)}<span class="range">${range(group, figure)}</span></td>`
      : html`<td class="number">–</td>`
  const items = (task: string) => [...new Set(Object.values(figures.get(task) ?? {}).map((figure) => figure.n))]
  return html`<div class="scroll"><table>
<thead><tr><th>task</th>${models.map((model) => html`<th class="number">${model}</th>`)}<th class="number">items</th></tr></thead>
<tbody>${tasks.map((task) => {
    const row = figures.get(task) ?? {}
    return html`<tr><td>${task}</td>${models.map((model) => cell(row[model], row[models[0]]))}<td class="number soft">${items(task).join(' / ')}</td></tr>`
  })}${
    mean &&
    html`<tr class="mean"><td>mean</td>${models.map((model) => html`<td class="number">${format(mean[model])}</td>`)}<td></td></tr>`
  }</tbody></table></div>`
}

/** One card for each metric: the intervals as a picture, then in figures. */
export async function evaluationSection({ tables = {} }: ReportExtra): Promise<Html | null> {
  const groups = groupByMetric(tables)
  if (groups.length === 0) return null
  const cards: Html[] = []
  for (const group of groups) {
    const { metric, models, tasks, figures } = group
    const rows: IntervalRow[] = tasks.flatMap((task) =>
      Object.entries(figures.get(task) ?? {}).map(([model, figure]) => ({ ...figure, task, model })),
    )
    const colors = models.map((_, i) => colorOf(i))
    const title = metric.replaceAll('_', ' ')
    cards.push(html`<div class="card"><h3>${title}</h3>${legend(models, colors)}
<figure class="scroll">${await intervalChart(`${title} by task, with intervals`, rows, models, colors)}</figure>
<details ${tasks.length <= 20 && html`open`}><summary class="small">In figures</summary>${figureTable(group)}</details></div>`)
  }
  return html`<section><h2>Evaluation</h2><p class="soft small">Dots are the figures, whiskers their 95 % intervals. In the table a
figure is coloured where its interval lies apart from that of ${Object.keys(tables)[0]}.</p><div class="stack">${cards}</div></section>`
}
