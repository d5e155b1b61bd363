import { HoneError, joinPath, platform, throwIfAborted } from '../base/index.ts'
import { packTree, type RowInput, rowTokens } from '../batch/index.ts'
import type { Engine } from '../engine/index.ts'
import type { ReferenceReader } from './trainer.ts'

/** Reads the reference anew for each micro-batch from an engine: a second model, or this one without its adapter. */
export function liveReference(engine: Engine, options: { adapter?: boolean } = {}): ReferenceReader {
  return async (rows) => (await engine.forward(packTree(rows), options)).logprobs
}

export interface CachedReferenceOptions {
  /** The engine at the state that is the reference. */
  engine: Engine
  /** Every row that will be asked for, by its id. */
  rows: readonly RowInput[]
  /** Names the weights; with the rows, the precision and the instruction set it names the cached values. */
  weightsHash: string
  precision: string
  microTokens: number
  signal?: AbortSignal
  onProgress?: (done: number, total: number) => void
}

/**
 * The reference's log-probs of all rows, computed once before the weights change and kept on disk by content: a second
 * run on the same rows and weights reads them.
 */
export async function cachedReference(options: CachedReferenceOptions): Promise<ReferenceReader> {
  const { rows, engine, weightsHash, precision } = options
  const sizes = rows.map(countTargets)
  const total = sizes.reduce((a, b) => a + b, 0)
  const { backend, isa } = engine.hardware
  const key = platform().sha256().update(`reference 1 ${weightsHash} ${backend} ${isa} ${precision}`)
  for (const row of rows) key.update(rowBytes(row))
  const folder = joinPath(platform().cacheFolder(), 'reference')
  const path = joinPath(folder, `${key.digest()}.f32`)

  let values = await readCached(path, total)
  if (!values) {
    values = await compute(options, sizes, total)
    await platform().makeFolder(folder)
    await platform().writeAtomic(path, new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
  }
  const byRow = new Map<number, Float32Array>()
  let at = 0
  for (const [i, row] of rows.entries()) {
    byRow.set(row.id, values.subarray(at, at + sizes[i]))
    at += sizes[i]
  }
  return async (wanted) => {
    const parts = wanted.map(({ id }) => {
      const found = byRow.get(id)
      if (!found) throw new HoneError('E_REFERENCE', `row ${id} has no reference log-probs`)
      return found
    })
    const joined = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
    let place = 0
    for (const part of parts) {
      joined.set(part, place)
      place += part.length
    }
    return joined
  }
}

async function readCached(path: string, total: number): Promise<Float32Array | null> {
  const info = await platform().stat(path)
  if (info?.size !== total * 4) return null
  const bytes = await platform().readFile(path)
  return new Float32Array(bytes.slice().buffer)
}

async function compute(options: CachedReferenceOptions, sizes: number[], total: number): Promise<Float32Array> {
  const { rows, engine, microTokens, signal, onProgress } = options
  const values = new Float32Array(total)
  let at = 0
  let first = 0
  while (first < rows.length) {
    throwIfAborted(signal)
    let end = first
    let tokens = 0
    while (end < rows.length && (end === first || tokens + rowTokens(rows[end]) <= microTokens)) {
      tokens += rowTokens(rows[end++])
    }
    const { logprobs } = await engine.forward(packTree(rows.slice(first, end)), { signal })
    values.set(logprobs, at)
    at += sizes.slice(first, end).reduce((a, b) => a + b, 0)
    first = end
    onProgress?.(first, rows.length)
  }
  return values
}

const countTargets = (row: RowInput) => packTree([row]).targets.length

/** What a row's log-probs depend on: its tokens, its tree and which of them are targets. */
function rowBytes({ segments }: RowInput): string {
  return JSON.stringify(
    segments.map(({ tokens, loss, parent }) => [Array.from(tokens), loss && Array.from(loss), parent ?? -1]),
  )
}
