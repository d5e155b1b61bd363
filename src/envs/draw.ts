import { type Random, random } from '../base/index.ts'

/** The draws of one item, in order: a cursor over one coordinate of a counter-based stream. */
export interface Draw {
  /** Uniform integer in [0, n). */
  below(n: number): number
  chance(probability: number): boolean
  pick<T>(from: readonly T[]): T
  /** `count` different members, in random order. */
  some<T>(from: readonly T[], count: number): T[]
}

/** Every index of a stream has its own draws, whatever was drawn for other indices. */
export function draws(seed: number, stream: string): (index: number) => Draw {
  const source = random(seed, stream)
  return (index) => drawAt(source, index)
}

/** `count` items, each made with draws of its own. */
export const many = <T>(count: number, stream: (index: number) => Draw, make: (draw: Draw) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(stream(i)))

/** The draws at `index` of an existing stream. */
export function drawAt(source: Random, index: number): Draw {
  let at = 0
  const below = (n: number) => source.below(n, index, at++)
  const pick = <T>(from: readonly T[]) => from[below(from.length)]
  const some = <T>(from: readonly T[], count: number) => {
    const taken = new Set<T>()
    const limit = Math.min(count, from.length)
    while (taken.size < limit) taken.add(pick(from))
    return [...taken]
  }
  return { below, chance: (probability) => source.unit(index, at++) < probability, pick, some }
}
