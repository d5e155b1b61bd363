/** A data set in tokens: encoded when read, kept in a bounded cache, surveyed before training. */
import { HoneError, throwIfAborted } from '../base/index.ts'
import type { Dataset } from './dataset.ts'
import { type EncodeContext, type EncodedRow, encodeRow } from './encode.ts'
import type { Order } from './order.ts'
import { type Tally, tally } from './tally.ts'

export interface EncodedOptions extends EncodeContext {
  /** Bytes of encoded rows that are kept, the least recently used leaving first (default 256 MiB). */
  cacheBytes?: number
  /** Leaves out rows that cannot be encoded, and counts them by code. Without it the first one throws. */
  skipBad?: boolean
}

/** What all rows, or the first of them, hold. */
export interface Statistics {
  /** Rows that can be trained on. */
  rows: number
  /** Tokens of these rows, and how many of them are learnt. */
  tokens: number
  lossTokens: number
  truncated: number
  /** Rows left out for their length, and those left out as bad, by code. */
  dropped: number
  skipped: Tally
  /** Rows whose ids differ from those of their whole text. */
  bordersChanged: number
  /** Longest path of a row, in tokens: how many rows up to 16, 32, 64, … */
  histogram: { upTo: number; rows: number }[]
  longest: number
}

export interface SurveyOptions {
  /** Looks only at the first so many rows; the others are taken to be good. */
  rows?: number
  onProgress?: (done: number, total: number) => void
  signal?: AbortSignal
}

export interface EncodedDataset {
  readonly dataset: Dataset
  /**
   * The encoded rows, null for one that was dropped or skipped.
   * @throws HoneError as `Dataset.read` and `encodeRow`, unless `skipBad`.
   */
  readMany(indices: readonly number[]): Promise<(EncodedRow | null)[]>
  /** As `readMany`, with the error in the place of a bad row. */
  readEach(indices: readonly number[]): Promise<(EncodedRow | null | HoneError)[]>
  /**
   * Encodes every row once: finds what is bad before training starts, and which rows are left to train on.
   * @throws HoneError the first bad row's (unless `skipBad`), E_EMPTY when none is left, E_ABORTED.
   */
  survey(options?: SurveyOptions): Promise<Survey>
}

export interface Survey {
  statistics: Statistics
  /** How many rows are left to train on. */
  readonly length: number
  /** The rows of an epoch, as `Dataset.order` gives them, without those left out. All epochs are of one length. */
  order(epoch: number, seed: number | null): Order
}

const CACHE_BYTES = 256 * 2 ** 20
/** Rows read together on a survey. */
const CHUNK = 64

export function encodeDataset(dataset: Dataset, options: EncodedOptions): EncodedDataset {
  const cache = rowCache(options.cacheBytes ?? CACHE_BYTES)

  async function readEach(indices: readonly number[]): Promise<(EncodedRow | null | HoneError)[]> {
    const results = indices.map((index) => cache.get(index))
    const missing = indices.filter((_, i) => results[i] === undefined)
    const rows = missing.length > 0 ? await dataset.readMany(missing) : []
    let next = 0
    return results.map((known, i) => {
      if (known !== undefined) return known
      const row = rows[next++]
      if (row instanceof HoneError) return row
      try {
        const encoded = encodeRow(row, options, indices[i])
        if (encoded) cache.set(indices[i], encoded)
        return encoded
      } catch (error) {
        if (error instanceof HoneError) return error
        throw error
      }
    })
  }

  return {
    dataset,
    readEach,
    async readMany(indices) {
      const rows = await readEach(indices)
      return rows.map((row) => {
        if (!(row instanceof HoneError)) return row
        if (options.skipBad) return null
        throw row
      })
    },
    async survey({ rows: most = dataset.length, onProgress, signal } = {}) {
      const total = Math.min(most, dataset.length)
      const count = counter(dataset.skipped)
      const left: number[] = []
      for (let first = 0; first < total; first += CHUNK) {
        await pause()
        throwIfAborted(signal)
        const indices = Array.from({ length: Math.min(CHUNK, total - first) }, (_, i) => first + i)
        for (const [i, row] of (await readEach(indices)).entries()) {
          if (row instanceof HoneError && !options.skipBad) throw row
          if (!count(row)) left.push(first + i)
        }
        onProgress?.(first + indices.length, total)
      }
      const leftOut = Uint32Array.from(left)
      const length = dataset.length - leftOut.length
      if (length === 0) throw nothingLeft(count.statistics)
      return { statistics: count.statistics, length, order: (epoch, seed) => dataset.order(epoch, seed, leftOut) }
    },
  }
}

/** Lets timers and the keyboard in: reading from memory alone would never leave the microtask queue. */
const pause = () => new Promise<void>((resolve) => setTimeout(resolve, 0))

function nothingLeft({ dropped, skipped }: Statistics): HoneError {
  const codes = Object.entries(skipped.counts).map(([code, count]) => `${count} with ${code}`)
  const first = skipped.examples[0]
  return new HoneError(
    'E_EMPTY',
    `no row is left to train on: ${[...codes, `${dropped} dropped for their length`].join(', ')}`,
    { help: first ? `the first one: ${first.message}${first.help ? ` (${first.help})` : ''}` : 'raise maxLength' },
  )
}

/** Adds a row to the statistics and says whether it can be trained on. */
function counter(unparsed: Tally): ((row: EncodedRow | null | HoneError) => boolean) & { statistics: Statistics } {
  const skipped = tally(unparsed)
  const statistics: Statistics = {
    rows: 0,
    tokens: 0,
    lossTokens: 0,
    truncated: 0,
    dropped: 0,
    skipped,
    bordersChanged: 0,
    histogram: [],
    longest: 0,
  }
  const count = (row: EncodedRow | null | HoneError) => {
    if (row instanceof HoneError) skipped.add(row)
    if (row === null) statistics.dropped++
    if (row === null || row instanceof HoneError) return false
    statistics.rows++
    statistics.tokens += row.tokens
    statistics.lossTokens += row.lossTokens
    statistics.truncated += Number(row.truncated)
    statistics.bordersChanged += Number(row.bordersChanged)
    statistics.longest = Math.max(statistics.longest, row.length)
    const bin = Math.max(0, Math.ceil(Math.log2(row.length)) - SMALLEST_BIN)
    while (statistics.histogram.length <= bin) {
      statistics.histogram.push({ upTo: 2 ** (SMALLEST_BIN + statistics.histogram.length), rows: 0 })
    }
    statistics.histogram[bin].rows++
    return true
  }
  return Object.assign(count, { statistics })
}

/** The first bin of the histogram reaches to 2^4 = 16 tokens. */
const SMALLEST_BIN = 4

/** What an entry costs beside its tokens: typed arrays, objects, the map's slot. */
const ENTRY_BYTES = 600

/** Least recently used leaves first; a Map keeps the order of insertion. */
function rowCache(limit: number) {
  const entries = new Map<number, EncodedRow>()
  let bytes = 0
  const size = (row: EncodedRow) => ENTRY_BYTES + row.tokens * (row.logprobs ? 16 : 8)
  return {
    get(index: number): EncodedRow | undefined {
      const row = entries.get(index)
      if (!row) return undefined
      entries.delete(index)
      entries.set(index, row)
      return row
    },
    set(index: number, row: EncodedRow): void {
      const before = entries.get(index)
      if (before) bytes -= size(before)
      entries.delete(index)
      entries.set(index, row)
      bytes += size(row)
      for (const [oldest, old] of entries) {
        if (bytes <= limit) break
        entries.delete(oldest)
        bytes -= size(old)
      }
    },
  }
}
