import { HoneError, joinPath, platform, throwIfAborted } from '../base/index.ts'
import { type Interval, mean, studentInterval } from '../evaluate/index.ts'
import { type Bench, openVerbs } from './bench.ts'
import { definitionHash } from './definition.ts'
import { openModels } from './models.ts'
import type { Arm, Check, Figures, Measured, Recipe, Settings, Verdict } from './types.ts'
import { verdictOf } from './verdict.ts'

export interface ProveOptions {
  /** Fewer or more seeds than the proof asks for. */
  seeds?: number
  /** 'smoke' runs the program in seconds, with two settings an arm at most; its verdict means nothing. */
  size?: 'full' | 'smoke'
  /** Where finished runs and base models are kept; the user's cache unless given. */
  folder?: string
  signal?: AbortSignal
  onProgress?: (line: string) => void
}

/** A figure of an arm over its seeds. */
export interface ArmFigure extends Interval {
  /** One a seed. */
  values: number[]
}

export interface Proven {
  id: string
  claim: string
  verdict: Verdict
  checks: Check[]
  /** By arm and name. */
  figures: Record<string, Record<string, ArmFigure>>
  /** What the pilot seeds chose for each arm. */
  settings: Record<string, Settings>
  baseline: string
  seeds: number[]
  /** Of all runs that the verdict rests on, those on pilot seeds included, whenever they were made; base models not. */
  seconds: number
  shrunk: string
  /** Hash of recipe, environments and objectives, see `definitionHash`. */
  definition: string | null
}

/** What is kept of one finished run. */
interface Kept {
  figures: Figures
  seconds: number
}

const firstPilot = 1001

/**
 * Runs a recipe's proof: chooses each arm's settings on the pilot seeds, runs every arm with every seed, and judges. Each
 * finished run is kept under the hash of all that it depends on, so that a proof that was stopped goes on where it was.
 * @throws HoneError E_PROOF where arms have unlike numbers of trials, or a run gives no number
 */
export async function prove(recipe: Recipe, options: ProveOptions = {}): Promise<Proven> {
  const { proof } = recipe
  const session = await openSession(recipe, options)
  const settings = chosen(recipe, await runPilots(recipe, session))
  const seeds = Array.from({ length: options.seeds ?? proof.seeds }, (_, i) => i + 1)
  const found: Record<string, Figures[]> = {}
  for (const seed of seeds) {
    for (const name of Object.keys(proof.arms)) {
      found[name] = [...(found[name] ?? []), await session.run(name, settings[name], seed)]
    }
  }
  const checks = proof.judge(measuredOf(found))
  return {
    id: recipe.id,
    claim: proof.claim,
    verdict: verdictOf(checks),
    checks,
    figures: summarise(found),
    settings,
    baseline: proof.baseline,
    seeds,
    seconds: session.seconds(),
    shrunk: proof.shrunk,
    definition: session.definition,
  }
}

/** One setting that an arm may choose, with what the pilot seeds gave for it. */
export interface Trial {
  arm: string
  settings: Settings
  /** Means over the pilot seeds. */
  figures: Figures
}

/** Runs the pilot seeds alone: what a proof may be designed on, because its verdict never sees them. */
export async function pilot(recipe: Recipe, options: Omit<ProveOptions, 'seeds'> = {}): Promise<Trial[]> {
  return runPilots(recipe, await openSession(recipe, options))
}

type Session = Awaited<ReturnType<typeof openSession>>

