import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { resolveModel, shippedModels } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'hone-open-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('a name is a folder, a shipped model, or refused with what could be given', async () => {
  expect(await resolveModel(folder)).toBe(folder)
  for (const name of shippedModels) expect(await resolveModel(name)).toMatch(new RegExp(`models/${name}$`))
  await expect(resolveModel('./nowhere')).rejects.toMatchObject({
    code: 'E_NOT_FOUND',
    help: expect.stringMatching(/tiny/),
  })
  writeFileSync(join(folder, 'file'), '')
  await expect(resolveModel(join(folder, 'file'))).rejects.toThrow(/is a file; a model is a folder/)
})

test('the folder of a run that has not ended says so', async () => {
  const out = join(folder, 'out')
  mkdirSync(join(out, 'run'), { recursive: true })
  writeFileSync(join(out, 'run', 'config.json'), '{}')
  await expect(resolveModel(out)).rejects.toMatchObject({
    code: 'E_UNFINISHED',
    help: expect.stringMatching(/--resume/),
  })
  writeFileSync(join(out, 'config.json'), '{}')
  expect(await resolveModel(out)).toBe(out)
})
