import { baseName, formatCount, formatDuration, formatNumber, showValue } from '../base/index.ts'
import { type Curve, curveChart } from './charts.ts'
import { colorOf, groupByMetric, legend, meanOf } from './evaluation.ts'
import { type Html, html } from './html.ts'
import type { RunData } from './series.ts'
import type { ReportExtra } from './types.ts'

const last = (values: readonly number[] | undefined): number | undefined => values?.[values.length - 1]
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
const nameOf = ({ record }: RunData): string => baseName(record.out) || record.out

/** The gist: what evaluation gained, and each run in one tile. */
export function tiles(runs: readonly RunData[], { tables = {} }: ReportExtra): Html {
  const gains = groupByMetric(tables).map((group) => {
    const means = meanOf(group)
    if (!means) return null
    const values = group.models.map((model, i) => [
      i > 0 && html`<span class="arrow">→</span>`,
      html`<span style="color:${colorOf(i)}">${group.format(means[model])}</span>`,
    ])
    const over = group.tasks.length === 1 ? group.tasks[0] : `mean of ${group.tasks.length} tasks`
    return html`<div class="card tile"><div class="soft small">${group.metric.replaceAll('_', ' ')}, ${over}</div>
<div class="value">${values}</div><div class="soft small">${group.models.join(' → ')}</div></div>`
  })
  const summaries = runs.map((run) => {
    const { record, training, tokens, seconds } = run
    const steps = training.get('loss')?.steps
    const values = training.get('loss')?.values ?? []
    const twentieth = Math.max(1, Math.floor(values.length / 20))
    const [first, end] = [values.slice(0, twentieth), values.slice(-twentieth)].map(mean)
    return html`<div class="card tile"><div class="soft small">${record.kind} · ${nameOf(run)} <span class="badge ${record.state}">${record.state}</span></div>
<div class="value">${formatNumber(first, 3)}<span class="arrow">→</span>${formatNumber(end, 3)}</div>
<div class="soft small">loss, first to last 5 % of ${formatCount(last(steps) ?? 0)} updates; ${formatCount(tokens)} tokens in ${formatDuration(seconds)}${seconds > 0 && html`, ${formatCount(tokens / seconds)} tokens/s`}</div></div>`
  })
  return html`<div class="tiles">${gains}${summaries}</div>`
}

const titles: Record<string, string> = {
  loss: 'Loss',
  learningRate: 'Learning rate',
  gradNorm: 'Gradient norm',
  tokensPerSecond: 'Tokens per second',
}
const titleOf = (name: string): string => titles[name] ?? name.replace(/^metric: /, '')

/** Curves of all runs of one kind, laid over one another. */
async function kindSection(kind: string, runs: readonly RunData[], firstColor: number): Promise<Html> {
  const colors = runs.map((_, i) => colorOf(firstColor + i))
  const names = [...new Set(runs.flatMap((run) => [...run.training.keys(), ...run.evaluation.keys()]))]
  const order = Object.keys(titles)
  const rank = (name: string) => (order.indexOf(name) + 1 || order.length + 1) - (name === 'loss' ? 1 : 0)
  names.sort((a, b) => rank(a) - rank(b))
  const figures: Html[] = []
  for (const name of names) {
    const curves: Curve[] = runs.map((run, i) => ({
      color: colors[i],
      training: run.training.get(name),
      evaluation: run.evaluation.get(name),
    }))
    const ends = curves.map(({ training, evaluation }) =>
      formatNumber(last(training?.values) ?? last(evaluation?.values)),
    )
    const chart = await curveChart(`${titleOf(name)} over updates, ${kind}`, curves, {
      wide: name === 'loss',
      exact: name === 'learningRate',
    })
    figures.push(
      html`<figure class="card ${name === 'loss' && 'wide'}"><figcaption><span>${titleOf(name)}</span><span class="last">${ends.join(' · ')}</span></figcaption>${chart}</figure>`,
    )
  }
  const hasEvaluation = runs.some((run) => run.evaluation.size > 0)
  return html`<section><h2>Training: ${kind}</h2>${runs.length > 1 && legend(runs.map(nameOf), colors)}
<p class="soft small">Over updates: the line is smoothed, the pale trace behind it shows single updates${hasEvaluation && '; dots are evaluations on held-out rows'}.</p>
${figures.length ? html`<div class="grid">${figures}</div>` : html`<p class="soft">No updates yet.</p>`}</section>`
}

