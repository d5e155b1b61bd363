import type { Draw } from './draw.ts'

/**
 * Answers of three choices, one after another, each among the same branches. The likeliest answer takes the likeliest branch three
 * times, and what is known of a branch holds for all answers that take it, wherever they do.
 */
export interface Tree {
  /** [branches] probabilities, at every choice. */
  branches: readonly number[]
}

const depth = 3

/** A tree whose likeliest answer has this probability; the other branches are about alike. */
export function drawTree(draw: Draw, count: number, mode: number): Tree {
  const top = mode ** (1 / depth)
  const weights = Array.from({ length: count }, () => 600 + draw.below(200))
  const best = draw.below(count)
  const rest = weights.reduce((sum, weight, i) => (i === best ? sum : sum + weight), 0)
  return { branches: weights.map((weight, i) => (i === best ? top : ((1 - top) * weight) / rest)) }
}

/** The branches that lead to a leaf. */
const pathOf = (count: number, leaf: number) =>
  Array.from({ length: depth }, (_, level) => Math.floor(leaf / count ** level) % count)

/** [branches³] */
export const leafLogprobs = ({ branches }: Tree): Float64Array =>
  Float64Array.from({ length: branches.length ** depth }, (_, leaf) =>
    pathOf(branches.length, leaf).reduce((sum, branch) => sum + Math.log(branches[branch]), 0),
  )

/** [branches³, branches] how often a leaf takes each branch: log-probs of any tree are linear in it. */
export function leafFeatures(count: number): Float64Array {
  const features = new Float64Array(count ** depth * count)
  for (let leaf = 0; leaf < count ** depth; leaf++) {
    for (const branch of pathOf(count, leaf)) features[leaf * count + branch]++
  }
  return features
}

/** By how many times the likeliest leaf is as likely as the next one. */
export function leadOf({ branches }: Tree): number {
  const [first, second] = [...branches].sort((a, b) => b - a)
  return first / second
}

/** The place of a draw from a distribution. */
export function drawPlace(draw: Draw, probabilities: ArrayLike<number>): number {
  const fine = 2 ** 30
  let left = draw.below(fine) / fine
  for (let i = 0; i < probabilities.length; i++) {
    left -= probabilities[i]
    if (left < 0) return i
  }
  return probabilities.length - 1
}
