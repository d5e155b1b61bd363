import { baseName, formatDuration, formatNumber } from '../base/index.ts'
import type { RoundEvent, SampleEvent } from '../train/events.ts'
import { type Curve, curveChart } from './charts.ts'
import { colorOf, legend } from './evaluation.ts'
import { type Html, html } from './html.ts'
import type { RunData } from './series.ts'

/** A round of answers that a model drew to learn from. */
export interface RoundData {
  event: RoundEvent
  /** Of its answers, as many as a page holds. */
  samples: SampleEvent[]
}

const text = (value: string): Html => html`<div class="text" dir="auto">${value || '(nothing)'}</div>`

const titles: Record<string, string> = {
  score: 'score',
  bestScore: 'best score of a prompt',
  length: 'tokens',
  unfinished: 'cut off',
  distinct: 'distinct',
}

/** How the answers of each round were judged, and every one of them with what became of it. */
export async function roundSections(runs: readonly RunData[]): Promise<Html | null> {
  const online = runs.filter(({ rounds }) => rounds.length > 0)
  if (online.length === 0) return null
  const colors = online.map((_, i) => colorOf(i + 1))
  const names = [...new Set(online.flatMap(({ rounds }) => rounds.flatMap(({ event }) => Object.keys(event.metrics))))]
  const figures: Html[] = []
  for (const name of names) {
    const curves = online.map(({ rounds }, i): Curve => {
      const known = rounds.filter(({ event }) => Number.isFinite(event.metrics[name]))
      const steps = known.map(({ event }) => event.round)
      return { color: colors[i], training: { steps, values: known.map(({ event }) => event.metrics[name]) } }
    })
    const title = titles[name] ?? name
    const ends = curves.map(({ training }) => formatNumber(training?.values.at(-1)))
    const chart = await curveChart(`${title} over rounds`, curves, { exact: true })
    figures.push(
      html`<figure class="card"><figcaption><span>${title}</span><span class="last">${ends.join(' · ')}</span></figcaption>${chart}</figure>`,
    )
  }
  const nameOf = ({ record }: RunData) => baseName(record.out) || record.out
  return html`<section><h2>Rounds</h2>${online.length > 1 && legend(online.map(nameOf), colors)}
<p class="soft small">Over rounds: means over the answers that the model drew at the beginning of each.</p>
<div class="stack"><div class="grid">${figures}</div>${online.map((run) => roundTable(run, names, online.length > 1 ? nameOf(run) : null))}</div></section>`
}

function roundTable({ rounds }: RunData, names: readonly string[], title: string | null): Html {
  const rows = rounds.map(
    ({ event }) => html`<tr><td class="number">${event.round}</td><td class="number">${event.step}</td>
<td class="number">${event.prompts}</td><td class="number">${event.samples}</td><td class="number">${event.rows}</td>
${names.map((name) => html`<td class="number">${formatNumber(event.metrics[name])}</td>`)}<td class="number">${formatDuration(event.seconds)}</td></tr>`,
  )
  const head = [
    'round',
    'after update',
    'prompts',
    'answers',
    'learnt',
    ...names.map((name) => titles[name] ?? name),
    'time',
  ]
  return html`<div class="card">${title && html`<h3>${title}</h3>`}<div class="scroll"><table><thead><tr>${head.map((name) => html`<th class="number">${name}</th>`)}</tr></thead>
<tbody>${rows}</tbody></table></div>${rounds.map(answersOf)}</div>`
}

function answersOf({ event, samples }: RoundData): Html {
  const prompts = Map.groupBy(samples, ({ prompt }) => prompt)
  const cards = [...prompts].map(([prompt, answers]) => {
    const list = answers.map(
      ({
        text: answer,
        score,
        role,
        finish,
      }) => html`<tr><td class="number">${score === undefined ? '' : formatNumber(score)}</td>
<td class="${role === 'rejected' || role === 'bad' ? 'no' : role && 'yes'}">${role ?? html`<span class="soft">left out</span>`}</td><td>${text(answer)}${finish === 'length' && html`<span class="soft small">cut off</span>`}</td></tr>`,
    )
    return html`<div><div class="prompt">${text(prompt)}</div><table><tbody>${list}</tbody></table></div>`
  })
  const left = event.samples - samples.length
  return html`<details><summary class="small">Answers of round ${event.round}</summary>
${left > 0 && html`<p class="soft small">${left} more stand in events.jsonl.</p>`}<div class="stack">${cards}</div></details>`
}
