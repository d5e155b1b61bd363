import { HoneError, joinPath, platform, showValue } from '../base/index.ts'

/** Number of the file format that this version writes; the same in config.json, events.jsonl and every checkpoint. */
export const runFormat = 1

/** Keys that a resumed run may change: they say how long and how often, not what is computed. */
export const resumableKeys: readonly string[] = ['steps', 'epochs', 'saveEvery', 'evalEvery']

export type Json = Record<string, unknown>

/** Where the files of a run lie: beside the result, because a model directory has its own config.json. */
export function runPaths(out: string) {
  const folder = joinPath(out, 'run')
  return {
    out,
    folder,
    config: joinPath(folder, 'config.json'),
    events: joinPath(folder, 'events.jsonl'),
    checkpoints: joinPath(folder, 'checkpoints'),
    report: joinPath(folder, 'report.json'),
    /** Names of the files of the result that lie in `out`, written before the first of them is moved in. */
    result: joinPath(folder, 'result.json'),
    resultDraft: joinPath(folder, '.result'),
  }
}
export type RunPaths = ReturnType<typeof runPaths>

const maxDocumentBytes = 1 << 26

/** @throws E_FORMAT when the number is missing or newer than what this version knows. */
export function checkFormat(document: Json, path: string): void {
  const { format } = document
  if (typeof format === 'number' && Number.isInteger(format) && format >= 1 && format <= runFormat) return
  const newer = typeof format === 'number' && format > runFormat
  throw new HoneError('E_FORMAT', `${path} has format ${showValue(format)}, expected at most ${runFormat}`, {
    help: newer ? 'It was written by a newer version of hone: update hone.' : 'It was not written by hone.',
  })
}

/**
 * Reads a small JSON document of a run, or gives null where there is none.
 * @throws E_CORRUPT when it is no JSON object, E_FORMAT when it is of a newer version.
 */
export async function readDocument(path: string): Promise<Json | null> {
  const info = await platform().stat(path)
  if (info?.kind !== 'file') return null
  if (info.size > maxDocumentBytes) throw corrupt(path, `has ${info.size} bytes`)
  let document: unknown
  try {
    document = JSON.parse(await platform().readText(path))
  } catch (error) {
    if (error instanceof HoneError) throw error
    throw corrupt(path, (error as Error).message, error)
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw corrupt(path, `holds ${showValue(document)}`)
  }
  checkFormat(document as Json, path)
  return document as Json
}

/** The document as text with its format number first. */
export const documentText = (document: Json): string =>
  `${JSON.stringify({ format: runFormat, ...document }, null, 2)}\n`

export function corrupt(path: string, fault: string, cause?: unknown): HoneError {
  return new HoneError('E_CORRUPT', `${path}: ${fault}, expected a JSON object written by hone`, { cause })
}
