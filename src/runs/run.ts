import { HoneError, joinPath, platform } from '../base/index.ts'
import {
  type Checkpoint,
  checkpointSteps,
  pruneCheckpoints,
  readCheckpoint,
  sweepCheckpoints,
  writeCheckpoint,
} from './checkpoints.ts'
import { differingKeys, refuseChanges } from './config.ts'
import { type EventLog, eventLog, firstLine, type RunEvent } from './events.ts'
import { corrupt, documentText, type Json, type RunPaths, readDocument, runPaths } from './layout.ts'
import { acquireLock, isLock } from './lock.ts'
import { publishResult, removeResult } from './result.ts'

export interface RunOptions {
  /** Complete and resolved; plain JSON. */
  config: Json
  /** What is run: 'sft', 'dpo', … */
  kind: string
  /** Go on where an earlier run of this folder stopped; where there is none, start. */
  resume?: boolean
  /** Replace an earlier run of this folder. */
  overwrite?: boolean
  /** Checkpoints kept besides the best; default 2. */
  keep?: number
  /** The machine, backend and instruction set: kept in config.json; a resumed run on another one says so. */
  environment?: Json
  /** Longest time that an event waits in memory, in seconds; default 1. */
  flushSeconds?: number
}

/** A run being written: the only writer of its folder until `close`. */
export interface Run<E extends RunEvent = RunEvent> {
  /** The output folder, where the result ends. */
  readonly out: string
  /** The folder of the run's own files, inside `out`. */
  readonly folder: string
  readonly kind: string
  readonly config: Json
  /** What `finish` was given, when the run has ended: nothing is left to do. */
  readonly report: Json | null
  /** The state to go on from, or null at the beginning. */
  readonly latest: Checkpoint | null
  /** Throws when an earlier write failed. */
  append(event: E): void
  flush(): Promise<void>
  /**
   * Flushes the events and writes a checkpoint of `step`, whole or not at all. `write` gets an empty folder.
   * @throws what `write` throws; E_DISK_FULL says which checkpoint stands.
   */
  saveCheckpoint(
    step: number,
    write: (folder: string) => Promise<void>,
    options?: { best?: boolean; cursor?: Json },
  ): Promise<void>
  /** Step of the last checkpoint, of this writer or of the one before it. */
  latestStep(): number | null
  /** The checkpoint that was last saved with `best`. */
  bestCheckpoint(): Promise<Checkpoint | null>
  /** Lets `write` fill an empty folder and moves its files into `out`, the entry file last. Returns their names. */
  publish(write: (folder: string) => Promise<void>): Promise<string[]>
  /** Marks the run as ended. */
  finish(report: Json): Promise<void>
  /** Flushes what can be flushed and gives the folder free. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

type Found = 'nothing' | 'run' | 'foreign'

/** What an output folder holds. One in which a run had only begun to be created counts as empty. */
async function inspect(paths: RunPaths): Promise<Found> {
  const info = await platform().stat(paths.out)
  if (info === null) return 'nothing'
  if (info.kind === 'file') {
    throw new HoneError('E_EXISTS', `${paths.out} is a file, expected a folder or nothing`, {
      help: 'Choose another output folder.',
    })
  }
  if (await readDocument(paths.config)) return 'run'
  for (const name of await platform().list(paths.out)) {
    if (name !== 'run' || (await platform().stat(paths.folder))?.kind !== 'folder') return 'foreign'
    const inside = await platform().list(paths.folder)
    if (inside.some((file) => !isLock(file) && !file.endsWith('.tmp'))) return 'foreign'
  }
  return 'nothing'
}

/**
 * Opens an output folder for a run. New ones are begun; an earlier run is continued with `resume` (events.jsonl is cut
 * to the length that its last checkpoint recorded; before the first checkpoint it begins anew; after the end `report` is
 * set) or replaced with `overwrite`.
 * @throws E_EXISTS, E_LOCKED, E_CONFIG_CHANGED, E_FORMAT, E_CORRUPT
 */
export async function createRun<E extends RunEvent = RunEvent>(out: string, options: RunOptions): Promise<Run<E>> {
  const { resume = false, overwrite = false } = options
  if (resume && overwrite)
    throw new HoneError('E_CONFIG', 'got both resume and overwrite, expected at most one of them')
  const paths = runPaths(out)
  refuseExisting(paths, await inspect(paths), options)
  await platform().makeFolder(paths.folder)
  const unlock = await acquireLock(paths.folder)
  let found: Found = 'run'
  try {
    // Looked at again: another writer may have come and gone before the lock was ours.
    found = await inspect(paths)
    refuseExisting(paths, found, options)
    const config = JSON.parse(JSON.stringify(options.config)) as Json
    const state = found === 'run' && resume ? await reopen(paths, config, options) : await begin(paths, config, options)
    return openRun<E>(paths, config, options, state, unlock)
  } catch (error) {
    // What could not be begun leaves no trace, so that the same command can be given again.
    if (found === 'nothing') for (const path of [paths.events, paths.config]) await removeQuietly(path)
    await unlock().catch(() => {})
    throw error
  }
}

const removeQuietly = (path: string): Promise<void> =>
  platform()
    .remove(path)
    .catch(() => {})

type Permission = Pick<RunOptions, 'resume' | 'overwrite'>

function refuseExisting({ out }: RunPaths, found: Found, { resume, overwrite }: Permission): void {
  if (found === 'nothing' || (found === 'run' && (resume || overwrite))) return
  if (found === 'run') {
    throw new HoneError('E_EXISTS', `${out} already holds a run`, {
      help: 'Go on with it (--resume), replace it (--overwrite), or choose another output folder.',
    })
  }
  throw new HoneError('E_EXISTS', `${out} is not empty and holds no run of hone`, {
    help: `Choose another output folder${overwrite ? ': --overwrite replaces only what hone wrote' : ''}.`,
  })
}

/**
 * Refuses an output folder that `createRun` would refuse, before anything costly is done for it.
 * @throws E_EXISTS
 */
export async function checkOutput(out: string, options: Permission): Promise<void> {
  const paths = runPaths(out)
  refuseExisting(paths, await inspect(paths), options)
}

const defaultKeep = 2

interface Opened {
  log: EventLog
  latest: Checkpoint | null
  report: Json | null
}

const configDocument = (config: Json, { kind, environment = {} }: RunOptions, created = platform().now()): string =>
  documentText({ kind, created: new Date(created).toISOString(), environment, config })

/** Removes what a broken-off atomic write left beside its target. */
async function sweepDrafts(folder: string): Promise<void> {
  for (const name of await platform().list(folder)) {
    if (name.endsWith('.tmp')) await platform().remove(joinPath(folder, name))
  }
}

/** Clears what an earlier run left (config.json stays until the new one replaces it) and writes the first two files. */
async function begin(paths: RunPaths, config: Json, options: RunOptions): Promise<Opened> {
  await sweepDrafts(paths.folder)
  for (const path of [paths.report, paths.resultDraft, paths.checkpoints, paths.events]) await platform().remove(path)
  await removeResult(paths)
  await platform().writeAtomic(paths.config, configDocument(config, options))
  const first = firstLine(options.kind)
  await platform().writeAtomic(paths.events, first)
  const log = eventLog(paths.events, new TextEncoder().encode(first).length, options.flushSeconds)
  return { log, latest: null, report: null }
}

async function reopen(paths: RunPaths, config: Json, options: RunOptions): Promise<Opened> {
  const before = await readDocument(paths.config)
  const { kind, config: old, created, environment = {} } = before ?? {}
  if (typeof kind !== 'string' || typeof old !== 'object' || old === null) {
    throw corrupt(paths.config, 'has no kind or no config')
  }
  if (kind !== options.kind) {
    throw new HoneError('E_CONFIG_CHANGED', `${paths.out} holds a run of ${kind}, expected one of ${options.kind}`, {
      help: 'Choose another output folder, or replace this one with --overwrite.',
    })
  }
  refuseChanges(paths.out, old as Json, config)
  await sweepDrafts(paths.folder)
  await sweepCheckpoints(paths)
  await platform().remove(paths.resultDraft)
  const steps = await checkpointSteps(paths)
  const latest = steps.length ? await readCheckpoint(paths, steps[steps.length - 1]) : null
  await pruneCheckpoints(paths, options.keep ?? defaultKeep, latest?.bestStep ?? null)
  const changed = differingKeys(old as Json, config).length > 0
  const report = await readDocument(paths.report)
  if (report && !changed) return { log: eventLog(paths.events, 0), latest, report }
  if (report && !latest) {
    throw new HoneError('E_NO_CHECKPOINT', `${paths.out} has ended and holds no checkpoint to go on from`, {
      help: 'Choose another output folder, or replace this one with --overwrite.',
    })
  }
  await platform().remove(paths.report)
  if (!latest) return begin(paths, config, options)

  const size = (await platform().stat(paths.events))?.size ?? 0
  if (size < latest.eventBytes) {
    throw new HoneError(
      'E_CORRUPT',
      `${paths.events} has ${size} bytes, expected at least the ${latest.eventBytes} of step ${latest.step}`,
      { help: 'The file was changed by hand. Replace the run with --overwrite.' },
    )
  }
  if (changed) {
    const start = Date.parse(String(created))
    const text = configDocument(config, { ...options, environment: environment as Json }, start || undefined)
    await platform().writeAtomic(paths.config, text)
  }
  if (size > latest.eventBytes) await platform().truncate(paths.events, latest.eventBytes)
  const log = eventLog(paths.events, latest.eventBytes, options.flushSeconds)
  const moved = differingKeys(environment as Json, JSON.parse(JSON.stringify(options.environment ?? {})))
  if (moved.length) {
    const keys = moved.map((m) => `${m.key}: ${m.before} → ${m.now}`).join(', ')
    const message = `resumed on another machine or backend (${keys}): bits may differ from an unbroken run`
    log.append({ type: 'warning', code: 'W_ENVIRONMENT', message } as RunEvent)
  }
  return { log, latest, report: null }
}

function openRun<E extends RunEvent>(
  paths: RunPaths,
  config: Json,
  options: RunOptions,
  { log, latest, report }: Opened,
  unlock: () => Promise<void>,
): Run<E> {
  const { keep = defaultKeep, kind } = options
  let saved: { step: number; bestStep: number | null } | null = latest
  let closed = false

  const close = async () => {
    if (closed) return
    closed = true
    try {
      await log.close()
    } finally {
      // A lock that cannot be removed is that of a dead process from the moment this one ends.
      await unlock().catch(() => {})
    }
  }
  return {
    out: paths.out,
    folder: paths.folder,
    kind,
    config,
    report,
    latest,
    append: (event) => log.append(event),
    flush: () => log.flush(),
    async saveCheckpoint(step, write, { best = false, cursor = {} } = {}) {
      const bestStep = best ? step : (saved?.bestStep ?? null)
      try {
        await log.flush()
        await writeCheckpoint(paths, { step, eventBytes: log.bytes, bestStep, cursor }, write)
      } catch (error) {
        throw explainFullDisk(error, `the checkpoint of step ${step} was not written`, saved?.step)
      }
      saved = { step, bestStep }
      await pruneCheckpoints(paths, keep, bestStep)
    },
    latestStep: () => saved?.step ?? null,
    bestCheckpoint: async () =>
      saved?.bestStep === null || saved?.bestStep === undefined ? null : readCheckpoint(paths, saved.bestStep),
    async publish(write) {
      try {
        await log.flush()
        return await publishResult(paths, write)
      } catch (error) {
        throw explainFullDisk(error, `the result was not written to ${paths.out}`, saved?.step)
      }
    },
    async finish(finalReport) {
      await log.flush()
      await platform().writeAtomic(paths.report, documentText({ kind, ...finalReport }))
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Says of a full disk what is lost and what stands; any other error passes as it is. */
function explainFullDisk(error: unknown, lost: string, step: number | undefined): unknown {
  if (!(error instanceof HoneError) || error.code !== 'E_DISK_FULL') return error
  const stands = step === undefined ? 'no checkpoint was written yet' : `the checkpoint of step ${step} is intact`
  return new HoneError('E_DISK_FULL', `${lost}: ${error.message}; ${stands}`, {
    help: 'Free some space and go on with --resume.',
    cause: error,
  })
}
