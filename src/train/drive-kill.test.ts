import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { random } from '../base/index.ts'

const program = join(import.meta.dirname, '../../test/drive-fake.ts')
let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'hone-kill-'))
})
afterEach(() => rmSync(root, { recursive: true }))

/** Runs the program to its end, or kills it a while after it began; returns its exit code, null when killed. */
async function launch(out: string, killAfterMs?: number): Promise<number | null> {
  const child = spawn(process.execPath, [program, out], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  await Promise.race([once(child.stdout, 'data'), ended])
  const timer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfterMs)
  const [code] = await ended
  clearTimeout(timer)
  return code
}

const filesOf = (out: string) =>
  Object.fromEntries(
    readdirSync(out, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => {
        const path = join(entry.parentPath, entry.name)
        const text = readFileSync(path, 'latin1').replace(
          /"(time|seconds|tokensPerSecond|created)":\s*("[^"]*"|[\d.e+-]+)/g,
          '',
        )
        return [path.slice(out.length + 1), text]
      }),
  )

test('killed at random moments on a real disk and resumed, a run ends like an unbroken one', async () => {
  const whole = join(root, 'whole')
  const began = performance.now()
  expect(await launch(whole)).toBe(0)
  const duration = performance.now() - began
  const broken = join(root, 'broken')
  const draw = random(11, 'kill')
  let kills = 0
  for (let i = 0; i < 6; i++) if ((await launch(broken, draw.unit(i) * 0.3 * duration)) === null) kills++
  expect(await launch(broken)).toBe(0)
  expect(kills).toBeGreaterThan(0)
  expect(filesOf(broken)).toEqual(filesOf(whole))
})
