import { HoneError, joinPath, platform, throwIfAborted } from '../base/index.ts'
import { packTree, type RowInput, referenceRow, rowTokens } from '../batch/index.ts'
import type { Engine } from '../engine/index.ts'
import type { ReferenceReader } from './trainer.ts'

/** Reads the reference anew for each micro-batch from an engine: a second model, or this one without its adapter. */
export function liveReference(engine: Engine, options: { adapter?: boolean } = {}): ReferenceReader {
  return async (rows) => {
    const read = rows.map(referenceRow)
    const { logprobs } = await engine.forward(packTree(read), options)
    return join(split(read, logprobs).map((values, i) => align(rows[i], read[i], values)))
  }
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
  const { engine, weightsHash, precision } = options
  const rows = options.rows.map(referenceRow)
  const sizes = rows.map(countTargets)
  const total = sizes.reduce((a, b) => a + b, 0)
  const { backend, isa } = engine.hardware
  const key = platform().sha256().update(`reference 1 ${weightsHash} ${backend} ${isa} ${precision}`)
  for (const row of rows) key.update(rowBytes(row))
  const folder = joinPath(platform().cacheFolder(), 'reference')
  const path = joinPath(folder, `${key.digest()}.f32`)

  let values = await readCached(path, total)
  if (!values) {
    values = await compute({ ...options, rows }, sizes, total)
    await platform().makeFolder(folder)
    await platform().writeAtomic(path, new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
  }
  const byRow = new Map<number, Float32Array>()
  for (const [i, own] of split(rows, values).entries()) byRow.set(rows[i].id, align(options.rows[i], rows[i], own))
  return async (wanted) => {
    const parts = wanted.map(({ id }) => {
      const found = byRow.get(id)
      if (!found) throw new HoneError('E_REFERENCE', `row ${id} has no reference log-probs`)
      return found
    })
    return join(parts)
  }
}

/** The values of packed rows, row by row. */
function split(rows: readonly RowInput[], values: Float32Array): Float32Array[] {
  let at = 0
  return rows.map((row) => {
    const size = countTargets(row)
    at += size
    return values.subarray(at - size, at)
  })
}

function join(parts: readonly Float32Array[]): Float32Array {
  const joined = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

/**
 * Brings the log-probs of the row that the reference read to the order of the learnt tokens of the row itself, sequence by
 * sequence. Tokens of sequences that the reference has not read get 0.
 * @throws HoneError E_REFERENCE where a sequence has another number of learnt tokens for the reference
 */
function align(row: RowInput, read: RowInput, values: Float32Array): Float32Array {
  if (!row.reference) return values
  const [own, other] = [packTree([row]), packTree([read])]
  const ordered = new Float32Array(own.targets.length)
  for (let sequence = 0; sequence < other.sequenceCount; sequence++) {
    const [to, from] = [own, other].map(({ sequences }) =>
      [...sequences.keys()].filter((i) => sequences[i] === sequence),
    )
    if (to.length !== from.length) {
      throw new HoneError(
        'E_REFERENCE',
        `row ${row.id}: answer ${sequence} has ${to.length} tokens to learn and ${from.length} for the reference`,
      )
    }
    for (const [i, place] of to.entries()) ordered[place] = values[from[i]]
  }
  return ordered
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
