import { expect, test } from 'vitest'
import { recipeSuite } from '../../test/recipe-suite.ts'
import type { Demonstration } from './demonstrations.ts'
import { inHalves } from './sftmix.ts'

recipeSuite('sftmix')

test('the surer half is labelled true; the middle one of an odd number and rows without a confidence are left out', () => {
  const rows = Array.from({ length: 6 }, (_, i) => ({ given: { prompt: `${i}` } })) as unknown as Demonstration[]
  expect(inHalves(rows, [-3, -1, null, -2, -5, -4])).toEqual([
    { prompt: '1', label: true },
    { prompt: '3', label: true },
    { prompt: '4', label: false },
    { prompt: '5', label: false },
  ])
})
