import { expect, test } from 'vitest'
import { recipeSuite } from '../../test/recipe-suite.ts'
import type { StageOptions } from '../proofs/index.ts'
import recipe, { divide } from './balance-budget.ts'

recipeSuite('balance-budget')

test('a budget is divided by its ratio, and by what a demonstration costs', () => {
  expect(divide(1000, 0.25)).toEqual({ demonstrations: 250, pairs: 750 })
  expect(divide(1000, 0.5, 2)).toEqual({ demonstrations: 250, pairs: 500 })
  expect(divide(100, 1)).toEqual({ demonstrations: 100, pairs: 0 })
})

/** The stages that the program asks for, without running them. */
async function stages(settings: object) {
  const asked: Record<string, unknown>[] = []
  const train = async (objective: string, { stage, model, limit }: StageOptions<'sft'>) => {
    asked.push({ objective, stage, model, limit })
    return stage ?? 'result'
  }
  const work = {
    model: 'base',
    data: { demonstrations: 'd', pairs: 'p' },
    merge: async () => '',
    online: async () => '',
    train: train as never,
  }
  return { asked, out: await recipe.run({ ...work, settings: recipe.settings.parse(settings) as never }) }
}

test('both parts in order, the second from the first', async () => {
  const { asked, out } = await stages({ budget: 1000, ratio: 0.1 })
  expect(asked).toEqual([
    { objective: 'sft', stage: 'demonstrations', model: 'base', limit: 100 },
    { objective: 'dpo', stage: undefined, model: 'demonstrations', limit: 900 },
  ])
  expect(out).toBe('result')
})

test('ratio 1 is supervised tuning alone; at ratio 0 the reference is the base', async () => {
  expect((await stages({ budget: 10, ratio: 1 })).asked).toEqual([
    { objective: 'sft', stage: undefined, model: 'base', limit: 10 },
  ])
  expect((await stages({ budget: 10, ratio: 0 })).asked).toEqual([
    { objective: 'dpo', stage: undefined, model: 'base', limit: 10 },
  ])
  await expect(stages({ ratio: 0 })).rejects.toThrow(/no budget/)
})