async function openSession(recipe: Recipe, options: ProveOptions) {
  const { id, proof } = recipe
  const { size = 'full', signal, onProgress } = options
  const folder = options.folder ?? joinPath(platform().cacheFolder(), 'proofs')
  requireEqualTrials(recipe)
  const definition = await definitionHash(recipe)
  const models = openModels(joinPath(folder, 'models'), { signal, onProgress })
  const bases = (await proof.bases?.(models, proof.sizes[size])) ?? {}
  let seconds = 0

  async function run(arm: string, settings: Settings, seed: number): Promise<Figures> {
    throwIfAborted(signal)
    const key = JSON.stringify([definition, size, arm, settings, seed])
    const path = joinPath(folder, id, `${platform().sha256().update(key).digest().slice(0, 24)}.json`)
    const isPilot = seed >= firstPilot
    let kept = await readKept(path)
    if (!kept) {
      const label = `${id}: ${arm}, ${isPilot ? 'pilot' : 'seed'} ${seed} ${showSettings(settings)}`
      onProgress?.(label)
      const scratch = joinPath(folder, id, `.scratch-${platform().processId()}`)
      const verbs = openVerbs({ folderOf: (stage) => joinPath(scratch, stage ?? 'result'), signal, overwrite: true })
      const bench: Bench<unknown> = { ...verbs, seed, size: proof.sizes[size], bases, models, isPilot }
      const began = platform().elapsed()
      const figures = await proof.arms[arm].run(bench, settings)
      await platform().remove(scratch)
      requireNumbers(figures, label)
      kept = { figures, seconds: platform().elapsed() - began }
      await platform().makeFolder(joinPath(folder, id))
      await platform().writeAtomic(path, JSON.stringify({ arm, settings, seed, ...kept }))
    }
    seconds += kept.seconds
    return kept.figures
  }

  return { run, definition, isSmoke: size === 'smoke', seconds: () => seconds }
}

async function runPilots({ proof }: Recipe, { run, isSmoke }: Session): Promise<Trial[]> {
  const found: Trial[] = []
  for (const [arm, { trials }] of Object.entries(proof.arms)) {
    for (const settings of trials.length > 1 ? trials.slice(0, isSmoke ? 2 : trials.length) : []) {
      const runs: Figures[] = []
      for (let i = 0; i < proof.pilots; i++) runs.push(await run(arm, settings, firstPilot + i))
      const names = Object.keys(runs[0])
      const figures = Object.fromEntries(names.map((name) => [name, mean(runs.map((figures) => figures[name]))]))
      found.push({ arm, settings, figures })
    }
  }
  return found
}

/** The settings of each arm whose goal is the largest, of equal ones the first. */
function chosen({ proof }: Recipe, trials: readonly Trial[]): Record<string, Settings> {
  const best = ([name, arm]: [string, Arm<unknown>]) => {
    const own = trials.filter((trial) => trial.arm === name)
    const goal = ({ figures }: Trial) => figures[proof.goal]
    const first = own.reduce<Trial | null>((a, b) => (a && goal(a) >= goal(b) ? a : b), null)
    return [name, first?.settings ?? arm.trials[0]]
  }
  return Object.fromEntries(Object.entries(proof.arms).map(best))
}

function measuredOf(found: Record<string, Figures[]>): Measured {
  return {
    of(arm, figure) {
      const values = found[arm]?.map((figures) => figures[figure])
      if (values?.every((value) => value !== undefined)) return values
      throw new HoneError('E_PROOF', `no figure '${figure}' of the arm '${arm}' was measured`)
    },
  }
}

function summarise(found: Record<string, Figures[]>): Proven['figures'] {
  return Object.fromEntries(
    Object.entries(found).map(([arm, runs]) => [
      arm,
      Object.fromEntries(
        Object.keys(runs[0] ?? {}).map((name) => {
          const values = runs.map((figures) => figures[name])
          return [name, { ...studentInterval(values), values }]
        }),
      ),
    ]),
  )
}

/** Tuning one side more than the other would decide a comparison by itself. */
function requireEqualTrials({ id, proof }: Recipe): void {
  const counts = Object.entries(proof.arms).map(([name, { trials }]) => `${name} ${trials.length}`)
  const numbers = new Set(Object.values(proof.arms).map(({ trials }) => trials.length))
  const [count = 0] = numbers
  if (numbers.size === 1 && (count === 1 || (count > 1 && proof.pilots > 0))) return
  throw new HoneError(
    'E_PROOF',
    `the trials of ${id}'s arms are ${counts.join(', ')}, with ${proof.pilots} pilot seeds`,
    {
      help: 'Give every arm the same number of settings to choose from, and pilot seeds where there is a choice.',
    },
  )
}

function requireNumbers(figures: Figures, label: string): void {
  for (const [name, value] of Object.entries(figures)) {
    if (!Number.isFinite(value)) throw new HoneError('E_PROOF', `${label} gave ${name} = ${value}, expected a number`)
  }
}

const showSettings = (settings: Settings) =>
  Object.entries(settings)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')

async function readKept(path: string): Promise<Kept | null> {
  if (!(await platform().stat(path))) return null
  return JSON.parse(await platform().readText(path)) as Kept
}
