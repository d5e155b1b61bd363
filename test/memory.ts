import { HoneError } from '../src/base/errors.ts'
import { parentPath } from '../src/base/platform/index.ts'
import { nodePlatform } from '../src/base/platform/node.ts'
import type { Platform } from '../src/base/platform/types.ts'

/** Every file with its content: what tests compare. */
export type Files = Record<string, string>

export interface MemoryPlatform extends Platform {
  /** Files below a folder, by their path inside it. */
  files(folder: string): Files
  /** A second disk with the same content. */
  copy(): MemoryPlatform
}

/** A platform whose disk is a map: for tests that run a program hundreds of times. All else is the real machine's. */
export function memoryPlatform(
  content = new Map<string, Uint8Array>(),
  folders = new Set<string>(['/', '.']),
): MemoryPlatform {
  const clean = (path: string) => path.replace(/(.)\/+$/, '$1')
  const isInside = (path: string, folder: string) => path.startsWith(folder === '/' ? '/' : `${folder}/`)
  const absent = (path: string) => new HoneError('E_NOT_FOUND', `${path} does not exist`)
  const bytesOf = (text: string | Uint8Array) =>
    typeof text === 'string' ? new TextEncoder().encode(text) : text.slice()
  const file = (path: string) => {
    const bytes = content.get(clean(path))
    if (!bytes) throw absent(path)
    return bytes
  }
  const put = (path: string, bytes: Uint8Array) => {
    if (!folders.has(parentPath(clean(path)))) throw absent(parentPath(path))
    if (folders.has(clean(path))) throw new HoneError('E_NOT_A_FILE', `${path} is a folder`)
    content.set(clean(path), bytes)
  }
  const below = (folder: string) => [...content.keys(), ...folders].filter((path) => isInside(path, clean(folder)))

  return {
    ...nodePlatform,
    async stat(path) {
      if (folders.has(clean(path))) return { kind: 'folder', size: 0, modified: 0 }
      const bytes = content.get(clean(path))
      return bytes ? { kind: 'file', size: bytes.length, modified: 0 } : null
    },
    async list(folder) {
      if (!folders.has(clean(folder))) throw absent(folder)
      const skip = clean(folder) === '/' ? 1 : clean(folder).length + 1
      return [...new Set(below(folder).map((path) => path.slice(skip).split('/')[0]))].filter(Boolean).sort()
    },
    async open(path) {
      const bytes = file(path)
      return {
        size: bytes.length,
        read: async (offset, length) => bytes.slice(offset, offset + length),
        close: async () => {},
      }
    },
    readFile: async (path) => file(path).slice(),
    readText: async (path) => new TextDecoder().decode(file(path)),
    async writeAtomic(path, given) {
      if (typeof given === 'string' || given instanceof Uint8Array) return put(path, bytesOf(given))
      const parts: Uint8Array[] = []
      for await (const part of given) parts.push(part.slice())
      put(path, new Uint8Array(Buffer.concat(parts)))
    },
    async append(path, more) {
      put(path, new Uint8Array(Buffer.concat([content.get(clean(path)) ?? new Uint8Array(), bytesOf(more)])))
    },
    async truncate(path, length) {
      const before = file(path)
      const after = new Uint8Array(length)
      after.set(before.subarray(0, length))
      content.set(clean(path), after)
    },
    async makeFolder(path) {
      for (let at = clean(path); !folders.has(at); at = parentPath(at)) folders.add(at)
    },
    async rename(from, to) {
      const [source, target] = [clean(from), clean(to)]
      if (folders.has(source)) {
        if (content.has(target) || (folders.has(target) && below(target).length)) throw new Error(`ENOTEMPTY: ${to}`)
        for (const path of [source, ...below(source)]) {
          const moved = target + path.slice(source.length)
          if (folders.delete(path)) folders.add(moved)
          const bytes = content.get(path)
          if (bytes && content.delete(path)) content.set(moved, bytes)
        }
      } else {
        put(target, file(source))
        content.delete(source)
      }
    },
    async remove(path) {
      for (const gone of [clean(path), ...below(path)]) {
        content.delete(gone)
        folders.delete(gone)
      }
    },
    async createExclusive(path, text) {
      if (content.has(clean(path)) || folders.has(clean(path))) return false
      put(path, bytesOf(text))
      return true
    },
    async *stream(path) {
      yield file(path).slice()
    },
    files: (folder) =>
      Object.fromEntries(
        below(folder)
          .filter((path) => content.has(path))
          .sort()
          .map((path) => [path.slice(clean(folder).length + 1), new TextDecoder('latin1').decode(file(path))]),
      ),
    copy: () => memoryPlatform(new Map(content), new Set(folders)),
  }
}
