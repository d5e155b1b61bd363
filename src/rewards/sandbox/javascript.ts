import { Worker } from 'node:worker_threads'
import { HoneError, joinPath, platform, throwIfAborted } from '../../base/index.ts'
import type { Job, JobResult } from './judge.ts'
import { Pool, type Slot } from './pool.ts'
import type { Runner } from './types.ts'

/** Milliseconds past its time after which a program that cannot be interrupted (one long built-in call) loses its thread. */
const grace = 250

/** A thread with engines in it. */
class Thread implements Slot {
  #worker: Worker
  #settle: ((reply: JobResult | { broken: string } | Error) => void) | null = null
  #fault: Error | null = null
  isUsable = true

  static async open(): Promise<Thread> {
    const thread = new Thread()
    await new Promise((resolve) => thread.#worker.once('online', resolve).once('exit', resolve))
    // Whoever is idle does not keep hone from ending.
    thread.#worker.unref()
    return thread
  }

  private constructor() {
    // The source runs as it is; what is published was compiled.
    const file = `./worker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`
    this.#worker = new Worker(new URL(file, import.meta.url), {
      workerData: joinPath(platform().packageRoot(), 'native/sandbox'),
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 16, stackSizeMb: 16 },
    })
    this.#worker.on('message', (reply) => this.#settle?.(reply))
    this.#worker.on('error', (error: Error) => {
      this.#fault = error
    })
    this.#worker.on('exit', () => {
      this.isUsable = false
      this.#settle?.(this.#fault ?? new Error('its thread was ended'))
    })
  }

  /** @throws HoneError E_ABORTED; E_SANDBOX where the thread itself failed, or was closed */
  async judge(job: Job, signal?: AbortSignal): Promise<JobResult> {
    this.#worker.ref()
    const begun = performance.now()
    let isLate = false
    const stop = () => {
      void this.close()
    }
    const late = setTimeout(
      // A message that lies there already counts.
      () =>
        setImmediate(() => {
          if (this.#settle === null) return
          isLate = true
          stop()
        }),
      job.limits.seconds * 1000 + grace,
    )
    signal?.addEventListener('abort', stop, { once: true })
    try {
      const reply = await new Promise<JobResult | { broken: string } | Error>((resolve) => {
        this.#settle = resolve
        this.#worker.postMessage(job)
        if (!this.isUsable) resolve(this.#fault ?? new Error('its thread has ended'))
      })
      throwIfAborted(signal)
      if (isLate) return { ...lost(job, 'the time was up', begun), ended: 'time', exitCode: null }
      if (reply instanceof Error) {
        throw new HoneError('E_SANDBOX', `the sandbox for JavaScript failed, not the program: ${reply.message}`)
      }
      return 'broken' in reply ? lost(job, `the engine gave up: ${reply.broken}`, begun) : reply
    } finally {
      this.#settle = null
      clearTimeout(late)
      signal?.removeEventListener('abort', stop)
      this.#worker.unref()
    }
  }

  async close(): Promise<void> {
    this.isUsable = false
    await this.#worker.terminate()
  }
}

/** What is said of a program whose end nobody saw: it printed nothing that was kept, and passed nothing. */
function lost({ tests = [] }: Job, why: string, begun: number): JobResult {
  return {
    ...{ ended: 'exit', exitCode: 1, signal: null, stdout: '', stderr: `${why}\n` },
    seconds: (performance.now() - begun) / 1000,
    verdicts: tests.map(() => ({ passed: false, why })),
  }
}

/** JavaScript programs in QuickJS, compiled to WebAssembly, on `slots` threads. */
export function javascriptRunner(slots: number): Runner {
  const pool = new Pool(slots, () => Thread.open())
  const judge = (job: Job, signal?: AbortSignal) => pool.use((thread) => thread.judge(job, signal), signal)
  return {
    async run(source, { stdin, limits, signal }) {
      const { verdicts: _, ...result } = await judge({ source, limits, stdin, setup: '', entry: [] }, signal)
      return result
    },
    test: async (source, tests, { setup, entry, limits, signal }) =>
      (await judge({ source, limits, stdin: '', tests, setup, entry }, signal)).verdicts,
    close: () => pool.close(),
  }
}
