import type { Draw } from './draw.ts'

/**
 * Answers of three choices, one after another, each among some branches. What is likeliest at every choice is the likeliest answer,
 * and what is known of a branch holds for all answers that take it.
 */
export interface Tree {
  branches: number
  /** [depth][branches] probabilities. */
  levels: readonly (readonly number[])[]
}

const depth = 3

/** A tree whose likeliest answer has this probability; the other branches of each choice are about alike. */
export function drawTree(draw: Draw, branches: number, mode: number): Tree {
  const top = mode ** (1 / depth)
  const levels = Array.from({ length: depth }, () => {
    const weights = Array.from({ length: branches }, () => 600 + draw.below(200))
    const best = draw.below(branches)
    const rest = weights.reduce((sum, weight, i) => (i === best ? sum : sum + weight), 0)
    return weights.map((weight, i) => (i === best ? top : ((1 - top) * weight) / rest))
  })
  return { branches, levels }
}

/** The branch that each level takes to a leaf. */
const pathOf = (branches: number, leaf: number) =>
  Array.from({ length: depth }, (_, level) => Math.floor(leaf / branches ** (depth - 1 - level)) % branches)

/** [branches³] */
export const leafLogprobs = ({ branches, levels }: Tree): Float64Array =>
  Float64Array.from({ length: branches ** depth }, (_, leaf) =>
    pathOf(branches, leaf).reduce((sum, branch, level) => sum + Math.log(levels[level][branch]), 0),
  )

/** [branches³, 3 · branches] a one for each branch that a leaf takes: log-probs of any tree are linear in them. */
export function leafFeatures(branches: number): Float64Array {
  const width = depth * branches
  const features = new Float64Array(branches ** depth * width)
  for (let leaf = 0; leaf < branches ** depth; leaf++) {
    for (const [level, branch] of pathOf(branches, leaf).entries())
      features[leaf * width + level * branches + branch] = 1
  }
  return features
}

/** By how many times the likeliest leaf is as likely as the next one. */
export function leadOf({ levels }: Tree): number {
  const leads = levels.map((level) => {
    const [first, second] = [...level].sort((a, b) => b - a)
    return first / second
  })
  return Math.min(...leads)
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
