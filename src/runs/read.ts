import { baseName, HoneError, joinPath, parentPath, platform } from '../base/index.ts'
import { checkpointSteps } from './checkpoints.ts'
import { type RunEvent, readEvents, type Timed } from './events.ts'
import { corrupt, type Json, readDocument, runPaths } from './layout.ts'
import { liveLocks } from './lock.ts'
import { resultFiles } from './result.ts'

export interface RunRecord<E extends RunEvent = RunEvent & Json> {
  out: string
  folder: string
  kind: string
  /** ISO 8601. */
  created: string
  environment: Json
  config: Json
  state: 'running' | 'finished' | 'interrupted'
  /** Steps that have a checkpoint, rising. */
  checkpoints: number[]
  report: Json | null
  /** Names of the files of the result in `out`. */
  result: string[]
  /** Streams events.jsonl from its beginning. */
  events(): AsyncGenerator<Timed<E>>
}

/**
 * Opens a run for reading, given its output folder or the run's folder inside it. Never writes, needs no lock.
 * @throws E_NOT_FOUND when there is no run, E_FORMAT, E_CORRUPT
 */
export async function readRun<E extends RunEvent = RunEvent & Json>(folder: string): Promise<RunRecord<E>> {
  const isInner = baseName(folder) === 'run' && (await platform().stat(joinPath(folder, 'config.json'))) !== null
  const paths = runPaths(isInner ? parentPath(folder) : folder)
  const document = await readDocument(paths.config)
  if (!document) {
    throw new HoneError('E_NOT_FOUND', `${folder} holds no run: ${paths.config} does not exist`, {
      help: 'Give the output folder of a run; `hone runs` lists them.',
    })
  }
  const { kind, created, config, environment } = document
  if (typeof kind !== 'string' || typeof config !== 'object' || config === null) {
    throw corrupt(paths.config, 'has no kind or no config')
  }
  const report = await readDocument(paths.report)
  const running = !report && (await liveLocks(paths.folder)).length > 0
  return {
    out: paths.out,
    folder: paths.folder,
    kind,
    created: String(created),
    environment: (environment ?? {}) as Json,
    config: config as Json,
    state: report ? 'finished' : running ? 'running' : 'interrupted',
    checkpoints: await checkpointSteps(paths),
    report,
    result: await resultFiles(paths),
    events: () => readEvents<E>(paths.events),
  }
}

export interface RunSummary {
  out: string
  kind: string
  created: string
  state: RunRecord['state'] | 'unreadable'
  /** Of the last step event that is on the disk. */
  step: number | null
  loss: number | null
  /** Why the run is unreadable. */
  fault?: string
}

const tailBytes = 1 << 16

/** The last step event, found from the end of the file. */
async function lastStep(path: string): Promise<{ step: number; loss: number } | null> {
  if ((await platform().stat(path))?.kind !== 'file') return null
  const file = await platform().open(path)
  try {
    const tail = await file.read(Math.max(0, file.size - tailBytes), tailBytes)
    for (const text of new TextDecoder().decode(tail).split('\n').reverse()) {
      if (!text.includes('"type":"step"')) continue
      try {
        const { step, loss } = JSON.parse(text)
        return { step, loss }
      } catch {
        // The first line of the tail may be cut, the last one half-written.
      }
    }
    return null
  } finally {
    await file.close()
  }
}

async function summarize(out: string): Promise<RunSummary> {
  try {
    const { kind, created, state } = await readRun(out)
    const last = await lastStep(runPaths(out).events)
    return { out, kind, created, state, step: last?.step ?? null, loss: last?.loss ?? null }
  } catch (error) {
    if (!(error instanceof HoneError)) throw error
    return { out, kind: '', created: '', state: 'unreadable', step: null, loss: null, fault: error.message }
  }
}

/**
 * Summaries of the runs in a folder and `depth` levels below it (default 2), the newest first. A run that cannot be
 * read is listed with its fault.
 * @throws E_NOT_FOUND
 */
export async function listRuns(folder: string, { depth = 2 }: { depth?: number } = {}): Promise<RunSummary[]> {
  const visit = async (path: string, left: number): Promise<RunSummary[]> => {
    if (await platform().stat(runPaths(path).config)) return [await summarize(path)]
    if (left === 0) return []
    const found: RunSummary[] = []
    for (const name of await platform().list(path)) {
      const inner = joinPath(path, name)
      if (name.startsWith('.') || name === 'node_modules') continue
      if ((await platform().stat(inner))?.kind === 'folder') found.push(...(await visit(inner, left - 1)))
    }
    return found
  }
  return (await visit(folder, depth)).sort((a, b) => (a.created < b.created ? 1 : a.created > b.created ? -1 : 0))
}
