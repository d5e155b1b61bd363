import { expect, test } from 'vitest'
import { recipeOf } from '../recipes/index.ts'
import { bare, definitionHash } from './definition.ts'

test('comments and spacing do not count, code does', () => {
  const code = "/** Said. */\nconst a = 1 // said\nconst link = 'https://b'\n"
  expect(bare(code)).toBe("const a = 1 const link = 'https://b'")
  expect(bare(code.replace('said', 'other').replace('Said', 'Other'))).toBe(bare(code))
  expect(bare(code.replace('1', '2'))).not.toBe(bare(code))
})

test('a verdict depends on its recipe and its objectives', async () => {
  const [rdpo, lnDpo] = [await recipeOf('rdpo'), await recipeOf('ln-dpo')]
  const hash = await definitionHash(rdpo)
  expect(await definitionHash(rdpo)).toBe(hash)
  expect(await definitionHash(lnDpo)).not.toBe(hash)
  const fewer = { id: 'rdpo', proof: { ...rdpo.proof, objectives: ['rdpo' as const] } }
  expect(await definitionHash(fewer)).not.toBe(hash)
  expect(await definitionHash({ ...rdpo, id: 'made-up' })).toBeNull()
})
