import { HoneError, platform } from '../../../base/index.ts'

/** Longer than any build takes: a lock from another machine that is older was left behind. */
const staleMs = 10 * 60_000
const pollMs = 100

/**
 * Runs the work while holding a lock file. A lock whose process is gone is taken over. While another holds it, `ready`
 * is asked now and then: true means that the work was done elsewhere, and nothing is left to do.
 */
export async function withLock(path: string, ready: () => Promise<boolean>, work: () => Promise<void>): Promise<void> {
  const { now, hostName, processId } = platform()
  const mine = JSON.stringify({ pid: processId(), host: hostName(), since: now() })
  while (!(await platform().createExclusive(path, mine))) {
    if (await ready()) return
    if (await isStale(path)) await platform().remove(path)
    else await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
  try {
    if (!(await ready())) await work()
  } finally {
    await platform().remove(path)
  }
}

async function isStale(path: string): Promise<boolean> {
  const file = await platform().stat(path)
  if (!file) return false
  try {
    const holder = JSON.parse(await platform().readText(path)) as { pid: number; host: string; since: number }
    if (holder.host === platform().hostName()) return !platform().isProcessAlive(holder.pid)
  } catch (error) {
    // Just removed: not ours to judge. Half-written or foreign: only its age counts.
    if (error instanceof HoneError && error.code === 'E_NOT_FOUND') return false
  }
  return platform().now() - file.modified > staleMs
}
