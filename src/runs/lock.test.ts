import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { platform } from '../base/index.ts'
import { acquireLock, liveLocks } from './lock.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hone-lock-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const dead = 2 ** 30
const leave = (host: string, pid: number, token = '0') =>
  writeFileSync(join(folder, `lock-${host}-${pid}-${token}`), '')

test('a second writer is refused until the first gives the lock back', async () => {
  const release = await acquireLock(folder)
  await expect(acquireLock(folder)).rejects.toMatchObject({
    code: 'E_LOCKED',
    message: expect.stringContaining(`process ${platform().processId()} on`),
  })
  await release()
  expect(readdirSync(folder)).toEqual([])
  await (await acquireLock(folder))()
})

test('a living process of this machine and any of another one count', async () => {
  const child = spawn('sleep', ['10'])
  await once(child, 'spawn')
  leave(hostname(), child.pid as number)
  await expect(acquireLock(folder)).rejects.toMatchObject({ code: 'E_LOCKED' })
  child.kill('SIGKILL')
  await once(child, 'exit')
  await (await acquireLock(folder))()
  leave('some-other-host', dead)
  await expect(acquireLock(folder)).rejects.toMatchObject({ help: expect.stringContaining('lock-some-other-host') })
})

test('locks of the dead are swept, those of this number from before the process too', async () => {
  leave(hostname(), dead)
  leave(hostname(), dead - 1, 'fff')
  leave(hostname(), platform().processId())
  expect(await liveLocks(folder)).toEqual([])
  const release = await acquireLock(folder)
  expect(readdirSync(folder)).toHaveLength(1)
  await release()
})

test('of many that start at once over a dead lock exactly one gets it', async () => {
  for (let round = 0; round < 20; round++) {
    leave(hostname(), dead)
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => acquireLock(folder)))
    const winners = results.filter((result) => result.status === 'fulfilled')
    expect(winners).toHaveLength(1)
    await winners[0].value()
    expect(readdirSync(folder)).toEqual([])
  }
})
