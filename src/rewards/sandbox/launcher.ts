import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { HoneError, joinPath, platform, throwIfAborted } from '../../base/index.ts'
import type { Slot } from './pool.ts'
import type { CodeTest, Limits } from './types.ts'

/** One line to the launcher (`native/sandbox/launcher.py`). */
export interface Request {
  source: string
  limits: Limits
  stdin?: string
  tests?: readonly CodeTest[]
  setup?: string
  entry?: readonly string[]
}

/** One line from it. */
export interface Reply {
  ended: 'done' | 'time' | 'output' | 'stopped' | 'fault'
  /** `exit 0` or `signal 9` of the program, `fault …` where it could not be started; empty where it was stopped. */
  status: string
  /** The same of the process of the tests. */
  tester: string
  /** Base64. */
  stdout: string
  stderr: string
  verdicts: string
  seconds: number
}

const help =
  'Allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0; in a container, its ' +
  "security options), or pass isolation: 'none' for programs that you trust."

/** Seconds that a launcher may take over what a program was given, before it counts as lost. */
const patience = 30

/** A warm Python behind walls, which forks itself for each program. */
export class Launcher implements Slot {
  #child: ChildProcessByStdio<Writable, Readable, Readable>
  #held = ''
  #complaints = ''
  #expect: ((line: string | null) => void) | null = null
  #ended: Promise<void>
  isUsable = true

  /** @throws HoneError E_SANDBOX where the walls cannot be put up, or Python cannot be started */
  static async open(python: string, isolated: boolean): Promise<Launcher> {
    const launcher = new Launcher(python, isolated)
    const line = await launcher.#next()
    const said = line === null ? null : (JSON.parse(line) as { ready: boolean; why?: string })
    if (said?.ready) {
      launcher.#rest()
      return launcher
    }
    await launcher.close()
    const why = said?.why ?? (launcher.#complaints.trim().split('\n').at(-1) || 'it ended without a word')
    if (!isolated) throw new HoneError('E_SANDBOX', `Python cannot be started: ${why}`)
    throw new HoneError('E_SANDBOX', `this machine gives no isolation for Python programs: ${why}`, { help })
  }

  private constructor(python: string, isolated: boolean) {
    const script = joinPath(platform().packageRoot(), 'native/sandbox/launcher.py')
    // A fixed seed: the order of a set of texts, and so a reward, is the same in every run.
    const env = { PYTHONHASHSEED: '0', LC_ALL: 'C.UTF-8' }
    this.#child = spawn(python, ['-s', '-S', '-B', script, isolated ? 'isolated' : 'none'], {
      env,
      cwd: '/',
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const { stdin, stdout, stderr } = this.#child
    stdin.on('error', () => {})
    stdout.setEncoding('utf8').on('data', (text: string) => this.#receive(text))
    stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#complaints = (this.#complaints + text).slice(-4000)
    })
    this.#ended = new Promise((resolve) => {
      const end = () => {
        this.isUsable = false
        this.#expect?.(null)
        resolve()
      }
      this.#child.once('error', (error) => {
        this.#complaints += error.message
        end()
      })
      this.#child.once('close', end)
    })
  }

  /** @throws HoneError E_ABORTED, after the program was ended; E_SANDBOX where the launcher itself failed */
  async ask(request: Request, signal?: AbortSignal): Promise<Reply> {
    throwIfAborted(signal)
    this.#child.ref()
    const stop = () => this.#child.stdin.write('stop\n')
    signal?.addEventListener('abort', stop, { once: true })
    const lost = setTimeout(() => setImmediate(() => this.#kill()), (request.limits.seconds + patience) * 1000)
    try {
      this.#child.stdin.write(`${JSON.stringify(request)}\n`)
      const line = await this.#next()
      throwIfAborted(signal)
      const reply = line === null ? null : (JSON.parse(line) as Reply)
      if (reply?.ended === 'stopped') throw new HoneError('E_SANDBOX', 'the sandbox was closed')
      const fault = [reply?.status, reply?.tester].find((status) => status?.startsWith('fault'))
      if (!reply || reply.ended === 'fault' || fault) {
        const why = fault ?? reply?.status ?? (this.#complaints.trim().split('\n').at(-1) || 'it ended without a word')
        this.#kill()
        throw new HoneError('E_SANDBOX', `the sandbox for Python failed, not the program: ${why}`)
      }
      return reply
    } finally {
      clearTimeout(lost)
      signal?.removeEventListener('abort', stop)
      this.#rest()
    }
  }

  async close(): Promise<void> {
    this.#child.stdin.end()
    const late = setTimeout(() => this.#kill(), 1000)
    await this.#ended
    clearTimeout(late)
  }

  /** All below dies with the keeper. */
  #kill() {
    this.isUsable = false
    this.#child.kill('SIGKILL')
  }

  /** Whoever is idle does not keep hone from ending; a launcher whose hone is gone ends itself. */
  #rest() {
    this.#child.unref()
    for (const stream of [this.#child.stdin, this.#child.stdout, this.#child.stderr]) {
      ;(stream as unknown as { unref?(): void }).unref?.()
    }
  }

  #next(): Promise<string | null> {
    return new Promise((resolve) => {
      this.#expect = (line) => {
        this.#expect = null
        resolve(line)
      }
      this.#receive('')
      if (!this.isUsable) this.#expect?.(null)
    })
  }

  #receive(text: string) {
    this.#held += text
    const at = this.#held.indexOf('\n')
    if (at < 0 || !this.#expect) return
    const line = this.#held.slice(0, at)
    this.#held = this.#held.slice(at + 1)
    this.#expect(line)
  }
}
