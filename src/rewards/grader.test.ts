import { describe, expect, test } from 'vitest'
import type { Completion } from '../generate/index.ts'
import { bestOf } from './best-of.ts'
import { functionGrader } from './grader.ts'

const completion = (prompt: number, sample: number, text: string): Completion => ({
  ...{ prompt, sample, text, tokens: [1], promptTokens: [1], logprobs: [0], sampledLogprobs: [0] },
  finish: 'eos',
  weightsVersion: 0,
})
const asked = ['a?', 'b?'].map((prompt) => ({ prompt, row: { prompt, wanted: prompt[0] } }))
const completions = [[completion(0, 0, 'b'), completion(0, 1, 'aa'), completion(0, 2, 'aa')], [completion(1, 0, 'b')]]

describe('best of n', () => {
  test('is the one of the highest score; of equals the first; the row goes with the prompt', async () => {
    const grader = functionGrader(
      'wanted',
      (_, answer, row) => answer.split((row as { wanted: string }).wanted).length - 1,
    )
    const chosen = await bestOf(asked, completions, grader)
    expect(chosen.map(({ best, scores }) => [best, scores])).toEqual([
      [1, [0, 2, 2]],
      [0, [1]],
    ])
  })

  test.each([
    [
      'throws',
      () => {
        throw new Error('boom')
      },
      'E_REWARD',
      /boom/,
    ],
    ['gives a text', () => 'x' as unknown as number, 'E_SCORE', /x/],
    ['gives infinity', async () => Number.POSITIVE_INFINITY, 'E_SCORE', /Infinity/],
  ] as const)('a reward that %s is named', async (_, reward, code, message) => {
    const failing = bestOf(asked, completions, functionGrader('./own.ts', reward))
    await expect(failing).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
    await expect(failing).rejects.toMatchObject({ message: expect.stringContaining('./own.ts') })
  })
})

test('an abort stops between prompts', async () => {
  const controller = new AbortController()
  const grader = functionGrader('stopping', () => {
    controller.abort()
    return 1
  })
  const answered = asked.map((one, i) => ({ ...one, answers: completions[i] }))
  await expect(grader.grade(answered, { signal: controller.signal })).rejects.toMatchObject({ code: 'E_ABORTED' })
})
