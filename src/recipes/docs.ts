import { formatDuration, formatNumber, joinPath, parentPath, platform } from '../base/index.ts'
import type { ProofRecord } from '../proofs/index.ts'
import { proofSvg } from '../report/index.ts'
import { currentRecord, type ListedPaper, listPapers } from './catalogue.ts'

/**
 * The pages that are made from the catalogue and the recorded verdicts, by their path below the package's root:
 * docs/papers.md, and a plot for each verdict.
 */
export async function renderDocs(): Promise<Map<string, string>> {
  const papers = await listPapers()
  const records: ProofRecord[] = []
  for (const { id } of papers) {
    const record = await currentRecord(id)
    if (record) records.push(record)
  }
  return new Map([
    ['docs/papers.md', page(papers, records)],
    ...records.map((record): [string, string] => [`docs/proofs/${record.id}.svg`, proofSvg(record)]),
  ])
}

/** Writes the pages; gives the paths of those that changed. */
export async function writeDocs(): Promise<string[]> {
  const changed: string[] = []
  for (const [name, text] of await renderDocs()) {
    const path = joinPath(platform().packageRoot(), name)
    const before = (await platform().stat(path)) ? await platform().readText(path) : null
    if (before === text) continue
    await platform().makeFolder(parentPath(path))
    await platform().writeAtomic(path, text)
    changed.push(name)
  }
  return changed
}

const states = ['holds', 'not-shown', 'refuted', 'runs', 'planned'] as const

function page(papers: readonly ListedPaper[], records: readonly ProofRecord[]): string {
  const count = (state: string) => papers.filter((paper) => paper.state === state).length
  const rows = papers.map(({ n, id, title, arxiv, state, line }) => {
    const name = state === 'planned' ? `\`${id}\`` : `[\`${id}\`](../src/recipes/${id}.ts)`
    const shown = records.some((record) => record.id === id) ? `[${state}](#${id})` : state
    return `| ${n} | ${name} | ${shown} | ${line} [${title}](https://arxiv.org/abs/${arxiv}) |`
  })
  return `${[
    '# Published systems',
    '',
    'Made by `npm run docs` from `papers/catalogue.jsonl` and the verdicts in `docs/proofs/`. `hone papers WORDS` searches it, `hone run ID` applies a system to your model and data, `hone prove ID` repeats its experiment.',
    '',
    `${states.map((state) => `${count(state)} ${state}`).join(', ')}. A system *holds* where every threshold that was fixed before the first recorded run is met by the mean over seeds and its 95 % interval; *not shown* where one is not; *refuted* where the opposite was measured. *Runs*: built, without a verdict on its present definition.`,
    '',
    '| n | id | state | system |',
    '|---|---|---|---|',
    ...rows,
    ...records.flatMap(section),
  ].join('\n')}\n`
}

function section(record: ProofRecord): string[] {
  const { id, claim, verdict, checks, settings, baseline, seeds, seconds, shrunk, date, commit, machine } = record
  const interval = ({ low, high }: { low: number; high: number }) =>
    `${formatNumber(low, 3)} … ${formatNumber(high, 3)}`
  const chosen = Object.entries(settings)
    .map(
      ([arm, values]) =>
        `${arm}: ${Object.entries(values)
          .map(([key, value]) => `${key} ${value}`)
          .join(', ')}`,
    )
    .join('; ')
  return [
    '',
    `## ${id}`,
    '',
    `**${verdict}.** ${claim}`,
    '',
    '| what has to be so | measured | interval | wanted | |',
    '|---|---|---|---|---|',
    ...checks.map(({ what, measured, wanted, holds, refuted, premise }) => {
      const mark = holds ? 'yes' : premise ? 'no: nothing follows' : refuted ? 'refuted' : 'no'
      return `| ${what} | ${formatNumber(measured.value, 3)} | ${interval(measured)} | ${wanted.side} ${formatNumber(wanted.bound, 3)} | ${mark} |`
    }),
    '',
    `![${claim}](proofs/${id}.svg)`,
    '',
    `Baseline ${baseline}; ${seeds.length} seeds; ${formatDuration(seconds)}; chosen on pilot seeds: ${chosen}. Smaller than in the paper: ${shrunk} Run on ${date} at ${commit.slice(0, 7)} (${machine}).`,
  ]
}
