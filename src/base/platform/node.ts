import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import * as fs from 'node:fs/promises'
import * as os from 'node:os'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import * as zlib from 'node:zlib'
import { HoneError } from '../errors.ts'
import { joinPath, parentPath } from './paths.ts'
import type { Compression, Platform, SpawnOptions, SpawnResult } from './types.ts'

/** Turns the system's refusals into errors that say what to do; anything else passes through. */
function explain(error: unknown, path: string): never {
  const code = (error as { code?: string }).code
  if (code === 'ENOENT') {
    throw new HoneError('E_NOT_FOUND', `${path} does not exist`, {
      help: 'Check the spelling of the path.',
      cause: error,
    })
  }
  if (code === 'ENOSPC') {
    throw new HoneError('E_DISK_FULL', `no space left on the device while writing ${path}`, {
      help: 'Free some space, or point --out at another disk; nothing was left half-written.',
      cause: error,
    })
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    throw new HoneError('E_NO_ACCESS', `${path} cannot be opened: permission denied`, { cause: error })
  }
  if (code === 'EISDIR') throw new HoneError('E_NOT_A_FILE', `${path} is a folder, expected a file`, { cause: error })
  if (code === 'ENOTDIR') throw new HoneError('E_NOT_FOUND', `${path}: a part of it is not a folder`, { cause: error })
  throw error
}

async function guarded<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    explain(error, path)
  }
}

async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await fs.open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function decoder(decode: Compression) {
  if (decode === 'gzip') return zlib.createGunzip()
  if (decode === 'zstd') return zlib.createZstdDecompress()
  return null
}

const packageRoot = (() => {
  let folder = parentPath(fileURLToPath(import.meta.url))
  while (!existsSync(joinPath(folder, 'package.json'))) folder = parentPath(folder)
  return folder
})()

let temporaryCount = 0

