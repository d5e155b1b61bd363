/** Data sets: rows by their number, split, limited, mixed and shuffled without ever being held in memory together. */
import { HoneError, showValue } from '../base/index.ts'
import { complement, heldOut, mixed, type Order, shuffled } from './order.ts'
import { type RawRow, type Row, where } from './row.ts'
import { type FormatName, type RowOptions, toRow } from './row-format.ts'
import {
  concatenate,
  type DataSource,
  openSource,
  type RawRows,
  type ResolveHub,
  runningSums,
  type Split,
} from './sources.ts'
import { type Tally, tally } from './tally.ts'

/** One source of a mixture, with what is special to it. */
export interface DataSpec extends RowOptions {
  data: DataSource
  /** How often its rows come, relative to the other sources' weights. Given for all sources or for none. */
  weight?: number
  /** Reads only the first so many rows. */
  limit?: number
}

export interface DatasetOptions extends RowOptions {
  /** Default 'train'. */
  split?: Split
  /**
   * The share of rows (0 … 1) held out of 'train' and given as 'validation', where the files name no validation split.
   * Which ones depends on `seed` alone.
   */
  evalFraction?: number
  seed?: number
  /** Reads only the first so many rows of each source; the split is taken of these. */
  limit?: number
  /** Allows rows of several formats in one source. */
  mixedFormats?: boolean
  /** Leaves out rows that do not even parse, and counts them (`skipped`). Without it the first one throws. */
  skipBad?: boolean
  /** Fetches a data set of the hub, giving the path of its files. Default: the hub's client. */
  resolveHub?: ResolveHub
  signal?: AbortSignal
}

export interface Dataset extends AsyncDisposable {
  readonly length: number
  /** What was opened, for reports: the name and the rows of each source. */
  readonly sources: readonly { name: string; rows: number; weight?: number }[]
  /** Rows that do not parse, left out on opening. */
  readonly skipped: Tally
  /** @throws HoneError E_RANGE, E_BAD_ROW, E_ROW_FORMAT, each with file and line. */
  read(index: number): Promise<Row>
  /** As `read`, with the error in the place of a row that has one. */
  readMany(indices: readonly number[]): Promise<(Row | HoneError)[]>
  /**
   * The rows of an epoch, shuffled by (seed, epoch): each once or, where weights are given, by weight (see `mixed`).
   * With `seed` null every epoch has each row once, in the order of the files, whatever the weights.
   *
   * @param leftOut rows (sorted) that are to be left out, as if they were not there.
   */
  order(epoch: number, seed: number | null, leftOut?: Uint32Array): Order
  close(): Promise<void>
}

/**
 * Opens data for reading by row number. Memory grows by a few bytes a row, whatever the rows hold.
 *
 * @param spec a path, a hub id, rows in memory, or several of these with weights.
 * @throws HoneError E_NOT_FOUND, E_EMPTY, E_CONFIG, E_FORMAT, E_BAD_ROW.
 */
