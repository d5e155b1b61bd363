/** One file of the hub into the cache: resumed where it broke off, checked by size and hash, put in place at once. */
import { HoneError, joinPath, parentPath, pause, platform, throwIfAborted } from '../base/index.ts'
import { get, type HubSettings, Passing, retrying } from './hub-client.ts'
import { blobName, type HubFile, type HubRepository } from './hub-tree.ts'

/** Written, and flushed, in pieces of this many bytes. */
const PIECE = 8 << 20
/** So much new content shows that repeating leads somewhere. */
const PROGRESS = 1 << 20
/** Files that git holds itself are small; larger ones are checked by size alone. */
const MAX_GIT_BYTES = 128 << 20

/**
 * Makes `snapshots/COMMIT/PATH` hold the file, as a link to `blobs/HASH` where the system has links.
 * Throws `E_HUB_CORRUPT` when what arrives, twice over, is not what the hub describes; else as `get` and `retrying` do.
 */
export async function fetchFile(
  repo: HubRepository,
  commit: string,
  file: HubFile,
  settings: HubSettings,
  onBytes: (received: number) => void,
): Promise<void> {
  const target = joinPath(repo.folder, 'snapshots', commit, file.path)
  const blob = joinPath(repo.folder, 'blobs', blobName(file))
  if ((await platform().stat(target))?.size === file.size) return
  await platform().makeFolder(parentPath(target))
  await platform().makeFolder(parentPath(blob))
  await withLock(`${blob}.lock`, `${blob}.incomplete`, settings, async () => {
    if ((await platform().stat(blob))?.size !== file.size) await download(repo, commit, file, blob, settings, onBytes)
    await platform().remove(target)
    const up = '../'.repeat(file.path.split('/').length + 1)
    if (await platform().link(`${up}blobs/${blobName(file)}`, target)) return
    // Without links the snapshot holds the content itself, as with Python's tools.
    await platform().rename(blob, target)
  })
}

async function download(
  repo: HubRepository,
  commit: string,
  file: HubFile,
  blob: string,
  settings: HubSettings,
  onBytes: (received: number) => void,
): Promise<void> {
  const incomplete = `${blob}.incomplete`
  const place = repo.kind === 'dataset' ? `datasets/${repo.id}` : repo.id
  const url = `${settings.endpoint}/${place}/resolve/${commit}/${file.path.split('/').map(encodeURIComponent).join('/')}`
  for (let attempt = 1; ; attempt++) {
    await retrying(`${file.path} of ${repo.what}`, settings, (progress) =>
      receive({ url, what: `${file.path} of ${repo.what}` }, file, incomplete, settings, progress, onBytes),
    )
    const fault = await check(file, incomplete)
    if (!fault) break
    await platform().remove(incomplete)
    if (attempt < 2) continue
    throw new HoneError('E_HUB_CORRUPT', `${file.path} of ${repo.what} arrived damaged: ${fault}`, {
      help: 'Nothing of it was kept. Try again later; a proxy in between may change what passes through it.',
    })
  }
  await platform().rename(incomplete, blob)
}

/** Appends to the incomplete file until it has its size; throws `Passing` when the answer ends before that. */
async function receive(
  request: { url: string; what: string },
  { size }: HubFile,
  incomplete: string,
  settings: HubSettings,
  progress: () => void,
  onBytes: (received: number) => void,
): Promise<void> {
  let have = (await platform().stat(incomplete))?.size ?? 0
  if (have > size) {
    await platform().remove(incomplete)
    have = 0
  }
  if (have === 0) await platform().writeAtomic(incomplete, '')
  onBytes(have)
  if (have === size) return
  const range: Record<string, string> = have > 0 ? { range: `bytes=${have}-` } : {}
  const answer = await get({ ...request, headers: { 'accept-encoding': 'identity', ...range } }, settings)
  const goesOn = answer.status === 206 && answer.headers.get('content-range')?.startsWith(`bytes ${have}-`)
  if (have > 0 && !goesOn) {
    await platform().truncate(incomplete, 0)
    have = 0
  }
  const start = have
  let parts: Uint8Array[] = []
  let held = 0
  const flush = async () => {
    if (held === 0) return
    const piece = new Uint8Array(held)
    let at = 0
    for (const part of parts) {
      piece.set(part, at)
      at += part.length
    }
    await platform().append(incomplete, piece)
    parts = []
    held = 0
  }
  try {
    for await (const chunk of answer.body) {
      throwIfAborted(settings.signal)
      parts.push(chunk)
      held += chunk.length
      have += chunk.length
      if (have > size) break
      if (held >= PIECE) await flush()
      onBytes(have)
    }
  } finally {
    await flush()
    if (have - start >= PROGRESS) progress()
  }
  if (have < size) throw new Passing(`the answer ended after ${have} of ${size} bytes`)
}

/** What is wrong with a received file, or null. */
async function check({ size, sha256, oid }: HubFile, path: string): Promise<string | null> {
  const received = (await platform().stat(path))?.size ?? 0
  if (received !== size) return `${received} bytes, expected ${size}`
  if (sha256) {
    const hash = platform().sha256()
    for await (const chunk of platform().stream(path, 'none')) hash.update(chunk)
    const digest = hash.digest()
    return digest === sha256 ? null : `its SHA-256 is ${digest}, expected ${sha256}`
  }
  if (size > MAX_GIT_BYTES) return null
  // Git's name of a file: SHA-1 over "blob SIZE\0" and the content.
  const head = new TextEncoder().encode(`blob ${size}\0`)
  const content = new Uint8Array(head.length + size)
  content.set(head)
  content.set(await platform().readFile(path), head.length)
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-1', content))
  const name = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
  return name === oid ? null : `its git hash is ${name}, expected ${oid}`
}

/** A holder that has written nothing for so long is gone, whichever machine it was on. */
const STALE_MS = 120_000

/** Runs `work` as the only one to write this blob; waits for another process that does, and takes over from a dead one. */
async function withLock(lock: string, grows: string, settings: HubSettings, work: () => Promise<void>): Promise<void> {
  const machine = platform()
  const owner = JSON.stringify({ host: machine.hostName(), process: machine.processId() })
  while (!(await machine.createExclusive(lock, owner))) {
    const since = Math.max((await machine.stat(lock))?.modified ?? 0, (await machine.stat(grows))?.modified ?? 0)
    if (machine.now() - since > STALE_MS || (await holderIsDead(lock))) await machine.remove(lock)
    else await pause(200, settings.signal)
  }
  try {
    await work()
  } finally {
    await machine.remove(lock)
  }
}

async function holderIsDead(lock: string): Promise<boolean> {
  try {
    const { host, process } = JSON.parse(await platform().readText(lock)) as { host: string; process: number }
    return host === platform().hostName() && !platform().isProcessAlive(process)
  } catch {
    return false
  }
}
