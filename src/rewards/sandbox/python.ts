import { HoneError, platform } from '../../base/index.ts'
import type { Launcher, Reply } from './launcher.ts'
import { Pool } from './pool.ts'
import type { Runner, RunResult, TestVerdict } from './types.ts'

const help = 'Install Python 3.8 or newer, so that `python3` can be found on the PATH.'

/**
 * The interpreter behind the first `python3` of the PATH: version managers put a script there, virtual environments a link.
 * @throws HoneError E_NO_PYTHON where there is none, or too old a one
 */
export async function findPython(): Promise<{ path: string; version: string }> {
  const ask = 'import sys; print(getattr(sys, "_base_executable", sys.executable), *sys.version_info[:3], sep="\\n")'
  const { code, stdout } = await platform()
    .spawn('python3', ['-I', '-S', '-c', ask], { timeoutMs: 20_000 })
    .catch((cause) => {
      throw new HoneError('E_NO_PYTHON', 'python3 cannot be started, expected an interpreter on the PATH', {
        help,
        cause,
      })
    })
  const [path, ...numbers] = stdout.trim().split('\n')
  const [major, minor] = numbers.map(Number)
  if (code !== 0 || major !== 3 || !(minor >= 8)) {
    const found = code === 0 ? `python3 is ${numbers.join('.')}` : `python3 ended with code ${code}`
    throw new HoneError('E_NO_PYTHON', `${found}, expected 3.8 or newer`, { help })
  }
  return { path, version: numbers.join('.') }
}

/** Python programs in processes of their own, forked from `slots` warm interpreters. */
export function pythonRunner(slots: number, open: () => Promise<Launcher>): Runner {
  const pool = new Pool(slots, open)
  return {
    run: async (source, { stdin, limits, signal }) =>
      resultOf(await pool.use((launcher) => launcher.ask({ source, stdin, limits }, signal), signal)),
    async test(source, tests, { setup, entry, limits, signal }) {
      const request = { source, tests, setup, entry, limits }
      return verdictsOf(await pool.use((launcher) => launcher.ask(request, signal), signal), tests.length)
    },
    close: () => pool.close(),
  }
}

const text = (base64: string) => Buffer.from(base64, 'base64').toString('utf8')

function resultOf({ ended, status, stdout, stderr, seconds }: Reply): RunResult {
  const [word, number] = status.split(' ')
  const isOver = ended === 'done'
  return {
    ended: isOver ? (word === 'exit' ? 'exit' : 'signal') : (ended as 'time' | 'output'),
    exitCode: isOver && word === 'exit' ? Number(number) : null,
    // Who ends its own namespace leaves no word; that is done by SIGKILL alone.
    signal: isOver && word !== 'exit' ? Number(number ?? 9) : null,
    stdout: text(stdout),
    stderr: text(stderr),
    seconds,
  }
}

/** A test without a line of its own was not reached. */
function verdictsOf({ ended, verdicts, tester }: Reply, count: number): TestVerdict[] {
  const why = {
    time: 'the time was up',
    output: 'it wrote more than it may',
    done: `the tests ended early (${tester})`,
  }[ended as 'time' | 'output' | 'done']
  const result = Array.from({ length: count }, (): TestVerdict => ({ passed: false, why }))
  for (const line of verdicts.split('\n')) {
    // A line that was cut off by the end is none.
    if (!line.endsWith('}')) continue
    const { test, passed, why } = JSON.parse(line) as TestVerdict & { test: number }
    result[test] = { passed, why }
  }
  return result
}
