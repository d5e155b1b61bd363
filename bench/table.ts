import { readFileSync, writeFileSync } from 'node:fs'
import type { Outcome } from './contest.ts'

/** Contestants that did the same work, hone's first. */
export interface Contest {
  what: string
  shape: string
  unit: string
  outcomes: Outcome[]
}

/** What a run of the benchmarks found: the content of a file in results/. */
export interface BenchDocument {
  machine: { cpu: string; cores: number; memory: string }
  date: string
  rounds: number
  versions: Record<string, string>
  /** GFLOP/s, and GB/s read. */
  peak: { f32: number; bf16: number; read: number }
  contests: Contest[]
  /** Seconds from the start of the process to the end of the first update on `tiny`. */
  startSeconds: number | null
}

export const number = (value: number) => (value >= 100 ? value.toFixed(0) : value.toPrecision(3))

/** Puts the figures between the marks of bench/README.md. */
export function writeTable(found: BenchDocument): void {
  const file = new URL('README.md', import.meta.url)
  const [top, rest] = readFileSync(file, 'utf8').split('<!-- figures -->')
  const bottom = rest.split('<!-- end -->')[1]
  writeFileSync(file, `${top}<!-- figures -->\n${figures(found)}\n<!-- end -->${bottom}`)
}

function figures({ machine, date, rounds, versions, peak, contests, startSeconds }: BenchDocument): string {
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  const paragraphs = [
    `Measured ${date}: ${machine.cpu}, ${machine.cores} cores, ${machine.memory}; ${named.join(', ')}. Peak: f32 ${number(peak.f32)} GFLOP/s, bf16 ${number(peak.bf16)}, reading ${number(peak.read)} GB/s. Medians of ${rounds} quiet rounds in turn; the range is from the slowest to the fastest.`,
    ratesTable(contests),
    memoryTable(contests),
  ]
  if (startSeconds !== null) {
    paragraphs.push(
      `From the start of the process to the end of the first update on \`tiny\`: ${startSeconds.toFixed(2)} s.`,
    )
  }
  return paragraphs.join('\n\n')
}

const isOurs = ({ name }: Outcome) => name.startsWith('hone')

/** The peers of a precision: f32 and 16 bits are told apart by their names. */
const like = (ours: Outcome, all: readonly Outcome[]) => {
  const peers = all.filter((outcome) => !isOurs(outcome))
  const precision = ours.name.split(' ').at(-1) as string
  return peers.filter(({ name }) => name.includes(precision))
}

const best = (outcomes: readonly Outcome[]) => Math.max(0, ...outcomes.map(({ rate }) => rate))
const ratio = (rate: number, to: number) => (to > 0 ? `${(rate / to).toFixed(2)} ×` : '')

function ratesTable(contests: readonly Contest[]): string {
  const lines = [
    '| what | shape | contestant | rate | range | against the best f32 peer | against the best peer of the same precision |',
    '|---|---|---|---|---|---|---|',
  ]
  for (const { what, shape, unit, outcomes } of contests) {
    const f32 = best(outcomes.filter((outcome) => !isOurs(outcome) && outcome.name.includes('f32')))
    for (const outcome of outcomes) {
      const { name, rate, low, high } = outcome
      const against = isOurs(outcome) ? [ratio(rate, f32), ratio(rate, best(like(outcome, outcomes)))] : ['', '']
      const range = `${number(low)} to ${number(high)}`
      lines.push(`| ${[what, shape, name, `${number(rate)} ${unit}`, range, ...against].join(' | ')} |`)
    }
  }
  return lines.join('\n')
}

/** Resident memory of the training processes at their largest. */
function memoryTable(contests: readonly Contest[]): string {
  const lines = ['| memory of a training process | shape | MB |', '|---|---|---|']
  for (const { what, shape, outcomes } of contests) {
    if (what !== 'train') continue
    for (const { name, more } of outcomes) lines.push(`| ${name} | ${shape} | ${(more['rss'] ?? 0).toFixed(0)} |`)
  }
  return lines.length > 2 ? lines.join('\n') : ''
}
