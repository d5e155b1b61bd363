/**
 * Counter-based random numbers: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
 * No hidden state: a draw is a function of its key and its coordinates, so it has the same bits wherever it is made.
 * The native kernels hold the same generator; `random.test.ts` pins both to the published test vectors.
 */

const M0 = 0xd2511f53
const M1 = 0xcd9e8d57
const W0 = 0x9e3779b9
const W1 = 0xbb67ae85

function mulHigh(a: number, b: number): number {
  const aLow = a & 0xffff
  const aHigh = a >>> 16
  const bLow = b & 0xffff
  const bHigh = b >>> 16
  const low = aLow * bLow
  const middle = aHigh * bLow + (low >>> 16)
  const middle2 = aLow * bHigh + (middle & 0xffff)
  return (aHigh * bHigh + (middle >>> 16) + (middle2 >>> 16)) >>> 0
}

/** Ten rounds on a counter of four 32-bit words with a key of two; returns four 32-bit words. */
export function philox(
  key: readonly [number, number],
  counter: readonly [number, number, number, number],
): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter
  let [k0, k1] = key
  for (let round = 0; round < 10; round++) {
    const high0 = mulHigh(M0, c0)
    const low0 = Math.imul(M0, c0) >>> 0
    const high1 = mulHigh(M1, c2)
    const low1 = Math.imul(M1, c2) >>> 0
    c0 = (high1 ^ c1 ^ k0) >>> 0
    c1 = low1
    c2 = (high0 ^ c3 ^ k1) >>> 0
    c3 = low0
    k0 = (k0 + W0) >>> 0
    k1 = (k1 + W1) >>> 0
  }
  return [c0 >>> 0, c1 >>> 0, c2 >>> 0, c3 >>> 0]
}

/** 32-bit FNV-1a of a string: names a stream of random numbers. */
export function streamId(name: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** A named family of independent draws: `random(seed, 'shuffle').unit(epoch, i)`. */
export interface Random {
  /** Four 32-bit words at these coordinates (at most three). */
  words(a?: number, b?: number, c?: number): [number, number, number, number]
  /** Uniform in [0, 1), 53 bits. */
  unit(a?: number, b?: number, c?: number): number
  /** Uniform integer in [0, n). */
  below(n: number, a?: number, b?: number, c?: number): number
  /** Standard normal (Box–Muller). */
  normal(a?: number, b?: number, c?: number): number
  /** A permutation of 0 … n−1 (Fisher–Yates), one for each (a, b). */
  permutation(n: number, a?: number, b?: number): Uint32Array
}

/** @param seed any integer below 2^53; both halves of it enter the key. */
export function random(seed: number, stream: string): Random {
  const id = streamId(stream)
  const key = [seed >>> 0, (Math.floor(seed / 2 ** 32) ^ id) >>> 0] as const
  const words = (a = 0, b = 0, c = 0) => philox(key, [a >>> 0, b >>> 0, c >>> 0, id])
  const unit = (a?: number, b?: number, c?: number) => {
    const [x, y] = words(a, b, c)
    return ((x >>> 5) * 67108864 + (y >>> 6)) / 9007199254740992
  }
  const below = (n: number, a?: number, b?: number, c?: number) => Math.floor(unit(a, b, c) * n)
  const normal = (a?: number, b?: number, c?: number) => {
    const [x, y] = words(a, b, c)
    return Math.sqrt(-2 * Math.log((x + 1) / 4294967297)) * Math.cos((2 * Math.PI * y) / 4294967296)
  }
  const permutation = (n: number, a = 0, b = 0) => {
    const order = Uint32Array.from({ length: n }, (_, i) => i)
    for (let i = n - 1; i > 0; i--) {
      const j = below(i + 1, a, b, i)
      const held = order[i]
      order[i] = order[j]
      order[j] = held
    }
    return order
  }
  return { words, unit, below, normal, permutation }
}