export async function curveSections(runs: readonly RunData[]): Promise<Html[]> {
  const kinds = [...new Set(runs.map((run) => run.record.kind))]
  const sections: Html[] = []
  let color = 1
  for (const kind of kinds) {
    const members = runs.filter((run) => run.record.kind === kind)
    sections.push(await kindSection(kind, members, color))
    color += members.length
  }
  return sections
}

const text = (value: string): Html => html`<div class="text" dir="auto">${value || '(nothing)'}</div>`

/** Answers of several models to the same prompts, side by side. */
export function sampleSection({ samples = [], tables = {} }: ReportExtra): Html | null {
  if (samples.length === 0) return null
  const models = [...new Set([...Object.keys(tables), ...samples.flatMap((row) => Object.keys(row.answers))])]
  const cards = samples.map(({ prompt, answers, verdicts = {} }) => {
    const columns = models.flatMap((model, i) => {
      if (!Object.hasOwn(answers, model)) return []
      const verdict = Object.hasOwn(verdicts, model) ? verdicts[model] : null
      const mark =
        verdict === null
          ? null
          : verdict
            ? html`<span class="yes">✓ right</span>`
            : html`<span class="no">✗ wrong</span>`
      return html`<div class="answer" style="border-color:${colorOf(i)}"><h3><span>${model}</span>${mark}</h3>${text(answers[model])}</div>`
    })
    return html`<div class="card"><div class="prompt">${text(prompt)}</div><div class="answers">${columns}</div></div>`
  })
  return html`<section><h2>Answers side by side</h2><div class="stack">${cards}</div></section>`
}

/** What the runs themselves sampled and warned of while they trained. */
export function logSection(runs: readonly RunData[]): Html | null {
  const parts = runs.flatMap((run) => {
    const { samples, warnings } = run
    if (samples.length + warnings.length === 0) return []
    const list = warnings.map(
      (w) =>
        html`<li><code>${w.code}</code> ${w.message}${w.count !== undefined && html` <span class="soft">(${w.count} ×)</span>`}</li>`,
    )
    const drawn = samples.map(
      (
        sample,
      ) => html`<tr><td class="number soft">${sample.step}</td><td>${text(sample.prompt)}</td><td>${text(sample.text)}</td>
<td class="number">${sample.score === undefined ? '' : formatNumber(sample.score)}</td></tr>`,
    )
    return html`<div class="card"><h3>${nameOf(run)}</h3>${list.length > 0 && html`<ul class="warnings small">${list}</ul>`}
${
  drawn.length > 0 &&
  html`<details><summary class="small">Samples drawn while training</summary><div class="scroll"><table>
<thead><tr><th class="number">update</th><th>prompt</th><th>text</th><th class="number">score</th></tr></thead><tbody>${drawn}</tbody></table></div></details>`
}</div>`
  })
  return parts.length ? html`<section><h2>Warnings and samples</h2><div class="stack">${parts}</div></section>` : null
}

function plainText(value: unknown): string {
  if (typeof value === 'string') return value
  return typeof value === 'number' && value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential() : showValue(value)
}

function flatten(value: unknown, prefix: string, into: Map<string, string>): Map<string, string> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length) {
    for (const [key, inner] of Object.entries(value)) flatten(inner, prefix ? `${prefix}.${key}` : key, into)
  } else if (prefix) into.set(prefix, plainText(value))
  return into
}

/** Every key of every run, the runs beside one another. */
export function configSection(runs: readonly RunData[]): Html {
  const columns = runs.map(({ record }) => {
    const { config, environment, created } = record
    return flatten({ ...config, ...(Object.keys(environment).length ? { environment } : {}), created }, '', new Map())
  })
  const keys = [...new Set(columns.flatMap((column) => [...column.keys()]))]
  const rows = keys.map((key) => {
    const values = columns.map((column) => column.get(key))
    const differs = new Set(values).size > 1
    return html`<tr class="${differs && 'differs'}"><td><code>${key}</code></td>${values.map(
      (value) => html`<td class="text">${value ?? '–'}</td>`,
    )}</tr>`
  })
  return html`<section><h2>Configuration</h2><div class="card"><details ${runs.length === 1 && html`open`}><summary>${keys.length} keys${runs.length > 1 && ', those that differ are shaded'}</summary>
<div class="scroll"><table><thead><tr><th>key</th>${runs.map((run) => html`<th>${nameOf(run)}</th>`)}</tr></thead><tbody>${rows}</tbody></table></div></details></div></section>`
}
