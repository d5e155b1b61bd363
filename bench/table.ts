import { readFileSync, writeFileSync } from 'node:fs'
import { precisionOf, shareOfCeiling } from './ceiling.ts'
import type { Outcome } from './contest.ts'
import type { Peak } from './peak.ts'
import type { BenchDocument, Contest } from './results.ts'
import type { Scaling } from './scaling.ts'
import { summary } from './summary.ts'

export const number = (value: number) => (value >= 100 ? value.toFixed(0) : value.toPrecision(3))

/** Puts the figures between the marks of bench/README.md. */
export function writeTable(machines: readonly BenchDocument[]): void {
  const file = new URL('README.md', import.meta.url)
  const [top, rest] = readFileSync(file, 'utf8').split('<!-- figures -->')
  const bottom = rest.split('<!-- end -->')[1]
  writeFileSync(file, `${top}<!-- figures -->\n${machines.map(section).join('\n\n')}\n<!-- end -->${bottom}`)
}

const section = (found: BenchDocument) => `## ${found.machine.cpu}, ${found.machine.cores} cores\n\n${figures(found)}`

/** Everything found on one machine, as Markdown. */
export function figures(found: BenchDocument): string {
  const { machine, rounds, versions, peak, contests, scaling, startSeconds } = found
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  const dates = [...new Set([...contests.map(({ date }) => date), found.date])].sort()
  const when = dates.length > 1 ? `${dates[0]} to ${dates.at(-1)}` : dates[0]
  const paragraphs = [
    `Measured ${when}: ${machine.cpu}, ${machine.cores} cores, ${machine.memory}; ${named.join(', ')}. Peak: f32 ${number(peak.f32)} GFLOP/s, bf16 ${number(peak.bf16)}, reading ${number(peak.read)} GB/s. Medians of ${rounds} quiet rounds in turn; the range is from the slowest to the fastest.`,
    ratesTable(contests, peak),
    sharingLine(found),
    memoryTable(contests),
    scaling && scalingTables(scaling),
    startSeconds &&
      `From the start of the process to the end of the first update on \`tiny\`: ${startSeconds.toFixed(2)} s.`,
  ]
  return paragraphs.filter(Boolean).join('\n\n')
}

const isOurs = ({ name }: Outcome) => name.startsWith('hone')
const peersIn = (outcomes: readonly Outcome[], precision: string) =>
  outcomes.filter((outcome) => !isOurs(outcome) && precisionOf(outcome.name) === precision)

const ratio = (value: number, to: number | undefined) => (to ? `${(value / to).toFixed(2)} ×` : '')
const percent = (share: number | null) => (share === null ? '' : `${(100 * share).toFixed(0)} %`)
const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

function ratesTable(contests: readonly Contest[], peak: Peak): string {
  const head = [
    'what',
    'shape',
    'contestant',
    'rate',
    'range',
    'share of the ceiling',
    'against the best f32 peer',
    'against the best peer of the same precision',
  ]
  const rows = contests.flatMap((contest) =>
    contest.outcomes.map((outcome) => {
      const { name, rate, low, high } = outcome
      const against = (precision: string) =>
        isOurs(outcome) ? ratio(rate, best(peersIn(contest.outcomes, precision))) : ''
      return [
        contest.what,
        contest.shape,
        name,
        `${number(rate)} ${contest.unit}`,
        `${number(low)} to ${number(high)}`,
        percent(shareOfCeiling(contest, outcome, peak)),
        against('f32'),
        against(precisionOf(name)),
      ]
    }),
  )
  return table(head, rows)
}

const best = (outcomes: readonly Outcome[]) =>
  outcomes.length > 0 ? Math.max(...outcomes.map(({ rate }) => rate)) : undefined

function sharingLine(found: BenchDocument): string {
  const shared = Object.entries(summary(found)?.sharing ?? {})
  if (shared.length === 0) return ''
  const ratios = shared.map(([precision, share]) => `${share.toFixed(2)} (${precision})`).join(' and ')
  return `A step of DPO that computes each pair's prompt once takes ${ratios} of the time of the step that computes it twice.`
}

/** Resident memory of the training processes at their largest, hone's beside that of each peer. */
function memoryTable(contests: readonly Contest[]): string {
  const memory = ({ more }: Outcome) => more['rss'] ?? 0
  const trained = contests.filter(({ what }) => what === 'train')
  const peers = new Set(trained.flatMap(({ outcomes }) => outcomes.filter((o) => !isOurs(o)).map(({ name }) => name)))
  const head = ['memory of a training process', 'shape', 'MB', ...[...peers].map((peer) => `against ${peer}`)]
  const rows = trained.flatMap(({ shape, outcomes }) =>
    outcomes.map((outcome) => {
      const against = [...peers].map((peer) => {
        const other = outcomes.find(({ name }) => name === peer)
        return isOurs(outcome) && other ? ratio(memory(outcome), memory(other)) : ''
      })
      return [outcome.name, shape, memory(outcome).toFixed(0), ...against]
    }),
  )
  return rows.length > 0 ? table(head, rows) : ''
}

function scalingTables({ sweeps, threads }: Scaling): string {
  const head = [
    'time of a training step against',
    'sizes',
    'ms',
    'time grows as size to the',
    'r²',
    'operations as size to the',
  ]
  const rows = sweeps.map(({ of, points, time, operations }) => [
    of,
    points.map(({ size }) => size).join(', '),
    points.map(({ seconds }) => number(1000 * seconds)).join(', '),
    time.exponent.toFixed(2),
    time.r2.toFixed(3),
    operations.exponent.toFixed(2),
  ])
  const speedUps = threads.map(({ what, precision, ratio }) => [what, precision, `${ratio.toFixed(2)} ×`])
  return `${table(head, rows)}\n\n${table(['2 threads against 1, shape b', 'precision', 'rate'], speedUps)}`
}