export const nodePlatform: Platform = {
  name: process.platform,
  arch: process.arch,
  cpuCount: os.availableParallelism(),

  async stat(path) {
    try {
      const info = await fs.stat(path)
      return { kind: info.isDirectory() ? 'folder' : 'file', size: info.size, modified: info.mtimeMs }
    } catch (error) {
      const code = (error as { code?: string }).code
      if (code === 'ENOENT' || code === 'ENOTDIR') return null
      explain(error, path)
    }
  },
  list: (folder) => guarded(folder, async () => (await fs.readdir(folder)).sort()),
  open: (path) =>
    guarded(path, async () => {
      const handle = await fs.open(path, 'r')
      const info = await handle.stat()
      if (info.isDirectory()) {
        await handle.close()
        throw new HoneError('E_NOT_A_FILE', `${path} is a folder, expected a file`)
      }
      return {
        size: info.size,
        async read(offset, length) {
          const wanted = Math.max(0, Math.min(length, info.size - offset))
          const bytes = new Uint8Array(wanted)
          let filled = 0
          while (filled < wanted) {
            const { bytesRead } = await handle.read(bytes, filled, wanted - filled, offset + filled)
            if (bytesRead === 0) return bytes.subarray(0, filled)
            filled += bytesRead
          }
          return bytes
        },
        close: () => handle.close(),
      }
    }),
  readFile: (path) => guarded(path, async () => new Uint8Array(await fs.readFile(path))),
  readText: (path) => guarded(path, () => fs.readFile(path, 'utf8')),

  writeAtomic: (path, content) =>
    guarded(path, async () => {
      const temporary = `${path}.${process.pid}.${temporaryCount++}.tmp`
      try {
        const handle = await fs.open(temporary, 'wx')
        try {
          if (typeof content === 'string' || content instanceof Uint8Array) await handle.writeFile(content)
          else for await (const chunk of content) await handle.appendFile(chunk)
          await handle.sync()
        } finally {
          await handle.close()
        }
        await fs.rename(temporary, path)
      } catch (error) {
        await fs.rm(temporary, { force: true })
        throw error
      }
      await syncFolder(parentPath(path))
    }),
  append: (path, content) =>
    guarded(path, async () => {
      const handle = await fs.open(path, 'a')
      try {
        await handle.appendFile(content)
        await handle.datasync()
      } finally {
        await handle.close()
      }
    }),
  truncate: (path, length) => guarded(path, () => fs.truncate(path, length)),
  makeFolder: (path) =>
    guarded(path, async () => {
      await fs.mkdir(path, { recursive: true })
    }),
  rename: (from, to) =>
    guarded(from, async () => {
      await fs.rename(from, to)
      await syncFolder(parentPath(to))
    }),
  link: (target, path) =>
    guarded(path, async () => {
      try {
        await fs.symlink(target, path)
        return true
      } catch (error) {
        const code = (error as { code?: string }).code ?? ''
        if (['EPERM', 'EACCES', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL'].includes(code)) return false
        throw error
      }
    }),
  remove: (path) => guarded(path, () => fs.rm(path, { recursive: true, force: true })),
  createExclusive: (path, content) =>
    guarded(path, async () => {
      try {
        await fs.writeFile(path, content, { flag: 'wx' })
        return true
      } catch (error) {
        if ((error as { code?: string }).code === 'EEXIST') return false
        throw error
      }
    }),

  async *stream(path, decode) {
    const source = createReadStream(path, { highWaterMark: 1 << 18 })
    const through = decoder(decode)
    try {
      if (through) {
        source.on('error', (error) => through.destroy(error))
        source.pipe(through)
        yield* through as AsyncIterable<Uint8Array>
      } else yield* source as AsyncIterable<Uint8Array>
    } catch (error) {
      if (!(error instanceof Error) || !/^(Z_|ERR_|ZSTD)/.test((error as { code?: string }).code ?? ''))
        explain(error, path)
      throw new HoneError('E_CORRUPT', `${path} is not valid ${decode} data: ${error.message}`, { cause: error })
    } finally {
      source.destroy()
      through?.destroy()
    }
  },
  async decompress(bytes, decode, limit) {
    const through = decoder(decode)
    if (!through) return bytes
    const parts: Uint8Array[] = []
    let total = 0
    try {
      for await (const part of Readable.from([bytes]).pipe(through) as AsyncIterable<Uint8Array>) {
        total += part.length
        if (total > limit) throw new HoneError('E_TOO_LARGE', `${decode} data unpacks to more than ${limit} bytes`)
        parts.push(part)
      }
    } catch (error) {
      if (error instanceof HoneError) throw error
      throw new HoneError('E_CORRUPT', `not valid ${decode} data: ${(error as Error).message}`, { cause: error })
    }
    return new Uint8Array(Buffer.concat(parts))
  },
  sha256() {
    const hash = createHash('sha256')
    return {
      update(bytes) {
        hash.update(bytes)
        return this
      },
      digest: () => hash.digest('hex'),
    }
  },

  spawn: runProgram,
  env: (name) => process.env[name],
  cacheFolder() {
    const given = process.env['HONE_CACHE']
    if (given) return given
    const base = process.platform === 'win32' ? process.env['LOCALAPPDATA'] : process.env['XDG_CACHE_HOME']
    if (base) return joinPath(base, 'hone')
    return joinPath(os.homedir(), process.platform === 'darwin' ? 'Library/Caches/hone' : '.cache/hone')
  },
  packageRoot: () => packageRoot,
  workingFolder: () => process.cwd(),
  processId: () => process.pid,
  isProcessAlive(pid) {
    try {
      process.kill(pid, 0)
      return true
    } catch (error) {
      return (error as { code?: string }).code === 'EPERM'
    }
  },
  hostName: () => os.hostname(),
  memory: () => ({ resident: process.memoryUsage.rss(), total: os.totalmem(), available: process.availableMemory() }),
  now: () => Date.now(),
  elapsed: () => performance.now() / 1000,
}

function runProgram(command: string, args: string[], options: SpawnOptions = {}): Promise<SpawnResult> {
  const limit = options.maxOutput ?? 1 << 20
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ? { ...options.env } : process.env,
      timeout: options.timeoutMs,
      killSignal: 'SIGKILL',
    })
    const collect = (stream: NodeJS.ReadableStream) => {
      const parts: Buffer[] = []
      let size = 0
      stream.on('data', (part: Buffer) => {
        if (size < limit) parts.push(part.subarray(0, limit - size))
        size += part.length
      })
      return () => Buffer.concat(parts).toString('utf8')
    }
    const stdout = collect(child.stdout)
    const stderr = collect(child.stderr)
    child.stdin.on('error', () => {})
    child.stdin.end(options.input ?? '')
    child.on('error', (error) =>
      reject(new HoneError('E_NOT_FOUND', `${command} cannot be started: ${error.message}`, { cause: error })),
    )
    child.on('close', (code, signal) => resolve({ code, signal, stdout: stdout(), stderr: stderr() }))
  })
}
