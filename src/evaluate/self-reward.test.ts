import { expect, test } from 'vitest'
import { openModel } from '../engine/index.ts'
import type { Answer } from '../rewards/index.ts'
import { promptTokens } from './prompt.ts'
import { logprobGrader } from './self-reward.ts'

const answer = (text: string, tokens: number[] = [5], finish: Answer['finish'] = 'eos'): Answer => ({
  ...{ text, tokens, finish },
})

test('an answer is worth the log-prob that the sampler gave it, also when it was drawn at another temperature', async () => {
  await using open = await openModel('tiny')
  const prompt = 'Once'
  const tokens = promptTokens(open, { prompt })
  const drawn = []
  const hot = { n: 6, maxTokens: 5, temperature: 1.5, topK: 20, seed: 3 }
  for await (const one of open.engine.sample([{ tokens }], hot)) drawn.push(one)
  const answers = drawn.map((one) => ({ ...one, finish: 'eos' as const })).filter(({ text }) => text.trim() !== '')
  expect(answers.length).toBeGreaterThan(2)
  const asked = [{ prompt, row: null, answers }]
  const [sums] = await logprobGrader(open).grade(asked)
  const [means] = await logprobGrader(open, 'mean-logprob').grade(asked)
  for (const [i, { logprobs }] of answers.entries()) {
    const sum = logprobs.reduce((a, b) => a + b, 0)
    expect(sums[i]).toBeCloseTo(sum, 4)
    expect(means[i]).toBeCloseTo(sum / logprobs.length, 4)
  }
})

test('votes are counted by what answers say; empty and cut-off ones rank below all others, however likely', async () => {
  await using open = await openModel('tiny')
  const answers = [answer('red'), answer('blue'), answer(' red\n'), answer(''), answer('blu', [5], 'length')]
  const asked = [{ prompt: 'Say', row: null, answers }]
  expect(await logprobGrader(open, 'votes').grade(asked)).toEqual([[2, 1, 2, 0, 0]])
  const [scores] = await logprobGrader(open).grade(asked)
  expect(scores[3]).toBe(Math.min(...scores.slice(0, 3)) - 1)
  expect(scores[4]).toBe(scores[3])
})
