import type { Draw } from './draw.ts'

/**
 * Strings of a small probabilistic grammar: pairs of letters in each other around a core, `abxBA`. How deep they
 * go, and which kinds and cores are common, depends on the class that the prompt names. The strings of a class are few
 * enough to list, so that how far a model's distribution is from the true one can be said exactly.
 *
 *     S → o S c   with the class's probability of a kind, while fewer than `deepest` are open
 *     S → core
 */
export interface StringClass {
  name: string
  /** The probability of a further pair of brackets. */
  nest: number
  /** Of each kind of brackets, in the order of `brackets`. */
  kinds: readonly number[]
  /** Of each core. */
  cores: readonly number[]
}

const brackets = ['aA', 'bB', 'cC', 'dD', 'eE', 'fF'] as const
const cores = ['x', 'y', 'z'] as const
export const deepest = 4

export const stringClasses: readonly StringClass[] = [
  { name: 'p', nest: 0.8, kinds: [0.3, 0.2, 0.2, 0.1, 0.1, 0.1], cores: [0.6, 0.3, 0.1] },
  { name: 'q', nest: 0.7, kinds: [0.1, 0.1, 0.1, 0.2, 0.2, 0.3], cores: [0.2, 0.2, 0.6] },
  { name: 'r', nest: 0.9, kinds: [0.1, 0.1, 0.3, 0.3, 0.1, 0.1], cores: [0.1, 0.8, 0.1] },
  { name: 's', nest: 0.6, kinds: [0.15, 0.15, 0.15, 0.15, 0.2, 0.2], cores: [0.4, 0.3, 0.3] },
]

export const promptOf = ({ name }: StringClass): string => `${name}:`

/** A string of a class, as often as its probability says. */
export function drawString(draw: Draw, { nest, kinds, cores: likes }: StringClass, depth = 0): string {
  if (depth === deepest || !draw.chance(nest)) return weighted(draw, cores, likes)
  const [open, close] = weighted(draw, brackets, kinds)
  return open + drawString(draw, { name: '', nest, kinds, cores: likes }, depth + 1) + close
}

/** Every string of a class with its probability; of all classes the same strings. */
export function stringsOf({ nest, kinds, cores: likes }: StringClass): { text: string; probability: number }[] {
  const all: { text: string; probability: number }[] = []
  const inside = (before: string, after: string, probability: number, depth: number) => {
    const stops = probability * (depth === deepest ? 1 : 1 - nest)
    for (const [i, core] of cores.entries()) all.push({ text: before + core + after, probability: stops * likes[i] })
    if (depth === deepest) return
    for (const [i, [open, close]] of brackets.entries()) {
      inside(before + open, close + after, probability * nest * kinds[i], depth + 1)
    }
  }
  inside('', '', 1, 0)
  return all
}

/** Whether a string is one of the grammar. */
export function isGrammatical(text: string): boolean {
  if ((cores as readonly string[]).includes(text)) return true
  return brackets.some(([open, close]) => text.startsWith(open) && text.endsWith(close)) && text.length >= 3
    ? depthOf(text) <= deepest && isGrammatical(text.slice(1, -1))
    : false
}

const depthOf = (text: string) => (text.length - 1) / 2

function weighted<T>(draw: Draw, from: readonly T[], weights: readonly number[]): T {
  const unit = draw.below(2 ** 30) / 2 ** 30
  let sum = 0
  return from[weights.findIndex((weight) => unit < (sum += weight))] ?? from[from.length - 1]
}
