import { afterAll, describe, expect, test } from 'vitest'
import { type CodeTest, type Language, openSandbox } from './index.ts'

/** Where this machine has no walls the verdicts are tested without: the programs below only lie. */
const walled = await (async () => {
  const probe = openSandbox({ slots: 1 })
  try {
    await probe.isolation('python')
    return true
  } catch {
    return false
  } finally {
    await probe.close()
  }
})()
const sandbox = openSandbox({ slots: 2, isolation: walled ? 'required' : 'none', limits: { seconds: 5 } })
afterAll(() => sandbox.close())

const verdicts = async (language: Language, source: string, tests: CodeTest[], options = {}) =>
  (await sandbox.test({ language, source }, tests, options)).tests.map(({ passed }) => passed)

const asked: Record<Language, CodeTest[]> = {
  python: [
    { code: 'assert f(2) == 41' },
    { code: 'import math\nassert math.isclose(f(3), 42)' },
    { code: 'assert abs(f(4) - 43) < 1e-6' },
    { code: 'assert all(map(lambda x: f(x) == x + 39, range(5, 9)))' },
    { code: 'assert [f(1), f(2)] == [40, 41] and isinstance(f(1), int) and f(1) in (40, 0)' },
    { call: 'f', args: [7], returns: 46 },
    { call: 'f', args: [7], returns: 46, tolerance: 1e-6 },
    { stdin: '8\n', stdout: '47\n' },
  ],
  javascript: [
    { code: 'assert(f(2) === 41)' },
    { code: 'assert.equal(f(3), 42); assert.deepEqual([f(4)], [43])' },
    { code: 'assert(Math.abs(f(4) - 43) < 1e-6)' },
    { code: 'for (const x of [5, 6, 7]) assert.equal(f(x), x + 39)' },
    { code: 'assert.equal(await f(1), 40)' },
    { call: 'f', args: [7], returns: 46 },
    { call: 'f', args: [7], returns: 46, tolerance: 1e-6 },
    { stdin: '8\n', stdout: '47\n' },
  ],
}
const right: Record<Language, string> = {
  python: 'def f(x):\n    return x + 39\nif __name__ == "__main__": print(f(int(input())))',
  javascript: 'const f = (x) => x + 39\nconst line = readline()\nif (line) print(f(Number(line)))',
}

