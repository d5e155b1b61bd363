/** The files of a repository at one commit: asked of the hub, checked, and kept beside the snapshot. */
import { HoneError, joinPath, platform } from '../base/index.ts'
import { getJson, type HubKind, type HubSettings } from './hub-client.ts'
import { isRecord } from './json.ts'

export interface HubFile {
  path: string
  size: number
  /** Git's hash of the file, or of the pointer to it. */
  oid: string
  /** SHA-256 of the content, where it is stored as a large file. */
  sha256: string | null
  xetHash: string | null
}

export interface HubRepository {
  id: string
  kind: HubKind
  /** Its folder in the cache: models--org--name. */
  folder: string
  /** 'the model org/name' */
  what: string
}

export const COMMIT = /^[0-9a-f]{40}$/
const SHA256 = /^[0-9a-f]{64}$/

/** The name of the file's content in the cache's folder of blobs. */
export const blobName = ({ sha256, oid }: HubFile) => sha256 ?? oid

/** The commit that a branch or tag stands at. Throws as `getJson` does. */
export async function resolveCommit(repo: HubRepository, revision: string, settings: HubSettings): Promise<string> {
  if (COMMIT.test(revision)) return revision
  const url = `${settings.endpoint}/api/${repo.kind}s/${repo.id}/revision/${encodeURIComponent(revision)}`
  const { value } = await getJson({ url, what: `${repo.what} at revision '${revision}'` }, settings)
  const sha = isRecord(value) ? value['sha'] : null
  if (typeof sha === 'string' && COMMIT.test(sha)) return sha
  throw new HoneError('E_HUB', `${url} gave no commit`)
}

/** All files at a commit, from the cache or the hub. Throws `E_HUB_PATH` for a file name that leaves its folder. */
export async function listTree(repo: HubRepository, commit: string, settings: HubSettings): Promise<HubFile[]> {
  const kept = await readTree(repo, commit)
  if (kept) return kept
  const files: HubFile[] = []
  const asked = new Set<string>()
  const origin = new URL(settings.endpoint).origin
  let url: string | null = `${settings.endpoint}/api/${repo.kind}s/${repo.id}/tree/${commit}?recursive=true`
  while (url) {
    if (asked.has(url) || new URL(url).origin !== origin)
      throw new HoneError('E_HUB', `${settings.endpoint} sends in circles, or elsewhere, for the files of ${repo.what}`)
    asked.add(url)
    const { value, headers } = await getJson({ url, what: `the list of files of ${repo.what}` }, settings)
    if (!Array.isArray(value)) throw new HoneError('E_HUB', `${url} gave no list of files`)
    for (const entry of value) if (isRecord(entry) && entry['type'] === 'file') files.push(readFile(entry, repo))
    const next: string | undefined = headers.get('link')?.match(/<([^>]+)>;\s*rel="?next"?/)?.[1]
    url = next ? new URL(next, url).href : null
  }
  await keepTree(repo, commit, files)
  return files
}

function readFile(entry: Record<string, unknown>, { what }: HubRepository): HubFile {
  const { path, size, oid, lfs, xetHash } = entry
  const large = isRecord(lfs) ? lfs : null
  const file = {
    path: checkPath(path, what),
    size: large ? large['size'] : size,
    oid,
    sha256: large ? large['oid'] : null,
    xetHash: typeof xetHash === 'string' && SHA256.test(xetHash) ? xetHash : null,
  }
  return checkFile(file, what)
}

function checkFile(file: { [key in keyof HubFile]: unknown }, what: string): HubFile {
  const { size, oid, sha256 } = file
  const sound =
    Number.isSafeInteger(size) &&
    (size as number) >= 0 &&
    typeof oid === 'string' &&
    COMMIT.test(oid) &&
    (sha256 === null || (typeof sha256 === 'string' && SHA256.test(sha256)))
  if (!sound) throw new HoneError('E_HUB', `${what}: the hub describes ${String(file.path)} without a size and a hash`)
  return file as HubFile
}

/** A repository's file names are joined to a local folder: none may lead out of it, on any system. */
export function checkPath(path: unknown, what: string): string {
  const parts = typeof path === 'string' ? path.split('/') : ['']
  const bad = (part: string) => part === '' || part === '.' || part === '..' || /[\\:\0]/.test(part)
  if (!parts.some(bad)) return path as string
  throw new HoneError('E_HUB_PATH', `${what} names the file ${JSON.stringify(path)}, which could leave its folder`, {
    help: 'Do not use this repository, or ask its owner to rename the file.',
  })
}

const treePath = ({ folder }: HubRepository, commit: string) => joinPath(folder, 'trees', `${commit}.json`)

/** In the form of Python's huggingface_hub (`_tree_cache.py`, format 1), which finds it there. */
async function keepTree(repo: HubRepository, commit: string, files: HubFile[]): Promise<void> {
  const entries = files.map(({ path, size, oid, sha256, xetHash }) => [
    path,
    {
      size,
      blob_id: oid,
      ...(sha256 ? { lfs_sha256: sha256, lfs_size: size } : {}),
      ...(xetHash ? { xet_hash: xetHash } : {}),
    },
  ])
  await platform().makeFolder(joinPath(repo.folder, 'trees'))
  const content = { format_version: 1, files: Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))) }
  await platform().writeAtomic(treePath(repo, commit), JSON.stringify(content, null, 1))
}

/** The list kept for a commit; null when there is none, or none that can be trusted. */
export async function readTree(repo: HubRepository, commit: string): Promise<HubFile[] | null> {
  const path = treePath(repo, commit)
  if (!(await platform().stat(path))) return null
  try {
    const content = JSON.parse(await platform().readText(path)) as unknown
    if (!isRecord(content) || content['format_version'] !== 1 || !isRecord(content['files'])) return null
    return Object.entries(content['files']).map(([name, entry]) => {
      if (!isRecord(entry)) throw new Error(name)
      const sha256 = entry['lfs_sha256'] ?? null
      const size = sha256 ? entry['lfs_size'] : entry['size']
      const xetHash = (entry['xet_hash'] as string | undefined) ?? null
      return checkFile({ path: checkPath(name, repo.what), size, oid: entry['blob_id'], sha256, xetHash }, repo.what)
    })
  } catch {
    return null
  }
}
