import { expect, test } from 'vitest'
import { draws, many } from './draw.ts'
import { drawPlace, drawTree, leadOf, leafFeatures, leafLogprobs } from './trees.ts'

const trees = many(20, draws(3, 'trees'), (draw) => drawTree(draw, 14, 0.001))

test('leaves are a distribution whose largest is the mode that was asked for, with the lead that is said', () => {
  for (const tree of trees) {
    const chances = [...leafLogprobs(tree)].map(Math.exp)
    expect(chances).toHaveLength(14 ** 3)
    expect(chances.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 10)
    const [first, second] = [...chances].sort((a, b) => b - a)
    expect(first).toBeCloseTo(0.001, 12)
    expect(first / second).toBeCloseTo(leadOf(tree), 10)
    expect(leadOf(tree)).toBeGreaterThan(1.1)
  }
})

test('log-probs are linear in the features', () => {
  const { branches } = trees[0]
  const features = leafFeatures(14)
  const weights = branches.map(Math.log)
  for (const [leaf, logprob] of leafLogprobs(trees[0]).entries()) {
    const product = weights.reduce((sum, weight, k) => sum + weight * features[leaf * weights.length + k], 0)
    expect(product).toBeCloseTo(logprob, 10)
  }
})

test('places are drawn as often as they are likely', () => {
  const found = many(4000, draws(1, 'places'), (draw) => drawPlace(draw, [0.2, 0, 0.5, 0.3]))
  const shares = [0, 1, 2, 3].map((place) => found.filter((one) => one === place).length / found.length)
  for (const [i, share] of [0.2, 0, 0.5, 0.3].entries()) expect(Math.abs(shares[i] - share)).toBeLessThan(0.03)
})
