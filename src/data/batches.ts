/** Which rows belong to which update, and how an update is cut into micro-batches. */
import { HoneError } from '../base/index.ts'
import type { Order } from './order.ts'

export interface BatchOptions {
  /** Rows (pairs, groups) of an update. */
  batchSize: number
  /** Passes over the rows, fractions allowed (default 1). Not read when `steps` is given. */
  epochs?: number
  /** Updates, each of them full; goes on into as many epochs as it takes. */
  steps?: number
}

/**
 * The rows of all updates: one stream of whole epochs, one after another, cut into pieces of `batchSize`. An update may
 * end one epoch and begin the next; only the last may be smaller. Everything about an update follows from its number.
 */
export interface BatchPlan {
  /** Updates in all: `steps`, else ⌈epochs · rows / batchSize⌉. */
  readonly updates: number
  /** Updates (fractional) in an epoch. */
  readonly updatesPerEpoch: number
  /** The rows of update 0, 1, …: numbers that the order gives. */
  rows(update: number): number[]
  /** Epochs done (fractional) once this many updates are. */
  epochAfter(updates: number): number
}

/**
 * @param order the rows of each epoch, all of one length.
 * @throws HoneError E_EMPTY when there are no rows, E_CONFIG for numbers out of range.
 */
export function planBatches(order: (epoch: number) => Order, options: BatchOptions): BatchPlan {
  const { batchSize, steps, epochs = 1 } = options
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new HoneError('E_CONFIG', `batchSize is ${batchSize}, expected a whole number of at least 1`)
  }
  if (steps !== undefined && (!Number.isInteger(steps) || steps < 0)) {
    throw new HoneError('E_CONFIG', `steps is ${steps}, expected a whole number of at least 0`)
  }
  if (steps === undefined && !(epochs > 0 && Number.isFinite(epochs))) {
    throw new HoneError('E_CONFIG', `epochs is ${epochs}, expected a number above 0`)
  }
  let current = { epoch: 0, order: order(0) }
  const length = current.order.length
  if (length === 0) throw new HoneError('E_EMPTY', 'there are no rows to train on')
  const total = steps === undefined ? Math.ceil(roundOff(epochs * length)) : steps * batchSize
  const updates = Math.ceil(total / batchSize)
  const rowAt = (place: number) => {
    const epoch = Math.floor(place / length)
    if (epoch !== current.epoch) current = { epoch, order: order(epoch) }
    return current.order.at(place % length)
  }
  return {
    updates,
    updatesPerEpoch: length / batchSize,
    rows(update) {
      if (!Number.isInteger(update) || update < 0 || update >= updates) {
        throw new HoneError('E_RANGE', `update ${update} is asked for, expected 0 … ${updates - 1}`)
      }
      const first = update * batchSize
      return Array.from({ length: Math.min(batchSize, total - first) }, (_, i) => rowAt(first + i))
    },
    epochAfter: (done) => Math.min(done * batchSize, total) / length,
  }
}

/** 0.1 · 30 rows are 3 rows, not the 4 that the ceiling of 3.0000000000000004 would give. */
const roundOff = (value: number) => Math.round(value * 1e6) / 1e6

/**
 * Cuts an update into micro-batches of at most `microTokens` tokens: first fit, the longest rows first, so that a run
 * that will not fit in memory fails at its first micro-batch. A row longer than the budget is a micro-batch of its own.
 *
 * @param lengths tokens of each row of the update.
 * @returns places in `lengths`, each once; within a micro-batch in ascending order.
 */
export function microBatches(lengths: ArrayLike<number>, microTokens: number): number[][] {
  if (!(microTokens >= 1)) throw new HoneError('E_CONFIG', `microTokens is ${microTokens}, expected at least 1`)
  const longestFirst = Array.from(lengths, (_, i) => i).sort((i, j) => lengths[j] - lengths[i] || i - j)
  const batches: { tokens: number; places: number[] }[] = []
  for (const place of longestFirst) {
    const fit = batches.find((batch) => batch.tokens + lengths[place] <= microTokens)
    if (fit) {
      fit.tokens += lengths[place]
      fit.places.push(place)
    } else batches.push({ tokens: lengths[place], places: [place] })
  }
  return batches.map((batch) => batch.places.sort((i, j) => i - j))
}
