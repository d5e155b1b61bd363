import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'hone-examples-'))
afterAll(() => rmSync(folder, { recursive: true }))

const run = async (name: string, ...args: string[]) => {
  const command = ['--disable-warning=ExperimentalWarning', '--conditions=source', join('examples', name), ...args]
  return (await promisify(execFile)(process.execPath, command, { cwd: root })).stdout
}

test('the loop to read first is short, and its loss falls', async () => {
  expect(readFileSync(join(root, 'examples/sft-loop.ts'), 'utf8').split('\n').length).toBeLessThanOrEqual(170)
  const said = await run('sft-loop.ts', '--steps', '20')
  const losses = [...said.matchAll(/loss ([\d.]+)/g)].map(([, loss]) => Number(loss))
  expect(losses).toHaveLength(2)
  expect(losses[1]).toBeLessThan(losses[0])
  expect(said).toMatch(/→ .*log-prob -/)
})

test('the speedrun goes from nothing to an answer', async () => {
  const said = await run('speedrun.ts', '--scale', '0.001', '--out', join(folder, 'speedrun'))
  expect(said).toMatch(/sft: loss [\d.]+ after \d+ updates/)
  expect(said).toMatch(/dpo: loss [\d.]+ after \d+ updates/)
  expect(said).toMatch(/tiny-style: \d+ %/)
})
