import { expect, test } from 'vitest'
import { recipeSuite } from '../../test/recipe-suite.ts'
import { cut, longConfig } from './longpo.ts'

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