export async function openDataset(
  spec: DataSource | DataSpec | readonly (string | DataSpec)[],
  options: DatasetOptions = {},
): Promise<Dataset> {
  const specs = toSpecs(spec)
  requireOptions(specs, options)
  const opened: Opened[] = []
  const skipped = tally()
  try {
    for (const one of specs) opened.push(await openOne(one, options, options.skipBad ? skipped.add : undefined))
  } catch (error) {
    await Promise.all(opened.map((source) => source.rows.close()))
    throw error
  }
  const whole =
    opened.length === 1
      ? opened[0].rows
      : concatenate(
          '',
          opened.map((source) => source.rows),
        )
  const lengths = opened.map((source) => source.rows.length)
  const ends = runningSums(lengths)
  const weighted = specs[0].weight !== undefined

  const readMany = async (indices: readonly number[]) => {
    for (const index of indices) {
      if (!Number.isInteger(index) || index < 0 || index >= whole.length) {
        throw new HoneError('E_RANGE', `row ${index} is asked for, expected 0 … ${whole.length - 1}`)
      }
    }
    const raws = await readEach(whole, indices)
    return raws.map((raw, i) =>
      raw instanceof HoneError ? raw : opened[ends.findIndex((end) => indices[i] < end)].interpret(raw),
    )
  }
  const close = () => whole.close()
  return {
    length: whole.length,
    sources: opened.map(({ rows }, s) => ({ name: rows.name, rows: rows.length, weight: specs[s].weight })),
    skipped,
    readMany,
    async read(index) {
      const [row] = await readMany([index])
      if (row instanceof HoneError) throw row
      return row
    },
    order(epoch, seed, leftOut = new Uint32Array(0)) {
      const length = whole.length - leftOut.length
      const order =
        seed === null
          ? { length, at: (i: number) => i }
          : weighted
            ? mixedOrder(opened, specs, ends, leftOut, epoch, seed)
            : shuffled(length, seed, 'shuffle', epoch)
      return leftOut.length === 0 ? order : { length, at: (i) => complement(leftOut, order.at(i)) }
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

function mixedOrder(
  opened: Opened[],
  specs: DataSpec[],
  ends: number[],
  leftOut: Uint32Array,
  epoch: number,
  seed: number,
): Order {
  const rowsBefore = (end: number) => end - leftOut.filter((row) => row < end).length
  const shares = opened.map(({ rows }, s) => {
    const start = rowsBefore(ends[s] - rows.length)
    return { start, length: rowsBefore(ends[s]) - start, weight: specs[s].weight as number }
  })
  return mixed(
    shares.filter((share) => share.length > 0),
    seed,
    epoch,
  )
}

/** A row that does not parse spoils only itself, not the others read with it. */
async function readEach(rows: RawRows, indices: readonly number[]): Promise<(RawRow | HoneError)[]> {
  try {
    return await rows.readMany(indices)
  } catch (error) {
    if (!(error instanceof HoneError) || error.code !== 'E_BAD_ROW') throw error
    if (indices.length === 1) return [error]
    const each: (RawRow | HoneError)[] = []
    for (const index of indices) each.push(...(await readEach(rows, [index])))
    return each
  }
}

function toSpecs(spec: Parameters<typeof openDataset>[0]): DataSpec[] {
  if (typeof spec === 'string') return [{ data: spec }]
  if (!Array.isArray(spec)) return [spec as DataSpec]
  const isSpec = (one: unknown) =>
    typeof one === 'string' || (typeof one === 'object' && one !== null && 'data' in one && isSource(one.data))
  if (spec.length > 0 && spec.every(isSpec)) return spec.map((one) => (typeof one === 'string' ? { data: one } : one))
  return [{ data: spec }]
}

const isSource = (data: unknown) => typeof data === 'string' || Array.isArray(data)

function requireOptions(specs: DataSpec[], { evalFraction, limit }: DatasetOptions): void {
  if (evalFraction !== undefined && !(evalFraction >= 0 && evalFraction < 1)) {
    throw new HoneError('E_CONFIG', `evalFraction is ${showValue(evalFraction)}, expected a number from 0 to below 1`)
  }
  for (const value of [limit, ...specs.map((one) => one.limit)]) {
    if (value !== undefined && (!Number.isInteger(value) || value < 1)) {
      throw new HoneError('E_CONFIG', `limit is ${showValue(value)}, expected a whole number of at least 1`)
    }
  }
  const weights = specs.map((one) => one.weight).filter((weight) => weight !== undefined)
  if (weights.length > 0 && weights.length < specs.length) {
    throw new HoneError('E_CONFIG', `${weights.length} of ${specs.length} sources have a weight, expected all or none`)
  }
  const bad = weights.find((weight) => !(weight > 0 && Number.isFinite(weight)))
  if (bad !== undefined) throw new HoneError('E_CONFIG', `a weight is ${showValue(bad)}, expected a number above 0`)
}

interface Opened {
  rows: RawRows
  interpret(raw: RawRow): Row | HoneError
}

async function openOne(
  spec: DataSpec,
  options: DatasetOptions,
  onBadRow?: (error: HoneError) => void,
): Promise<Opened> {
  const { split = 'train', evalFraction = 0, seed = 0, signal } = options
  const { rows: all, splits } = await openSource(spec.data, { split, onBadRow, signal }, options.resolveHub)
  try {
    const limited = firstRows(all, spec.limit ?? options.limit)
    const rows = splits === 'named' ? limited : splitRows(limited, split, evalFraction, seed)
    return { rows, interpret: await interpreter(limited, { ...options, ...spec }) }
  } catch (error) {
    await all.close()
    throw error
  }
}

const firstRows = (rows: RawRows, limit = Number.POSITIVE_INFINITY): RawRows =>
  limit >= rows.length ? rows : { ...rows, length: limit }

function splitRows(rows: RawRows, split: Split, fraction: number, seed: number): RawRows {
  const held = heldOut(rows.length, fraction, seed)
  if (split === 'train') {
    if (held.length === 0) return rows
    const readMany = (indices: readonly number[]) => rows.readMany(indices.map((i) => complement(held, i)))
    return { ...rows, length: rows.length - held.length, readMany }
  }
  if (split === 'test' || held.length === 0) {
    throw new HoneError('E_NO_SPLIT', `${rows.name} has no ${split} split`, {
      help:
        split === 'test'
          ? 'a split is named by its file, e.g. test.jsonl in a folder'
          : 'hold out a part of the training rows with evalFraction, e.g. evalFraction=0.05, or name a file validation.jsonl',
    })
  }
  return { ...rows, length: held.length, readMany: (indices) => rows.readMany(indices.map((i) => held[i])) }
}

/** How many rows are looked at to find the format of a source, where the first ones are bad and may be skipped. */
const LOOK_AHEAD = 100

/** Reads rows as what the first of them is: a file that changes its format half-way is more likely a mistake. */
async function interpreter(
  rows: RawRows,
  options: DatasetOptions & RowOptions,
): Promise<(raw: RawRow) => Row | HoneError> {
  let first: { format: FormatName; place: string } | null = null
  const count = options.skipBad ? Math.min(LOOK_AHEAD, rows.length) : 1
  for (let i = 0; i < count && !first; i++) {
    const [raw] = await readEach(rows, [i])
    const read = raw instanceof HoneError ? raw : attempt(() => toRow(raw, options))
    if (read instanceof HoneError) {
      if (!options.skipBad) throw read
    } else first = { format: read.format, place: where(read.row.source) }
  }
  return (raw) =>
    attempt(() => {
      const { row, format } = toRow(raw, options)
      if (!first || format === first.format || options.mixedFormats) return row
      throw new HoneError(
        'E_ROW_FORMAT',
        `${where(raw)}: the row is in the format "${format}", expected "${first.format}" as in ${first.place}`,
        { help: 'keep formats in files of their own, or say mixedFormats=true' },
      )
    })
}

function attempt<T>(work: () => T): T | HoneError {
  try {
    return work()
  } catch (error) {
    if (error instanceof HoneError) return error
    throw error
  }
}
