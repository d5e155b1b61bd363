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
  isUsable = true

  static async open(): Promise<Thread> {
    const thread = new Thread()
    await new Promise((resolve, reject) => thread.#worker.once('online', resolve).once('error', reject))
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
  }

  /** @throws HoneError E_ABORTED; E_SANDBOX where the thread itself failed */
  async judge(job: Job, signal?: AbortSignal): Promise<JobResult> {
    this.#worker.ref()
    let late: NodeJS.Timeout | undefined
    let leave = () => {}
    const begun = performance.now()
    try {
      return await new Promise<JobResult>((resolve, reject) => {
        const fail = (why: string) => reject(new HoneError('E_SANDBOX', `the sandbox for JavaScript failed: ${why}`))
        const stop = (then: () => void) => {
          this.isUsable = false
          void this.#worker.terminate().then(then)
        }
        leave = () => stop(() => reject(aborted(signal)))
        signal?.addEventListener('abort', leave, { once: true })
        this.#worker.once('message', (reply: JobResult | { broken: string }) =>
          resolve('broken' in reply ? lost(job, `the engine gave up: ${reply.broken}`, begun) : reply),
        )
        this.#worker.once('error', (error: Error) => {
          this.isUsable = false
          fail(error.message)
        })
        late = setTimeout(
          // A message that lies there already counts.
          () =>
            setImmediate(() =>
              stop(() => resolve({ ...lost(job, 'the time was up', begun), ended: 'time', exitCode: null })),
            ),
          job.limits.seconds * 1000 + grace,
        )
        this.#worker.postMessage(job)
      })
    } finally {
      clearTimeout(late)
      signal?.removeEventListener('abort', leave)
      this.#worker.removeAllListeners('message')
      this.#worker.removeAllListeners('error')
      this.#worker.unref()
    }
  }

  async close(): Promise<void> {
    this.isUsable = false
    await this.#worker.terminate()
  }
}

function aborted(signal?: AbortSignal): unknown {
  try {
    throwIfAborted(signal)
  } catch (error) {
    return error
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
