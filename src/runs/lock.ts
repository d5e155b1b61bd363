import { baseName, HoneError, joinPath, parentPath, platform } from '../base/index.ts'

/** Locks of this very process: tells them from those of a dead one that had the same number. */
const held = new Set<string>()
let count = 0

const pattern = /^lock-(.+)-(\d+)-([0-9a-f]+)$/

function isAlive(name: string): boolean {
  const [, host, pid] = pattern.exec(name) as RegExpExecArray
  if (decodeURIComponent(host) !== platform().hostName()) return true
  if (Number(pid) === platform().processId()) return held.has(name)
  return platform().isProcessAlive(Number(pid))
}

/** Names of the locks in a folder whose owners live, sorted; a lock of another machine counts as alive. */
export async function liveLocks(folder: string): Promise<string[]> {
  return (await lockNames(folder)).filter(isAlive)
}

async function lockNames(folder: string): Promise<string[]> {
  if ((await platform().stat(folder))?.kind !== 'folder') return []
  return (await platform().list(folder)).filter(isLock)
}

/** Whether a file name is that of a lock. */
export const isLock = (name: string): boolean => pattern.test(name)

/**
 * Makes this process the only writer of an existing folder, and returns what gives the lock back.
 *
 * Announce, then look: each writer first creates a file of its own, whose name says who it is, and may go on only when it
 * then sees no other living one. So two can never both go on, and a dead writer's file can be swept by anyone at any
 * time; a single lock file cannot be taken over from a dead owner without a moment in which two may do so.
 * @throws E_LOCKED naming the process that holds it.
 */
export async function acquireLock(folder: string): Promise<() => Promise<void>> {
  const machine = platform()
  const token = `${machine.now().toString(16)}${(count++).toString(16).padStart(4, '0')}`
  const mine = `lock-${encodeURIComponent(machine.hostName())}-${machine.processId()}-${token}`
  const path = joinPath(folder, mine)
  held.add(mine)
  const release = async () => {
    held.delete(mine)
    await machine.remove(path)
  }
  try {
    await machine.createExclusive(path, '')
    for (let attempt = 0; ; attempt++) {
      const others = (await lockNames(folder)).filter((name) => name !== mine)
      const living = others.filter(isAlive)
      for (const name of others) if (!living.includes(name)) await machine.remove(joinPath(folder, name))
      if (living.length === 0) return release
      // Of several that start at once, the one whose name sorts first looks again while the others step back.
      if (attempt === 10 || living.some((name) => name < mine)) throw locked(folder, living[0])
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  } catch (error) {
    await release().catch(() => {})
    throw error
  }
}

function locked(folder: string, name: string): HoneError {
  const [, host, pid] = pattern.exec(name) as RegExpExecArray
  const out = baseName(folder) === 'run' ? parentPath(folder) : folder
  return new HoneError('E_LOCKED', `${out} is being written by process ${pid} on ${decodeURIComponent(host)}`, {
    help: `Wait for it or stop it. If it is gone for certain, delete ${joinPath(folder, name)}.`,
  })
}
