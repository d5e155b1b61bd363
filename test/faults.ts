import { HoneError } from '../src/base/errors.ts'
import { joinPath } from '../src/base/platform/index.ts'
import type { Platform } from '../src/base/platform/types.ts'

/** What a simulated crash throws, from its operation on, whatever is asked. */
export class Crash extends Error {}

export interface Fault {
  /** Number of the changing operation that fails: 1, 2, …; none fails at Infinity. */
  failAt: number
  /**
   * 'crash': the process is gone from there on. 'ENOSPC': this operation fails, the ones after it work. 'full': from
   * there on everything that needs space fails; renaming, cutting and removing still work.
   */
  mode: 'crash' | 'ENOSPC' | 'full'
  /** How much of the failing operation is done before it breaks off, 0 to 1; default 0. */
  cut?: number
}

export interface FaultyPlatform extends Platform {
  /** Changing operations asked for so far, each with its path. */
  readonly operations: string[]
}

/** Number of a process that is no more: what a crashed writer leaves in its lock. */
const deadProcess = 2 ** 30

const growing = new Set(['writeAtomic', 'append', 'makeFolder', 'createExclusive'])

/**
 * Passes everything on to `base`, counts the operations that change the disk, and breaks one of them. A broken-off
 * write leaves a part of its content where the real one would: `append` in the file, `writeAtomic` in a temporary file.
 */
export function faultyPlatform(base: Platform, { failAt, mode, cut = 0 }: Fault): FaultyPlatform {
  const operations: string[] = []
  let crashed = false

  const partOf = (content: string | Uint8Array) => {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
    return bytes.slice(0, Math.floor(bytes.length * cut))
  }
  /** What is left of an operation that breaks off in its middle. */
  const leftovers: Record<string, (path: string, content: unknown) => Promise<unknown>> = {
    async writeAtomic(path, content) {
      if (mode !== 'crash') return
      const isWhole = typeof content === 'string' || content instanceof Uint8Array
      await base.writeAtomic(`${path}.1.0.tmp`, isWhole ? partOf(content) : '')
    },
    append: (path, content) => base.append(path, partOf(content as string)),
    async remove(path) {
      if ((await base.stat(path))?.kind !== 'folder') return
      const names = await base.list(path)
      for (const name of names.slice(0, Math.ceil(names.length * cut))) await base.remove(joinPath(path, name))
    },
  }

  async function change<T>(kind: keyof Platform, path: string, content: unknown, work: () => Promise<T>): Promise<T> {
    if (crashed) throw new Crash('the process is gone')
    operations.push(`${kind} ${path}`)
    const full = mode === 'full' && operations.length >= failAt && growing.has(kind)
    if (operations.length !== failAt && !full) return work()
    crashed = mode === 'crash'
    if (cut >= 1 && mode === 'crash') await work()
    else if (cut > 0) await leftovers[kind]?.(path, content)
    if (crashed) throw new Crash(`crash at operation ${failAt}: ${kind} ${path}`)
    throw new HoneError('E_DISK_FULL', `no space left on the device while writing ${path}`)
  }
  const alive = <A extends unknown[], T>(work: (...args: A) => T) => {
    return (...args: A): T => {
      if (crashed) throw new Crash('the process is gone')
      return work(...args)
    }
  }

  return {
    ...base,
    operations,
    stat: alive(base.stat),
    list: alive(base.list),
    open: alive(base.open),
    readFile: alive(base.readFile),
    readText: alive(base.readText),
    stream: alive(base.stream),
    writeAtomic: (path, content) => change('writeAtomic', path, content, () => base.writeAtomic(path, content)),
    append: (path, content) => change('append', path, content, () => base.append(path, content)),
    truncate: (path, length) => change('truncate', path, null, () => base.truncate(path, length)),
    makeFolder: (path) => change('makeFolder', path, null, () => base.makeFolder(path)),
    rename: (from, to) => change('rename', `${from} → ${to}`, null, () => base.rename(from, to)),
    remove: (path) => change('remove', path, null, () => base.remove(path)),
    createExclusive: (path, content) =>
      change('createExclusive', path, content, () => base.createExclusive(path, content)),
    processId: () => (mode === 'crash' ? deadProcess : base.processId()),
    isProcessAlive: (pid) => pid !== deadProcess && base.isProcessAlive(pid),
  }
}
