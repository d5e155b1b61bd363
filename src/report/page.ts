import { joinPath, platform } from '../base/index.ts'
import { evaluationSection } from './evaluation.ts'
import { html, trusted } from './html.ts'
import { roundSections } from './rounds.ts'
import { configSection, curveSections, logSection, sampleSection, tiles } from './sections.ts'
import { type RunData, readRunData } from './series.ts'
import { style } from './style.ts'
import type { ReportExtra } from './types.ts'

/**
 * One self-contained page over any number of runs: no script, no link, no font from elsewhere. Runs of the same kind share
 * their charts. Every figure comes from the runs' own files and from `extra`.
 * @throws what `readRun` throws
 */
export async function renderReport(runFolders: readonly string[], extra: ReportExtra = {}): Promise<string> {
  const runs: RunData[] = []
  for (const folder of runFolders) runs.push(await readRunData(folder))
  const kinds = [...new Set(runs.map((run) => run.record.kind))]
  const title = extra.title ?? (kinds.length ? `Training report: ${kinds.join(', ')}` : 'Report')
  const latest = runs
    .map((run) => run.record.created)
    .sort()
    .at(-1)
  const notes = extra.notes?.length
    ? html`<section><h2>Notes</h2><div class="card"><ul class="notes">${extra.notes.map((note) => html`<li>${note}</li>`)}</ul></div></section>`
    : null

  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title><style>${trusted(style)}</style></head>
<body><main><header><h1>${title}</h1>
<p class="soft">${runs.length === 1 ? '1 run' : `${runs.length} runs`}${latest && `, last begun ${latest.slice(0, 16).replace('T', ' ')} UTC`}</p>
${tiles(runs, extra)}</header>
${notes}${await evaluationSection(extra)}${sampleSection(extra)}${await roundSections(runs)}${await curveSections(runs)}${logSection(runs)}${runs.length > 0 && configSection(runs)}
<footer>Made by hone from ${runs.map((run, i) => html`${i > 0 && ', '}<code>${run.record.folder}</code>`)}</footer>
</main></body></html>
`
  return page.html
}

/** Renders the report and puts it into a folder as report.html, whole or not at all. Returns its path. */
export async function writeReport(
  folder: string,
  runFolders: readonly string[] = [folder],
  extra: ReportExtra = {},
): Promise<string> {
  const page = await renderReport(runFolders, extra)
  await platform().makeFolder(folder)
  const path = joinPath(folder, 'report.html')
  await platform().writeAtomic(path, page)
  return path
}