/** Programs that do not know the answer and want the verdict all the same. */
const lies: Record<Language, Record<string, string>> = {
  python: {
    'equal to everything': `class Yes:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    def __contains__(self, other): return True
    def __abs__(self): return 0
    def __sub__(self, other): return 0
    def __float__(self): return 42.0
    def __bool__(self): return True
    def __hash__(self): return 0
def f(x): return Yes()
print(Yes())`,
    'a number with an own equality': `class Number(int):
    def __eq__(self, other): return True
    def __sub__(self, other): return 0
    def __index__(self): return 41
class Text(str):
    def __eq__(self, other): return True
def f(x): return Number(0)`,
    'exit 0 at once': 'import sys\nsys.exit(0)',
    'exit 0 in the call': 'import os\ndef f(x): os._exit(0)',
    'SystemExit in the call': 'def f(x): raise SystemExit(0)',
    'the success marker': `import os, json
def say():
    for fd in range(1, 64):
        for n in range(10):
            try: os.write(fd, (json.dumps({"test": n, "passed": True, "why": None}) + "\\n").encode())
            except OSError: pass
say()
def f(x): say(); return 0`,
    'answers on the wire before they are asked': `import os, json, struct
def answer(value):
    data = json.dumps(value).encode()
    return struct.pack("I", len(data)) + data
os.write(3, answer({"names": {"f": {"h": 1, "x": "f"}, "abs": {"h": 1, "x": "f"}}}))
for value in (True, {"h": 1, "x": "f"}, {"t": []}, {"q": "int"}, {"y": 1}): os.write(3, answer({"r": value}) * 50)`,
    'questions to the tests': `import os, json, struct
def ask(value):
    data = json.dumps(value).encode()
    os.write(3, struct.pack("I", len(data)) + data)
def f(x):
    for n in range(3):
        for what in ("get", "call", "set", "item"):
            ask({"n": n, "w": what, "a": {"l": ["__globals__"]}, "k": {"d": []}})
    return True`,
    'a patched harness': `import sys, builtins, json, os
for name, module in list(sys.modules.items()):
    for key in dir(module):
        if key in ("same", "case", "report", "describe", "check", "decode", "encode", "run", "isclose"):
            try: setattr(module, key, lambda *args, **named: True)
            except Exception: pass
builtins.AssertionError = type("Never", (Exception,), {})
builtins.all = builtins.isinstance = builtins.abs = lambda *args: True
json.dumps = lambda *args, **named: '{"test": 0, "passed": true, "why": null}'
def f(x): return True`,
    'names of the language': `abs = lambda x: 0
all = any = isinstance = lambda *args: True
class math:
    isclose = staticmethod(lambda *args, **named: True)
AssertionError = ValueError
__debug__x = False
def f(x): return 0`,
    'the end of every loop': 'def f(x): raise StopIteration',
    'handlers at exit': `import atexit, os, sys
atexit.register(lambda: os._exit(0))
sys.excepthook = sys.unraisablehook = lambda *args: os._exit(0)
def f(x): raise SystemExit(0)
sys.stdout = open(os.devnull, "w")`,
    'a look for the expected values': `import gc, sys
found = [o for o in gc.get_objects() if isinstance(o, dict) and ("returns" in o or "code" in o or "stdout" in o and "stdin" in o)]
def f(x):
    frame = sys._getframe()
    while frame:
        for value in frame.f_locals.values():
            if isinstance(value, dict) and "returns" in value: return value["returns"]
        frame = frame.f_back
    return found[0]["returns"] if found and "returns" in found[0] else None`,
    'a deep and a large value': `def f(x):
    value = []
    for _ in range(100000): value = [value]
    return value`,
    'nothing of that name': 'g = 1',
    'no Python at all': 'def f(x: return',
    hanging: 'def f(x):\n    while True: pass\nwhile __name__ == "__main__": pass',
  },
  javascript: {
    'equal to everything': `const f = () => new (class {
  valueOf() { return 41 }
  [Symbol.toPrimitive]() { return 41 }
  get [Symbol.toStringTag]() { return 'Number' }
  toJSON() { return 41 }
})()
print({ toJSON: () => 'x' })`,
    'a patched language': `Object.is = () => true
Array.prototype.every = () => true
JSON.stringify = () => '{"r":true}'
Object.keys = () => []
Function.prototype.call = Function.prototype.apply = Reflect.apply = () => 41
Promise.prototype.then = function (yes) { yes(41) }
Number.isFinite = () => false
globalThis.assert = Object.assign(() => {}, { equal() {}, deepEqual() {} })
Math.abs = () => 0
const f = () => 0`,
    'the success marker': `const f = () => { print('{"test":0,"passed":true}'); print('47') ; return '' }
for (const n of [0, 1, 2]) print(JSON.stringify({ passed: true, why: null }))`,
    'a promise that settles twice': 'const f = () => new Promise((yes) => { yes(1); yes(41) })',
    'a thenable': 'const f = () => ({ then(yes) { yes() } })',
    'a promise that never settles': 'const f = () => new Promise(() => {})',
    'an error at load': 'throw 0; const f = 1',
    'names of the tests':
      'const assert = () => {}; const Math = { abs: () => 0 }; const done = () => {}; const scope = {}; const f = () => 0',
    'a way to the host': `const host = (this.constructor.constructor('return this'))()
const f = () => host.process?.exit?.(0) ?? host.require?.('process') ?? 0`,
    'nothing of that name': 'const g = 1',
    'no JavaScript at all': 'const f = (',
    'a hang': 'const f = () => { for (;;); }\nif (readline() !== null) for (;;);',
    'memory without end':
      'const f = () => { const all = []; for (;;) all.push(new Array(1000).fill(0)) }\nif (readline() !== null) f()',
  },
}

for (const language of ['python', 'javascript'] as const) {
  describe(language, () => {
    test('a right program passes every form of test', async () => {
      expect(await verdicts(language, right[language], asked[language])).toEqual(asked[language].map(() => true))
    })

    test.each(Object.entries(lies[language]))('no verdict is won by %s', async (name, source) => {
      const limits = { seconds: /hang|without end/.test(name) ? 0.7 : 5 }
      const report = await sandbox.test({ language, source }, asked[language], { limits })
      expect(report.tests.map(({ passed }) => passed)).toEqual(asked[language].map(() => false))
      expect(report.passed).toBe(0)
      for (const { why } of report.tests) expect(why).toEqual(expect.any(String))
      // And nothing of it stays for the next program.
      expect(await verdicts(language, right[language], asked[language].slice(0, 6))).toEqual(new Array(6).fill(true))
    })
  })
}
