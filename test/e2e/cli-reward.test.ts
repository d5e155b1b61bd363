/** Reward models from the command line: trained, read again, alone and together. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { hone, useFixture } from './cli-fixture.ts'

const { at, document } = useFixture()

const trainOn = (data: string, out: string, ...more: string[]) =>
  document(['train', 'reward', '--model', 'model', '--data', data, '--out', out, 'learningRate=1e-2', ...more])

test('trained on pairs it puts them in order; two are an ensemble', async () => {
  await Promise.all([
    trainOn('pairs.jsonl', 'one', 'epochs=20', 'batchSize=6'),
    trainOn('pairs.jsonl', 'two', 'steps=2', 'adapter=lora', 'rank=2', '--seed', '5'),
  ])
  const line = ['score', '--data', 'pairs.jsonl', '--reward', 'one']
  const [alone, worst] = await Promise.all([
    document([...line, '--plot', 'reliability.svg']),
    document([...line, '--reward', 'two', 'ensemble=worst']),
  ])
  expect(alone.models).toEqual(['one'])
  expect(alone.rows).toHaveLength(12)
  expect(alone.rows[0].answers).toEqual([
    { name: 'chosen', score: expect.any(Number), scores: [expect.any(Number)], tokens: expect.any(Number) },
    { name: 'rejected', score: expect.any(Number), scores: [expect.any(Number)], tokens: expect.any(Number) },
  ])
  const { pairs, calibration, length } = alone.metrics
  expect(pairs.n).toBe(12)
  expect(pairs.value).toBeGreaterThan(0.9)
  expect(calibration.ece).toBeLessThan(1)
  expect(length.longer?.n ?? 0).toBe(12 - (length.not_longer?.n ?? 0))
  expect(readFileSync(at.path('reliability.svg'), 'utf8')).toMatch(/^<svg/)
  expect(worst).toMatchObject({ models: ['one', 'two'], ensemble: 'worst' })
  for (const [i, { answers }] of worst.rows.entries()) {
    for (const [j, { score, scores }] of answers.entries()) {
      expect(score).toBe(Math.min(...scores))
      expect(scores[0]).toBe(alone.rows[i].answers[j].score)
    }
  }
})

test('what is no reward model is refused, and so is a call without any model', async () => {
  const refused = await hone(['score', '--data', 'pairs.jsonl', '--reward', 'model'], { cwd: at.folder })
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringMatching(/no scalar head.*\n.*hone train reward/)])
  const nothing = await hone(['score', '--data', 'pairs.jsonl'], { cwd: at.folder })
  expect([nothing.code, nothing.stderr]).toEqual([2, expect.stringContaining('needs --model, or --reward')])
})
