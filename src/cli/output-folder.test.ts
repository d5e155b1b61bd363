import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { platform } from '../base/index.ts'
import { writeFolder } from './output-folder.ts'

let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'hone-out-'))
})
afterEach(() => rmSync(root, { recursive: true }))

const model = (content: string) => (folder: string) => platform().writeAtomic(join(folder, 'config.json'), content)
const folderWith = (...names: string[]) => {
  const out = join(root, 'out')
  mkdirSync(out)
  for (const name of names) {
    if (name === 'run') mkdirSync(join(out, name))
    else writeFileSync(join(out, name), 'before')
  }
  return out
}

test('a folder appears whole, below folders that were not there and in one that was empty', async () => {
  const deep = join(root, 'a/b/out')
  await writeFolder(deep, { overwrite: false }, model('1'))
  await writeFolder(folderWith(), { overwrite: false }, model('2'))
  expect(readFileSync(join(deep, 'config.json'), 'utf8')).toBe('1')
  expect(readdirSync(root)).toEqual(['a', 'out'])
  expect(readdirSync(join(root, 'out'))).toEqual(['config.json'])
})

test('a failure leaves nothing of the new and all of the old', async () => {
  const out = folderWith('config.json', 'weights')
  const fail = async (folder: string) => {
    await model('half')(folder)
    throw new Error('no more')
  }
  await expect(writeFolder(out, { overwrite: true }, fail)).rejects.toThrow('no more')
  await expect(writeFolder(join(root, 'other'), { overwrite: false }, fail)).rejects.toThrow('no more')
  expect(readdirSync(root)).toEqual(['out'])
  expect(readdirSync(out)).toEqual(['config.json', 'weights'])
})

test('with overwrite nothing of the old is left', async () => {
  const out = folderWith('config.json', 'model-00001-of-00002.safetensors')
  await writeFolder(out, { overwrite: true }, model('new'))
  expect(readdirSync(out)).toEqual(['config.json'])
  expect(readdirSync(root)).toEqual(['out'])
})

test.each<[string, string[], boolean]>([
  ['what is there, unless asked', ['config.json'], false],
  ['a folder that is no model', ['thesis.txt'], true],
  ['the folder of a run', ['config.json', 'run'], true],
])('%s is not replaced', async (_, names, overwrite) => {
  const out = folderWith(...names)
  await expect(writeFolder(out, { overwrite }, model('new'))).rejects.toMatchObject({ code: 'E_EXISTS' })
  expect(readdirSync(out)).toEqual(names)
})

test('a file in its place is refused', async () => {
  const out = join(root, 'out')
  writeFileSync(out, 'a file')
  await expect(writeFolder(out, { overwrite: true }, model('new'))).rejects.toMatchObject({ code: 'E_EXISTS' })
  expect(existsSync(out)).toBe(true)
})
