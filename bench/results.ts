import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { Outcome } from './contest.ts'
import { highestPeak, type Peak } from './peak.ts'
import type { Scaling } from './scaling.ts'

/** Contestants that did the same work, hone's first. */
export interface Contest {
  what: string
  shape: string
  unit: string
  /** When it was held. */
  date: string
  outcomes: Outcome[]
}

/** What a run of the benchmarks found: the content of a file in results/. */
export interface BenchDocument {
  machine: { cpu: string; cores: number; memory: string }
  date: string
  rounds: number
  versions: Record<string, string>
  peak: Peak
  contests: Contest[]
  scaling?: Scaling
  /** Seconds from the start of the process to the end of the first update on `tiny`. */
  startSeconds?: number
}

const folder = new URL('results/', import.meta.url)

/** What is known of every machine, the latest first. */
export function allResults(): BenchDocument[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as BenchDocument)
    .sort((a, b) => (a.date < b.date ? 1 : -1))
}

/** Writes what a run found into the file of its machine, beside the other parts of earlier runs; returns the whole. */
export function keepResults(found: BenchDocument): BenchDocument {
  mkdirSync(folder, { recursive: true })
  const { cpu, cores } = found.machine
  const file = new URL(`${cpu.replace(/[^\w]+/g, '-').toLowerCase()}-${cores}.json`, folder)
  const earlier = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as BenchDocument) : undefined
  const document = mergeResults(earlier, found)
  writeFileSync(file, `${JSON.stringify(document, null, 2)}\n`)
  return document
}

/**
 * Contests that `found` held anew stand in the place of the earlier ones, which keep theirs otherwise. The peak is the
 * highest of both: a slow minute must not raise the shares of what an earlier run measured.
 */
export function mergeResults(earlier: BenchDocument | undefined, found: BenchDocument): BenchDocument {
  if (!earlier) return found
  const anew = new Map(found.contests.map((contest) => [keyOf(contest), contest]))
  const contests = earlier.contests.map((contest) => anew.get(keyOf(contest)) ?? contest)
  const known = new Set(earlier.contests.map(keyOf))
  return {
    ...found,
    versions: { ...earlier.versions, ...found.versions },
    peak: highestPeak(earlier.peak, found.peak),
    contests: [...contests, ...found.contests.filter((contest) => !known.has(keyOf(contest)))],
    scaling: found.scaling ?? earlier.scaling,
    startSeconds: found.startSeconds ?? earlier.startSeconds,
  }
}

const keyOf = ({ what, shape }: Contest) => `${what} ${shape}`
