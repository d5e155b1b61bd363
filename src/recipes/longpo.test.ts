import { expect, test } from 'vitest'
import { recipeSuite } from '../../test/recipe-suite.ts'
import type { StageOptions } from '../proofs/index.ts'
import recipe, { cut, longConfig } from './longpo.ts'

recipeSuite('longpo')

test('a document is cut into chunks, of which the last may be shorter', () => {
  expect(cut([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]])
  expect(cut([1, 2], 4)).toEqual([[1, 2]])
  expect(cut([], 4)).toEqual([])
})

test('the rotary base is raised where the config keeps it', () => {
  expect(longConfig({ rope_theta: 1e4 }, 64, 1e6)).toEqual({ rope_theta: 1e6, max_position_embeddings: 64 })
  const nested = { rope_parameters: { rope_type: 'default', rope_theta: 1e4 } }
  expect(longConfig(nested, 64, 1e6)).toEqual({
    rope_parameters: { rope_type: 'default', rope_theta: 1e6 },
    max_position_embeddings: 64,
  })
})

test('each round doubles the context; the reference stays the first model, and its prompt holds one chunk', async () => {
  const asked: Record<string, unknown>[] = []
  const seen: Record<string, string>[] = []
  const merge = async ({ model, stage, config }: { model: string; stage?: string; config?: object }) => {
    asked.push({ model, stage, config })
    return 'tiny'
  }
  const train = async (_: string, { stage, model, reference, data }: StageOptions<'longpo'>) => {
    asked.push({ stage, model, reference })
    for (const row of data as unknown as Record<string, { content: string }[]>[]) {
      seen.push(
        Object.fromEntries(
          Object.entries(row).map(([key, turns]) => [key, turns.map(({ content }) => content).join()]),
        ),
      )
    }
    return 'tiny'
  }
  const text = Array.from({ length: 300 }, (_, i) => `w${i}`).join(' ')
  const sizes = { rounds: 2, context: 256, room: 64, chunkTokens: 20, questionTokens: 8, answerTokens: 8 }
  const settings = recipe.settings.parse({ ...sizes, ropeTheta: 1e6 }) as never
  const data = { documents: [{ text }] as never }
  expect(
    await recipe.run({ model: 'tiny', data, settings, merge, train: train as never, online: async () => '' }),
  ).toBe('tiny')
  const config = (context: number) => ({ rope_theta: 1e6, max_position_embeddings: context })
  expect(asked).toEqual([
    { model: 'tiny', stage: 'context-128', config: config(128) },
    { stage: 'round-1', model: 'tiny', reference: 'tiny' },
    { model: 'tiny', stage: 'context-256', config: config(256) },
    { stage: undefined, model: 'tiny', reference: 'tiny' },
  ])
  expect(seen.length).toBeGreaterThan(0)
  for (const { prompt, short_prompt: short, chosen, rejected } of seen) {
    const [chunk, question] = short.split('\n\n')
    expect(prompt).toContain(chunk)
    expect(prompt).toContain(question)
    expect(chunk.length).toBeLessThan(prompt.length / 2)
    expect(Math.min(chosen.length, rejected.length)).toBeGreaterThan(0)
  }
})
