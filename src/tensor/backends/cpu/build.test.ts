import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Platform, setPlatform } from '../../../base/index.ts'
import { nodePlatform } from '../../../base/platform/node.ts'
import { buildNative } from './build.ts'
import { withLock } from './lock.ts'

let folder: string
let before: Platform | null = null
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hone-build-'))
})
afterEach(async () => {
  if (before) setPlatform(before)
  before = null
  await rm(folder, { recursive: true })
})

/** This machine with a cache of its own and another compiler. */
function use(variables: Record<string, string | undefined>, more: Partial<Platform> = {}) {
  const env = (name: string) => (name in variables ? variables[name] : nodePlatform.env(name))
  const set = setPlatform({ ...nodePlatform, env, cacheFolder: () => folder, ...more })
  before ??= set
}

/** A compiler that answers for its version and writes down each call; `body` does the rest, its output named by $out. */
async function fakeCompiler(body: string): Promise<string> {
  const path = join(folder, 'fake-c++')
  const text = `#!/bin/sh
case "$1" in --version) echo "fake 1.0"; exit 0;; -dumpmachine) echo none; exit 0;; esac
for a in "$@"; do [ "$previous" = -o ] && out="$a"; previous="$a"; done
echo "$out" >> ${join(folder, 'calls')}
${body}
`
  await writeFile(path, text)
  await chmod(path, 0o755)
  return path
}
const calls = async () => (await readFile(join(folder, 'calls'), 'utf8')).trim().split('\n')

test('without a compiler: one error that says what to install', async () => {
  const spawn: Platform['spawn'] = async (command) => {
    throw new Error(`${command} cannot be started`)
  }
  use({ CXX: undefined }, { spawn })
  await expect(buildNative()).rejects.toMatchObject({
    code: 'E_NO_COMPILER',
    message: expect.stringMatching(/c\+\+, g\+\+ or clang\+\+/),
    help: expect.stringMatching(/apt install g\+\+.*dnf install gcc-c\+\+.*xcode-select.*WSL/),
  })
  use({ CXX: '/none/such' })
  await expect(buildNative()).rejects.toMatchObject({
    code: 'E_NO_COMPILER',
    message: expect.stringMatching(/CXX is '\/none\/such'/),
  })
})

test('a failing compilation shows its first lines and keeps the rest in a log; nothing half-made stays', async () => {
  const compiler = await fakeCompiler(
    'echo "vec.h:1: error: no such luck" >&2; i=0; while [ $i -lt 50 ]; do echo "line $i" >&2; i=$((i+1)); done; exit 3',
  )
  use({ CXX: compiler })
  const failure = await buildNative().catch((error) => error)
  expect(failure).toMatchObject({
    code: 'E_COMPILE',
    message: expect.stringMatching(/fake 1.0 none ended with code 3:\nvec.h:1: error: no such luck/),
  })
  expect(failure.message).not.toContain('line 40')
  const log = /in (\S+\.log)\./.exec(failure.help)![1]
  expect(await readFile(log, 'utf8')).toContain('line 40')
  const left = await readdir(join(folder, 'native'))
  expect(left.filter((name) => !name.endsWith('.log'))).toEqual([])
})

test('compiled once, by whoever comes first, and found again; another compiler has its own', async () => {
  use({ CXX: await fakeCompiler('echo library > "$out"') })
  const lines: string[] = []
  const paths = await Promise.all([1, 2, 3].map(() => buildNative((line) => lines.push(line))))
  expect(new Set(paths).size).toBe(1)
  expect(await readFile(paths[0], 'utf8')).toBe('library\n')
  const first = await calls()
  expect(first.filter((out) => out.endsWith('hone.node'))).toHaveLength(1)
  expect(lines[0]).toBe('Compiling kernels (once) …')
  expect(lines).toHaveLength(2)
  expect(await buildNative(() => expect.unreachable())).toBe(paths[0])
  expect(await calls()).toEqual(first)
  expect((await readdir(join(folder, 'native'))).length).toBe(1)
  const path = join(folder, 'other-c++')
  await writeFile(path, (await readFile(join(folder, 'fake-c++'), 'utf8')).replace('fake 1.0', 'fake 2.0'))
  await chmod(path, 0o755)
  use({ CXX: `env A=1 ${path}` })
  expect(await buildNative()).not.toBe(paths[0])
})

test('a lock left by a process that is gone is taken over; one that is held is waited for', async () => {
  const lock = join(folder, 'x.lock')
  let done = false
  const ready = async () => done
  const work = async () => {
    done = true
  }
  await writeFile(lock, JSON.stringify({ pid: 2 ** 30, host: hostname(), since: 0 }))
  await withLock(lock, ready, work)
  expect(done).toBe(true)
  expect(await readdir(folder)).toEqual([])

  done = false
  await writeFile(lock, JSON.stringify({ pid: process.pid, host: hostname(), since: 0 }))
  let entered = false
  const waiting = withLock(lock, ready, async () => {
    entered = true
  })
  await new Promise((resolve) => setTimeout(resolve, 250))
  expect(entered).toBe(false)
  await rm(lock)
  await waiting
  expect(entered).toBe(true)

  await writeFile(lock, '{"half')
  const aged = nodePlatform.now() + 11 * 60_000
  use({}, { now: () => aged })
  entered = false
  await withLock(lock, ready, async () => {
    entered = true
  })
  expect(entered).toBe(true)
})

test('a lock is given back when the work fails', async () => {
  const lock = join(folder, 'y.lock')
  await expect(
    withLock(
      lock,
      async () => false,
      () => Promise.reject(new Error('no')),
    ),
  ).rejects.toThrow('no')
  expect(await readdir(folder)).toEqual([])
})
