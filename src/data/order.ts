import { random } from '../base/index.ts'

/** The rows of one epoch: `at(i)` is the row in i-th place. Cheap at any i, so that a data cursor is just (epoch, i). */
export interface Order {
  readonly length: number
  at(i: number): number
}

/** Up to here a permutation is stored (and uniform over all of them); above, it is computed. 65,536 rows take 256 kB. */
const STORED = 65_536

/** A shuffle of 0 … n−1, one for each (seed, stream, epoch); `stream` names what is shuffled. */
export function shuffled(n: number, seed: number, stream: string, epoch: number, lane = 0): Order {
  if (n > STORED) return feistel(n, seed, stream, epoch, lane)
  const order = random(seed, stream).permutation(n, epoch, lane)
  return { length: n, at: (i) => order[i] }
}

const ROUNDS = 6

/**
 * A permutation in constant memory: an unbalanced Feistel network over a rectangle of a·b ≥ n cells, walked along its
 * cycles until it lands below n (Black and Rogaway 2002, "Ciphers with arbitrary finite domains"; here with additive
 * rounds modulo each side). As a·b < n + √n + 1, a walk takes one step nearly always.
 */
export function feistel(n: number, seed: number, stream: string, epoch: number, lane = 0): Order {
  const draws = random(seed, stream)
  const a = Math.max(1, Math.ceil(Math.sqrt(n)))
  const b = Math.max(1, Math.ceil(n / a))
  const words = (half: number, round: number) => draws.words(half, epoch, lane * ROUNDS + round)[0]
  const step = (x: number) => {
    let high = Math.floor(x / b)
    let low = x % b
    for (let round = 0; round < ROUNDS; round += 2) {
      high = (high + words(low, round)) % a
      low = (low + words(high, round + 1)) % b
    }
    return high * b + low
  }
  return {
    length: n,
    at(i) {
      let x = step(i)
      while (x >= n) x = step(x)
      return x
    },
  }
}

/**
 * Which rows are held out for validation: a seeded choice of ⌈fraction · n⌉ (at most n − 1), as a sorted list, so that
 * both parts keep the file's order.
 */
export function heldOut(n: number, fraction: number, seed: number): Uint32Array {
  const count = Math.min(Math.ceil(n * fraction), Math.max(0, n - 1))
  const order = shuffled(n, seed, 'split', 0)
  return Uint32Array.from({ length: count }, (_, i) => order.at(i)).sort()
}

/** The i-th of 0 … n−1 that does not stand in the sorted list. */
export function complement(list: Uint32Array, i: number): number {
  let low = 0
  let high = list.length
  // list[m] − m numbers are left before list[m]: count the entries that lie before the i-th of these.
  while (low < high) {
    const middle = (low + high) >>> 1
    if (list[middle] - middle <= i) low = middle + 1
    else high = middle
  }
  return i + low
}

/** What a mixture needs of a source: how many rows it has, where they begin, and how often they are wanted. */
export interface MixSource {
  start: number
  length: number
  weight: number
}

/**
 * Mixing by weight. An epoch has as many draws as all sources have rows; source s gets its share of them, w_s / Σw,
 * rounded by largest remainder, in an order shuffled anew each epoch. Each source is read through in shuffled passes
 * that go on across epochs: none of its rows comes a third time before each came twice. So a small source of great
 * weight is repeated, and a large one of small weight goes on next epoch where it stopped.
 */
export function mixed(sources: readonly MixSource[], seed: number, epoch: number): Order {
  const length = sources.reduce((sum, source) => sum + source.length, 0)
  const quotas = apportion(
    length,
    sources.map((source) => source.weight),
  )
  const ends = quotas.map(
    (
      (sum) => (quota) =>
        (sum += quota)
    )(0),
  )
  const interleaving = shuffled(length, seed, 'mix', epoch)
  const passes = new Map<string, Order>()
  return {
    length,
    at(i) {
      const place = interleaving.at(i)
      const s = ends.findIndex((end) => place < end)
      const { start, length: rows } = sources[s]
      // The draw's number among all that this source gives, from the first epoch on.
      const ordinal = epoch * quotas[s] + place - (ends[s] - quotas[s])
      const pass = Math.floor(ordinal / rows)
      const key = `${s}:${pass}`
      const order = passes.get(key) ?? shuffled(rows, seed, 'shuffle', pass, s)
      passes.set(key, order)
      return start + order.at(ordinal % rows)
    },
  }
}

/** Whole numbers in proportion to the weights, with this sum (largest remainder; ties go to the first). */
export function apportion(total: number, weights: readonly number[]): number[] {
  const sum = weights.reduce((a, b) => a + b, 0)
  const exact = weights.map((weight) => (total * weight) / sum)
  const quotas = exact.map(Math.floor)
  const byRemainder = exact.map((_, s) => s).sort((s, t) => exact[t] - quotas[t] - (exact[s] - quotas[s]) || s - t)
  const left = total - quotas.reduce((a, b) => a + b, 0)
  for (const s of byRemainder.slice(0, left)) quotas[s]++
  return quotas
}
