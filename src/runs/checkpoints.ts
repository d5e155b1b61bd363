import { HoneError, joinPath, platform } from '../base/index.ts'
import { documentText, type Json, type RunPaths, readDocument } from './layout.ts'

/** A state from which a run can go on. */
export interface Checkpoint {
  step: number
  /** Folder that holds what the trainer wrote. */
  folder: string
  /** Length of events.jsonl at that moment. */
  eventBytes: number
  /** Step of the best checkpoint so far, by the caller's measure. */
  bestStep: number | null
  /** What the caller stored beside it. */
  cursor: Json
}

const pattern = /^step-(\d+)$/
const nameOf = (step: number): string => `step-${String(step).padStart(6, '0')}`

/** Steps that have a complete checkpoint, rising. */
export async function checkpointSteps(paths: RunPaths): Promise<number[]> {
  if ((await platform().stat(paths.checkpoints))?.kind !== 'folder') return []
  const steps = (await platform().list(paths.checkpoints)).flatMap((name) => pattern.exec(name)?.[1] ?? [])
  return steps.map(Number).sort((a, b) => a - b)
}

/** Folder in which the trainer's files of a step lie. */
export const checkpointFolder = (paths: RunPaths, step: number): string =>
  joinPath(paths.checkpoints, nameOf(step), 'training')

/**
 * The state of one step.
 * @throws E_CORRUPT when its files are not what `saveCheckpoint` writes.
 */
export async function readCheckpoint(paths: RunPaths, step: number): Promise<Checkpoint> {
  const path = joinPath(paths.checkpoints, nameOf(step), 'state.json')
  const state = await readDocument(path)
  const { eventBytes, bestStep, cursor } = state ?? {}
  if (state?.step !== step || !Number.isSafeInteger(eventBytes) || typeof cursor !== 'object' || cursor === null) {
    throw new HoneError('E_CORRUPT', `${path} is not the state of step ${step}`, {
      help: `Delete ${joinPath(paths.checkpoints, nameOf(step))} to go on from the checkpoint before it.`,
    })
  }
  return {
    step,
    folder: checkpointFolder(paths, step),
    eventBytes: eventBytes as number,
    bestStep: (bestStep as number | null) ?? null,
    cursor: cursor as Json,
  }
}

/**
 * Writes a checkpoint so that it is there whole or not at all: into a folder with another name, then renamed. One of the
 * same step is replaced. A failure leaves the ones before as they were.
 */
export async function writeCheckpoint(
  paths: RunPaths,
  state: Omit<Checkpoint, 'folder'>,
  write: (folder: string) => Promise<void>,
): Promise<void> {
  const name = nameOf(state.step)
  const target = joinPath(paths.checkpoints, name)
  const draft = joinPath(paths.checkpoints, `.new-${name}`)
  try {
    await platform().remove(draft)
    await platform().makeFolder(joinPath(draft, 'training'))
    await write(joinPath(draft, 'training'))
    await platform().writeAtomic(joinPath(draft, 'state.json'), documentText({ ...state, time: platform().now() }))
    if (await platform().stat(target)) await platform().rename(target, joinPath(paths.checkpoints, `.old-${name}`))
    await platform().rename(draft, target)
  } catch (error) {
    await sweepCheckpoints(paths).catch(() => {})
    throw error
  }
  await platform().remove(joinPath(paths.checkpoints, `.old-${name}`))
}

/** Undoes what a broken-off write or removal left: a replaced checkpoint comes back unless its successor is in place. */
export async function sweepCheckpoints(paths: RunPaths): Promise<void> {
  if ((await platform().stat(paths.checkpoints))?.kind !== 'folder') return
  const names = await platform().list(paths.checkpoints)
  for (const name of names) {
    const path = joinPath(paths.checkpoints, name)
    const replaced = name.startsWith('.old-') ? name.slice('.old-'.length) : null
    if (replaced && !names.includes(replaced)) await platform().rename(path, joinPath(paths.checkpoints, replaced))
    else if (/^\.(new|old|gone)-/.test(name)) await platform().remove(path)
  }
}

/** Removes all but the last `keep` checkpoints and the best one. Renamed first: a reader never meets half of one. */
export async function pruneCheckpoints(paths: RunPaths, keep: number, bestStep: number | null): Promise<void> {
  const steps = await checkpointSteps(paths)
  for (const step of steps.slice(0, Math.max(0, steps.length - keep))) {
    if (step === bestStep) continue
    const gone = joinPath(paths.checkpoints, `.gone-${nameOf(step)}`)
    await platform().rename(joinPath(paths.checkpoints, nameOf(step)), gone)
    await platform().remove(gone)
  }
}
