import { expect, test } from 'vitest'
import { trainSettings } from './settings.ts'

test("a recipe's defaults replace those of the objective, and nothing else", () => {
  const plain = trainSettings('ln-dpo').parse({})
  const paper = trainSettings('ln-dpo', { beta: 3, epochs: 2 }).parse({})
  expect(paper).toEqual({ ...plain, beta: 3, epochs: 2 })
  expect(plain.beta).not.toBe(3)
  expect(trainSettings('ln-dpo', { beta: 3 }).parse({ beta: 4 }).beta).toBe(4)
})

test('what the training refuses, the recipe refuses', () => {
  const settings = trainSettings('rdpo', { epsilon: 0.2 })
  expect(() => settings.parse({ epsilon: 0.5 })).toThrow()
  expect(() => settings.parse({ gamma: 1 })).toThrow()
  expect(settings.shape['epsilon'].description).toBe(trainSettings('rdpo').shape['epsilon'].description)
})
