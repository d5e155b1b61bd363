import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { loadRecipe, recipeIds, recipeOf } from './table.ts'

test('what is not built is refused with what is', async () => {
  expect(await loadRecipe('lumina-mgpt')).toBeNull()
  expect(await loadRecipe('toString')).toBeNull()
  await expect(recipeOf('ln-dop')).rejects.toThrow(/no recipe 'ln-dop'/)
})

test.each(recipeIds)('%s stands in its own file, with a test beside it', async (id) => {
  expect((await recipeOf(id)).id).toBe(id)
  for (const ending of ['ts', 'test.ts']) expect(existsSync(new URL(`./${id}.${ending}`, import.meta.url))).toBe(true)
})
