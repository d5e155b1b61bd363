import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { platform, setPlatform } from '../../base/index.ts'
import { type CodeTest, findPython, type Language, openSandbox } from './index.ts'
import { Launcher } from './launcher.ts'

/** What holds with and without walls: programs of the tests' own, which nobody needs to be kept from. */
const sandbox = openSandbox({ slots: 2, isolation: 'none', limits: { seconds: 5 } })
afterAll(() => sandbox.close())
const run = (language: Language, source: string, options = {}) => sandbox.run({ language, source }, options)
const passed = async (language: Language, source: string, tests: CodeTest[], options = {}) =>
  (await sandbox.test({ language, source }, tests, options)).tests.map(({ passed, why }) => (passed ? true : why))

describe('a run', () => {
  test('gives output, errors and the exit code', async () => {
    const python = 'import sys\nprint(input() + "é")\nprint("w", file=sys.stderr)\nsys.exit(3)'
    expect(await run('python', python, { stdin: 'in\nrest' })).toMatchObject({
      ...{ ended: 'exit', exitCode: 3, signal: null, stdout: 'iné\n', stderr: 'w\n' },
    })
    const script = 'print(readline(), readline(), readline()); console.error({ a: [1] }); console.log(1, "x", null)'
    expect(await run('javascript', script, { stdin: 'a\nb' })).toMatchObject({
      ...{ ended: 'exit', exitCode: 0, stdout: 'a b null\n1 x null\n', stderr: '{"a":[1]}\n' },
    })
  })

  test('tells an uncaught error as the language does, without a word of what is around it', async () => {
    const { exitCode, stderr } = await run('python', 'def f():\n    raise KeyError("k")\n\nf()')
    expect([exitCode, stderr]).toEqual([
      1,
      'Traceback (most recent call last):\n  File "program.py", line 4, in <module>\n  File "program.py", line 2, in f\nKeyError: \'k\'\n',
    ])
    const broken = await run('javascript', 'print(1)\nnull.x')
    expect([broken.exitCode, broken.stdout]).toEqual([1, '1\n'])
    expect(broken.stderr).toMatch(/^TypeError: .*\n.*program\.js:2/)
    expect((await run('python', 'x = (')).stderr).toContain('SyntaxError')
    expect((await run('javascript', 'x = (')).stderr).toContain('SyntaxError')
  })

  test('knows scripts as they are written: __main__, argv, exit handlers, stdin as a file', async () => {
    const source = `import sys, atexit, threading
atexit.register(print, "last")
threading.Thread(target=lambda: print("thread")).start()
if __name__ == "__main__": print(sys.argv, sum(map(int, sys.stdin.read().split())))`
    const { stdout } = await run('python', source, { stdin: '1 2\n3' })
    expect(stdout.split('\n').sort()).toEqual(['', '["program.py"] 6'.replaceAll('"', "'"), 'last', 'thread'])
    const all =
      "print(require('fs').readFileSync(0, 'utf8').length); setTimeout(print, 5, 'b'); setTimeout(print, 1, 'a')"
    expect((await run('javascript', all, { stdin: 'abc' })).stdout).toBe('3\na\nb\n')
  })

  test('a set of texts has one order in every run, and random numbers differ', async () => {
    const one = await run('python', 'print({chr(n) for n in range(65, 90)})')
    const other = await run('python', 'print({chr(n) for n in range(65, 90)})')
    expect(other.stdout).toBe(one.stdout)
    const draws = await Promise.all([1, 2, 3].map(() => run('python', 'import random; print(random.random())')))
    expect(new Set(draws.map(({ stdout }) => stdout)).size).toBe(3)
  })

  test.each([
    ['python', 'while True: pass', 'for n in range(10**6): print("x" * 100)'],
    ['javascript', 'for (;;);', 'for (;;) try { print("x".repeat(100)) } catch {}'],
    ['javascript', '/(a+)+b/.test("a".repeat(60))', 'for (;;) console.error("x")'],
  ] as const)('%s is stopped by time and by output', async (language, loop, flood) => {
    const late = await run(language, loop, { limits: { seconds: 0.3 } })
    expect([late.ended, late.exitCode, late.signal]).toEqual(['time', null, null])
    const long = await run(language, flood, { limits: { output: 5000 } })
    expect([long.ended, long.stdout.length + long.stderr.length]).toEqual(['output', 5000])
  })

  test('JavaScript that eats memory or stack fails, and the engine goes on small', async () => {
    const hungry = await run('javascript', 'let x = "x"; for (;;) x += x', { limits: { memory: 32 << 20 } })
    expect([hungry.exitCode, hungry.stderr]).toEqual([1, expect.stringMatching(/out of memory|too long/)])
    for (const deep of [
      'const f = () => f() + 1; f()',
      'JSON.parse("[".repeat(1e6))',
      '[].flat.call([[[]]], 1e9); const g = () => [1].map(g); g()',
    ])
      expect((await run('javascript', deep)).exitCode).toBe(1)
    expect((await run('javascript', 'print(globalThis.left ?? "nothing"); left = 1')).stdout).toBe('nothing\n')
    expect((await run('javascript', 'print(globalThis.left ?? "nothing")')).stdout).toBe('nothing\n')
  })

  test('many at once are served in turn while the event loop goes on', async () => {
    const delay = monitorEventLoopDelay({ resolution: 5 })
    delay.enable()
    const languages = Array.from({ length: 30 }, (_, i): Language => (i % 2 ? 'python' : 'javascript'))
    const all = await Promise.all(languages.map((language, i) => run(language, `print(${i})`)))
    delay.disable()
    expect(all.map(({ stdout }) => stdout)).toEqual(languages.map((_, i) => `${i}\n`))
    expect(delay.percentile(50) / 1e6).toBeLessThan(50)
  })

  test.each(['python', 'javascript'] as const)('%s is stopped on request, waiting or running', async (language) => {
    const endless = language === 'python' ? 'while True: pass' : 'for (;;);'
    const controller = new AbortController()
    const runs = Array.from({ length: 5 }, () => run(language, endless, { signal: controller.signal }))
    setTimeout(() => controller.abort(), 200)
    const codes = await Promise.all(runs.map((one) => one.catch((error) => error.code)))
    expect(codes).toEqual(new Array(5).fill('E_ABORTED'))
    await expect(run(language, '', { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'E_ABORTED' })
    expect((await run(language, 'print(1)')).stdout).toBe('1\n')
  })

  test('closing ends what runs, and refuses what comes later', async () => {
    const brief = openSandbox({ slots: 1, isolation: 'none' })
    const programs = [
      { language: 'python', source: 'while True: pass' },
      { language: 'javascript', source: 'for (;;);' },
    ] as const
    const running = programs.flatMap((program) => [brief.run(program), brief.run(program)])
    const codes = running.map((one) => one.catch((error) => error.code))
    await new Promise((done) => setTimeout(done, 300))
    await brief.close()
    expect(await Promise.all(codes)).toEqual(new Array(4).fill('E_SANDBOX'))
    await expect(brief.run(programs[0])).rejects.toThrow('the sandbox was closed')
  })

  test('limits that are none are refused', async () => {
    for (const limits of [{ seconds: 0 }, { memory: Number.NaN }, { disk: 1 }])
      await expect(run('python', '', { limits })).rejects.toMatchObject({ code: 'E_CONFIG' })
    expect(() => openSandbox({ limits: { output: -1 } })).toThrow(/limit output is -1/)
  })

  test('without walls the scratch folder goes all the same', async () => {
    const { stdout } = await run('python', 'import os; open("a", "w").write("x"); print(os.getcwd())')
    expect(stdout.trim()).toMatch(/hone-sandbox-/)
    expect(readdirSync(tmpdir())).not.toContain(stdout.trim().split('/').at(-1))
  })
})

describe('tests of a program', () => {
  test('Python: containers, numbers of any size, objects, generators, callbacks and changes in place cross over', async () => {
    const source = `import math
from collections import namedtuple, Counter, defaultdict
Point = namedtuple("Point", "x y")
class Stack:
    size = 0
    def __init__(self): self.items = []
    def push(self, x): self.items.append(x); return self
    def pop(self): return self.items.pop()
    def __len__(self): return len(self.items)
def same(x): return x
def point(): return Point(1, 2)
def count(text): return Counter(text)
def numbers():
    yield 1
    yield 2
def order(items): items.sort()
def apply(work, x): return work(x)
def big(n): return 1 << n
def sum(a, b): return a - b
def fails(): raise ValueError("no")
LIMIT = {"a": [1]}`
    const tests = [
      'for x in [None, True, 1.5, "é", b"x", 1j, [1, (2, {3})], {1: "a", (1, 2): None}, frozenset({1}), float("inf")]: assert same(x) == x and type(same(x)) is type(x)',
      'assert point() == (1, 2); assert count("aab") == {"a": 2, "b": 1}',
      's = Stack(); s.push(1).push(2); assert len(s) == 2 and s.pop() == 2 and s.items == [1]',
      'assert s.pop() == 1 and Stack.size == 0',
      'assert list(numbers()) == [1, 2]; assert next(numbers()) == 1',
      'items = [3, 1, 2]; order(items); assert items == [1, 2, 3]',
      'assert apply(lambda x: x * 2, 4) == 8 and apply(len, [1, 2]) == 2 and apply(str, 1) == "1"',
      'assert big(20000) == 2 ** 20000 and math.floor(2.5) == 2',
      'assert LIMIT == {"a": [1]}',
      'try:\n    fails()\n    assert False\nexcept ValueError as error:\n    assert str(error) == "no"',
      'def check(candidate):\n    assert candidate(1) == 1\ncheck(same)',
    ]
    expect(
      await passed(
        'python',
        source,
        tests.map((code) => ({ code })),
      ),
    ).toEqual(tests.map(() => true))
    expect(await passed('python', source, [{ code: 'assert sum(3, 1) == 2' }])).toEqual([expect.any(String)])
    expect(await passed('python', source, [{ code: 'assert sum(3, 1) == 2' }], { entry: ['sum'] })).toEqual([true])
    expect(await passed('python', source, [{ code: 'assert same(1) == one' }], { setup: 'one = 1' })).toEqual([true])
  })

  test('JavaScript: containers, objects, promises, callbacks and changes in place cross over', async () => {
    const source = `class Stack { items = []; push(x) { this.items.push(x); return this } get size() { return this.items.length } }
const same = (x) => x
const later = async (x) => { await new Promise((done) => setTimeout(done, 1000)); return x }
const fails = () => { throw new RangeError('no') }
const rejects = async () => fails()
function order(items) { items.sort((a, b) => a - b) }
var apply = (work, x) => work(x)
const limit = { a: [1] }`
    const tests = [
      'for (const x of [null, undefined, true, 1.5, NaN, -0, "é", 10n ** 30n, [1, [2, { a: null }]], new Map([[1, { b: 2 }]]), new Set([1]), new Date(5)]) assert.deepEqual(same(x), x)',
      'assert(Object.is(same(-0), -0) && same(undefined) === undefined)',
      'const s = new Stack(); s.push(1).push(2); assert.equal(s.size, 2); assert.deepEqual(s.items, [1, 2]); assert.deepEqual(s, { items: [1, 2] })',
      'assert.equal(await later(3), 3); assert.deepEqual(await Promise.all([later(1), later(2)]), [1, 2])',
      'assert.throws(() => fails(), RangeError); assert.throws(fails, /no/)',
      'try { await rejects(); assert(false) } catch (error) { assert.equal(error.message, "no") }',
      'const items = [3, 1, 20]; order(items); assert.deepEqual(items, [1, 3, 20])',
      'assert.equal(apply((x) => x * 2, 4), 8)',
      'assert.deepEqual(limit, { a: [1] }); assert.notDeepEqual(limit, { a: [2] }); assert.notDeepEqual(limit, {})',
    ]
    expect(
      await passed(
        'javascript',
        source,
        tests.map((code) => ({ code })),
      ),
    ).toEqual(tests.map(() => true))
    for (const program of [
      'export const f = (x) => x + 1',
      'module.exports = { f: (x) => x + 1 }',
      'exports.f = (x) => x + 1',
    ])
      expect(await passed('javascript', program, [{ call: 'f', args: [1], returns: 2 }])).toEqual([true])
  })

  test('calls compare as JSON does', async () => {
    const python =
      'def f(x): return {"tuple": (1, 2), "float": 0.1 + 0.2, "true": True, "one": 1, "none": None, "set": {1}, "key": {1: 2}}[x]'
    const script =
      'const f = (x) => ({ tuple: [1, 2], float: 0.1 + 0.2, true: true, one: 1, none: null, set: new Set([1]), key: new Map([[1, 2]]) })[x]'
    const call = (x: string, returns: never, tolerance = 0): CodeTest => ({ call: 'f', args: [x], returns, tolerance })
    const cases: [string, unknown, number?][] = [
      ...([
        ['tuple', [1, 2]],
        ['float', 0.3, 1e-9],
        ['true', true],
        ['one', 1],
        ['none', null],
      ] as [string, unknown, number?][]),
      ...([
        ['tuple', [2, 1]],
        ['tuple', [1]],
        ['float', 0.3],
        ['true', 1],
        ['one', true],
        ['none', false],
        ['set', [1]],
      ] as [string, unknown][]),
      ['key', { '1': 2 }],
    ]
    const tests = cases.map(([x, returns, tolerance]) => call(x, returns as never, tolerance))
    const expected = cases.map((_, i) =>
      i < 5 ? true : expect.stringMatching(/^AssertionError: returned .*, expected /),
    )
    expect(await passed('python', python, tests)).toEqual(expected)
    expect(await passed('javascript', script, tests)).toEqual(expected)
  })

  test('printing compares but for spaces at the ends of lines', async () => {
    const tests = ['1 2\n3', '1 2 \n3\n\n', '1 2 3', '12\n3', ' 1 2\n3'].map((stdout) => ({ stdin: '', stdout }))
    for (const [language, source] of [
      ['python', 'print("1 2")\nprint(3)'],
      ['javascript', 'print("1 2"); print(3)'],
    ] as const) {
      const found = await passed(language, source, tests)
      expect(found.map((one) => one === true)).toEqual([true, true, false, false, false])
    }
    expect(await passed('python', 'print(1)\n1/0', [{ stdin: '', stdout: '1' }])).toEqual([
      'ZeroDivisionError: division by zero',
    ])
  })

  test('a program that dies or hangs keeps what it had passed', async () => {
    const source = 'import os, time\ndef f(x):\n    if x == 2: os._exit(0)\n    if x == 3: time.sleep(60)\n    return x'
    const ask = (...all: number[]): CodeTest[] => all.map((x) => ({ code: `assert f(${x}) == ${x}` }))
    expect(await passed('python', source, ask(1, 2, 1))).toEqual([
      true,
      'the program has ended',
      'the program has ended',
    ])
    expect(await passed('python', source, ask(1, 3, 1), { limits: { seconds: 0.7 } })).toEqual([
      true,
      'the time was up',
      'the time was up',
    ])
    const script = 'const f = (x) => { if (x === 3) for (;;); return x }'
    const calls = [1, 3, 1].map((x): CodeTest => ({ call: 'f', args: [x], returns: x }))
    expect(await passed('javascript', script, calls, { limits: { seconds: 0.5 } })).toEqual([
      true,
      'the time was up',
      'the time was up',
    ])
  })
})

describe('where there is no isolation', () => {
  let folder = ''
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'python-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  test('a launcher that cannot put up its walls is refused with its reason', async () => {
    const python = join(folder, 'python3')
    writeFileSync(python, '#!/bin/sh\necho \'{"ready": false, "why": "namespaces: Operation not permitted"}\'\n', {
      mode: 0o755,
    })
    await expect(Launcher.open(python, true)).rejects.toMatchObject({
      code: 'E_SANDBOX',
      message: expect.stringContaining('namespaces: Operation not permitted'),
      help: expect.stringContaining("isolation: 'none'"),
    })
    await expect(Launcher.open(join(folder, 'nothing'), true)).rejects.toMatchObject({ code: 'E_SANDBOX' })
  })

  test.each(['darwin', 'win32', 'freebsd'])('on %s Python is refused in one sentence', async (name) => {
    const before = setPlatform({ ...platform(), name })
    const elsewhere = openSandbox()
    try {
      for (const attempt of [elsewhere.run({ language: 'python', source: '' }), elsewhere.isolation('python')])
        await expect(attempt).rejects.toMatchObject({
          code: 'E_SANDBOX',
          message: expect.stringContaining('expected Linux'),
        })
      expect((await elsewhere.isolation('javascript')).kind).toBe('webassembly')
    } finally {
      setPlatform(before)
      await elsewhere.close()
    }
  })

  test('it says so when told to go on', async () => {
    expect(await sandbox.isolation('python')).toMatchObject({ kind: 'none' })
  })
})

test('the interpreter itself is found behind the links and scripts of the PATH', async () => {
  const { path, version } = await findPython()
  expect(path).toMatch(/^\/.*python3/)
  expect(path).not.toContain('shims')
  expect(version).toMatch(/^3\.\d+\.\d+$/)
})
