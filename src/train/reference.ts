import { HoneError, joinPath, platform, throwIfAborted } from '../base/index.ts'
import { packTree, type RowInput, referenceRow, rowTokens } from '../batch/index.ts'
import type { Engine } from '../engine/index.ts'
import { readStore, writeStore } from './reference-store.ts'
import type { ReferenceReader } from './trainer.ts'

/** Reads the reference anew for each micro-batch from an engine: a second model, or this one without its adapter. */
export function liveReference(engine: Engine, options: { adapter?: boolean } = {}): ReferenceReader {
  return async (rows) => {
    const read = rows.map(referenceRow)
    const { logprobs } = await engine.forward(packTree(read), options)
    return joinFloats(split(read, logprobs).map((values, i) => align(rows[i], read[i], values)))
  }
}

export interface ReadReferenceOptions {
  /** The engine at the state that is the reference. */
  engine: Engine
  /** False reads the base model without its adapter. */
  adapter?: boolean
  /** Tokens computed at once. */
  microTokens: number
  signal?: AbortSignal
  onProgress?: (done: number, total: number) => void
}

/** The reference's log-probs of rows, [learnt tokens] each, in the order of the rows' own tokens. */
export async function readReference(rows: readonly RowInput[], options: ReadReferenceOptions): Promise<Float32Array[]> {
  const read = rows.map(referenceRow)
  const values = await compute(read, options)
  return rows.map((row, i) => align(row, read[i], values[i]))
}

export interface CachedReferenceOptions extends Omit<ReadReferenceOptions, 'adapter'> {
  /** Every row that will be asked for, by its id. */
  rows: readonly RowInput[]
  /** Names the weights; with the rows, the precision and the instruction set it names the cached values. */
  weightsHash: string
  precision: string
}

/**
 * The reference's log-probs of all rows, computed before the weights change and kept on disk, row by row, under the weights'
 * name: another run on any of the same rows reads them. They lie in the folder `reference` of the cache (`hone doctor` says
 * where), which may be deleted at any time.
 */
export async function cachedReference(options: CachedReferenceOptions): Promise<ReferenceReader> {
  const { engine, weightsHash, precision } = options
  const rows = options.rows.map(referenceRow)
  const { backend, isa } = engine.hardware
  const name = platform().sha256().update(`reference ${weightsHash} ${backend} ${isa} ${precision}`).digest()
  const folder = joinPath(platform().cacheFolder(), 'reference')
  const path = joinPath(folder, `${name}.rows`)

  const keys = rows.map(rowKey)
  const store = await readStore(path)
  const missing = new Map(rows.flatMap((row, i) => (store.has(keys[i]) ? [] : [[keys[i], row]])))
  if (missing.size > 0) {
    const values = await compute([...missing.values()], options)
    for (const [i, key] of [...missing.keys()].entries()) store.set(key, values[i])
    await platform().makeFolder(folder)
    await writeStore(path, store)
  }
  const byRow = new Map<number, Float32Array>()
  for (const [i, row] of rows.entries()) {
    byRow.set(row.id, align(options.rows[i], row, store.get(keys[i]) as Float32Array))
  }
  return async (wanted) => {
    const parts = wanted.map(({ id }) => {
      const found = byRow.get(id)
      if (!found) throw new HoneError('E_REFERENCE', `row ${id} has no reference log-probs`)
      return found
    })
    return joinFloats(parts)
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

export function joinFloats(parts: readonly Float32Array[]): Float32Array {
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

/** The log-probs of each row, in micro-batches. */
async function compute(
  rows: readonly RowInput[],
  { engine, adapter, microTokens, signal, onProgress }: ReadReferenceOptions,
): Promise<Float32Array[]> {
  const values: Float32Array[] = []
  while (values.length < rows.length) {
    throwIfAborted(signal)
    const first = values.length
    let end = first
    let tokens = 0
    while (end < rows.length && (end === first || tokens + rowTokens(rows[end]) <= microTokens)) {
      tokens += rowTokens(rows[end++])
    }
    const micro = rows.slice(first, end)
    const { logprobs } = await engine.forward(packTree(micro), { adapter, signal })
    values.push(...split(micro, logprobs))
    onProgress?.(end, rows.length)
  }
  return values
}

const countTargets = (row: RowInput) => packTree([row]).targets.length

/** Names what a row's log-probs depend on: its tokens, its tree and which of them are targets. */
function rowKey({ segments }: RowInput): string {
  const parts = segments.map(({ tokens, loss, parent }) => [Array.from(tokens), loss && Array.from(loss), parent ?? -1])
  return platform().sha256().update(JSON.stringify(parts)).digest().slice(0, 32)
}
