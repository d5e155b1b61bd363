import { expect, test } from 'vitest'
import { expectedReward, logSoftmax, trainTable } from './tabular.ts'

const pairs = [
  { prompt: 0, better: 0, worse: 1, count: 3 },
  { prompt: 1, better: 2, worse: 0, count: 1 },
]
const world = { prompts: 2, answers: 3, pairs, learningRate: 0.05 }

test('rows of log-probs are normalised, far logits too', () => {
  const logprobs = logSoftmax(Float64Array.from([0, 0, 1000, -1000, 1, 1]), 3)
  for (const from of [0, 3]) {
    const sum = logprobs.subarray(from, from + 3).reduce((total, x) => total + Math.exp(x), 0)
    expect(sum).toBeCloseTo(1, 12)
  }
})

test('the gradient is that of the loss: a step down it lowers the loss of DPO by its square', async () => {
  // Two answers and one pair: loss −log σ(β · (z0 − z1)), by hand.
  const one = { prompts: 1, answers: 2, pairs: [{ prompt: 0, better: 0, worse: 1, count: 1 }], params: { beta: 2 } }
  const seen: number[] = []
  await trainTable('dpo', { ...one, learningRate: 0.01, steps: 1, onStep: (_, z) => seen.push(...z) })
  // Adam's first step is the sign of the gradient.
  expect(seen[0]).toBeCloseTo(0.01, 6)
  expect(seen[1]).toBeCloseTo(-0.01, 6)
})

test('DPO finds the margin that the counts say: log(3) / β at odds of 3 to 1', async () => {
  const both = [
    { prompt: 0, better: 0, worse: 1, count: 3 },
    { prompt: 0, better: 1, worse: 0, count: 1 },
  ]
  const logits = await trainTable('dpo', {
    ...world,
    prompts: 1,
    answers: 2,
    pairs: both,
    params: { beta: 0.5 },
    steps: 600,
  })
  expect(logits[0] - logits[1]).toBeCloseTo(Math.log(3) / 0.5, 2)
})

test('reward is expected over the policy', () => {
  expect(expectedReward(Float64Array.from([0, 0, 0, 0]), Float64Array.from([1, 0, 3, 0]), 2)).toBeCloseTo(1, 12)
})

test('the same run has the same bits, and untouched answers of untouched prompts stay', async () => {
  const run = () => trainTable('dpo', { ...world, prompts: 3, steps: 5 })
  const logits = await run()
  expect(await run()).toEqual(logits)
  expect([...logits.subarray(6)]).toEqual([0, 0, 0])
})
