import { HoneError, platform, throwIfAborted } from '../../base/index.ts'
import { javascriptRunner } from './javascript.ts'
import { Launcher } from './launcher.ts'
import { findPython, pythonRunner } from './python.ts'
import type {
  CodeTest,
  Isolation,
  Language,
  Limits,
  Program,
  Runner,
  RunOptions,
  RunResult,
  TestOptions,
  TestReport,
  TestVerdict,
} from './types.ts'

export const defaultLimits: Readonly<Limits> = {
  seconds: 10,
  memory: 256 << 20,
  processes: 8,
  output: 1 << 20,
  scratch: 16 << 20,
}

export interface SandboxOptions {
  /** Programs of each language that run at once; default the number of cores. */
  slots?: number
  /**
   * 'required' (the default) refuses Python programs on a machine that cannot isolate them. 'none' runs them without walls: they can
   * read and write what you can, use the network, and leave processes behind. Only the limits hold.
   */
  isolation?: 'required' | 'none'
  /** Ceilings of every program, where a call gives no others. */
  limits?: Partial<Limits>
}

/** A place to run programs that nobody has read. Nothing is started before it is needed; what is idle does not keep a process alive. */
export interface Sandbox {
  /**
   * Runs a program as a script.
   * @throws HoneError E_SANDBOX where this machine cannot isolate it; E_NO_PYTHON; E_ABORTED, after all its processes have ended
   */
  run(program: Program, options?: RunOptions): Promise<RunResult>
  /**
   * The verdict of each test on a program. A program that ends, hangs or goes over a limit fails the tests that it had not passed by then.
   * @throws HoneError as `run`
   */
  test(program: Program, tests: readonly CodeTest[], options?: TestOptions): Promise<TestReport>
  /** What keeps programs of a language in. @throws HoneError E_SANDBOX, E_NO_PYTHON as `run` */
  isolation(language: Language): Promise<Isolation>
  close(): Promise<void>
}

/** @throws HoneError E_CONFIG for limits that are not positive */
export function openSandbox({ slots, isolation = 'required', limits = {} }: SandboxOptions = {}): Sandbox {
  const size = slots ?? platform().cpuCount
  const isolated = isolation === 'required'
  const openLauncher = async () => {
    refuseElsewhere(isolated)
    return Launcher.open((await findPythonOnce()).path, isolated)
  }
  const runners: Record<Language, Runner> = {
    python: pythonRunner(size, openLauncher),
    javascript: javascriptRunner(size),
  }
  const base = checked({ ...defaultLimits, ...limits })
  const within = (own: Partial<Limits> = {}) => checked({ ...base, ...own })

  const run: Sandbox['run'] = async ({ language, source }, { stdin = '', limits: own, signal } = {}) => {
    throwIfAborted(signal)
    return runners[language].run(source, { stdin, limits: within(own), signal })
  }

  /** Runs the tests of standard input each by itself, and the others together on one load of the program. */
  const test: Sandbox['test'] = async (program, tests, { setup = '', entry = [], limits: own, signal } = {}) => {
    const begun = platform().elapsed()
    const verdicts = new Array<TestVerdict>(tests.length)
    const inside = [...tests.keys()].filter((at) => !('stdin' in tests[at]))
    const options = { setup, entry, limits: within(own), signal }
    const together = async () => {
      if (inside.length === 0) return
      const found = await runners[program.language].test(
        program.source,
        inside.map((at) => tests[at]),
        options,
      )
      for (const [i, at] of inside.entries()) verdicts[at] = found[i]
    }
    const alone = tests.map(async (given, at) => {
      if (!('stdin' in given)) return
      const result = await run(program, { stdin: given.stdin, limits: own, signal })
      verdicts[at] = printed(result, given.stdout)
    })
    const settled = await Promise.allSettled([together(), ...alone])
    for (const outcome of settled) if (outcome.status === 'rejected') throw outcome.reason
    return {
      tests: verdicts,
      passed: verdicts.filter(({ passed }) => passed).length,
      seconds: platform().elapsed() - begun,
    }
  }

  return {
    run,
    test,
    async isolation(language) {
      if (language === 'javascript') {
        await run({ language, source: '' })
        return webassembly
      }
      const launcher = await openLauncher()
      await launcher.close()
      return isolated ? namespaces : none
    },
    async close() {
      await Promise.all(Object.values(runners).map((runner) => runner.close()))
    },
  }
}

const webassembly: Isolation = {
  kind: 'webassembly',
  summary: 'QuickJS in WebAssembly: no files, network or processes; limits on time, memory and output',
}
const namespaces: Isolation = {
  kind: 'namespaces',
  summary:
    'Linux namespaces (user, network, process, mount, IPC), an empty root, no capabilities, a filter of system calls, limits',
}
const none: Isolation = { kind: 'none', summary: 'none: programs can do what you can; only limits hold' }

function refuseElsewhere(isolated: boolean): void {
  const { name } = platform()
  if (name === 'win32') {
    throw new HoneError('E_SANDBOX', 'Python programs cannot be run on Windows, expected Linux', { help: 'Use WSL.' })
  }
  if (isolated && name !== 'linux') {
    throw new HoneError(
      'E_SANDBOX',
      `there is no isolation for Python programs on ${name}, expected Linux namespaces`,
      {
        help: "Run untrusted code on Linux, or pass isolation: 'none' for programs that you trust.",
      },
    )
  }
}

let python: ReturnType<typeof findPython> | null = null
function findPythonOnce(): ReturnType<typeof findPython> {
  python ??= findPython().catch((error) => {
    python = null
    throw error
  })
  return python
}

function checked(limits: Limits): Limits {
  for (const [name, value] of Object.entries(limits)) {
    if (!(name in defaultLimits) || !Number.isFinite(value) || value <= 0) {
      throw new HoneError(
        'E_CONFIG',
        `limit ${name} is ${value}, expected a positive number of ${Object.keys(defaultLimits).join(', ')}`,
      )
    }
  }
  const { seconds, ...whole } = limits
  return {
    seconds,
    ...(Object.fromEntries(Object.entries(whole).map(([name, value]) => [name, Math.ceil(value)])) as Omit<
      Limits,
      'seconds'
    >),
  }
}

function printed({ ended, exitCode, signal, stdout, stderr }: RunResult, expected: string): TestVerdict {
  const fail = (why: string) => ({ passed: false, why })
  if (ended === 'time') return fail('the time was up')
  if (ended === 'output') return fail('it wrote more than it may')
  if (ended === 'signal') return fail(`signal ${signal} ended it`)
  if (exitCode !== 0) return fail(stderr.trim().split('\n').at(-1) || `it ended with code ${exitCode}`)
  if (trimmed(stdout) === trimmed(expected)) return { passed: true, why: null }
  return fail(`printed ${shorten(stdout)}, expected ${shorten(expected)}`)
}

const trimmed = (text: string) => text.replace(/[ \t\r]+$/gm, '').replace(/\n+$/, '')
const shorten = (text: string) => JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text)
