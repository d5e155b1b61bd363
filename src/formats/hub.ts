/**
 * Models and data sets of the Hugging Face hub, or of a server that speaks its API, as local folders in the cache that
 * Python's tools share: what either has downloaded, the other finds.
 */
import { HoneError, joinPath, parentPath, platform, throwIfAborted } from '../base/index.ts'
import { type HubKind, type HubSettings, hubSettings } from './hub-client.ts'
import { fetchFile } from './hub-download.ts'
import { COMMIT, type HubFile, type HubRepository, listTree, readTree, resolveCommit } from './hub-tree.ts'

export interface HubProgress {
  /** The file that is arriving. */
  file: string
  /** Bytes of all files that are here, and that there will be. */
  received: number
  total: number
}

export interface ResolveHubOptions {
  kind: HubKind
  /** Branch, tag or commit; 'main' by default. */
  revision?: string
  /** Which files: '*' stands for anything but '/', '**' for anything. By default what hone reads of that kind. */
  allow?: readonly string[]
  signal?: AbortSignal
  onProgress?: (progress: HubProgress) => void
  /** Milliseconds of silence until a request counts as lost, instead of `HF_HUB_DOWNLOAD_TIMEOUT`. */
  timeoutMs?: number
  /** Milliseconds before the first repetition of a failed request; doubled for every further one. */
  retryMs?: number
}

const MODEL_FILES = [
  '*.json',
  'model*.safetensors',
  'adapter_model*.safetensors',
  '*.model',
  '*.txt',
  '*.jinja',
  'additional_chat_templates/*.jinja',
]
const ROW_ENDINGS = ['jsonl', 'ndjson', 'json', 'csv', 'tsv', 'txt', 'parquet']
const DEFAULTS: Record<HubKind, readonly string[]> = {
  model: MODEL_FILES,
  dataset: ROW_ENDINGS.flatMap((ending) => [`**/*.${ending}`, `**/*.${ending}.gz`, `**/*.${ending}.zst`]),
}

/** Whether a text can be the id of a repository: 'name' or 'owner/name'. */
export function isHubId(id: string): boolean {
  return /^[A-Za-z0-9][\w.-]*(\/[A-Za-z0-9][\w.-]*)?$/.test(id) && !id.includes('..') && !id.includes('--')
}

/**
 * Downloads what is not in the cache yet and returns the snapshot's folder. Honours `HF_ENDPOINT`, `HF_TOKEN`, `HF_HOME`,
 * `HF_HUB_CACHE`, `HF_HUB_OFFLINE` and `HF_HUB_DOWNLOAD_TIMEOUT`. Offline, or when the network fails, a complete snapshot
 * of the revision in the cache is used. Throws `E_HUB_ID`, `E_HUB_ACCESS`, `E_NOT_FOUND`, `E_OFFLINE`, `E_NETWORK`,
 * `E_HUB_CORRUPT`, `E_HUB_PATH`, `E_HUB_EMPTY` (no file of the repository is wanted) or `E_PICKLE`.
 */
export async function resolveHub(id: string, options: ResolveHubOptions): Promise<string> {
  const { kind, revision = 'main', signal } = options
  if (!isHubId(id))
    throw new HoneError('E_HUB_ID', `'${id}' is neither a local path nor the id of a ${kind} (owner/name)`, {
      help: 'Check the spelling of the path or id.',
    })
  if (!/^[\w][\w./-]*$/.test(revision) || revision.includes('..'))
    throw new HoneError('E_HUB_ID', `'${revision}' is no branch, tag or commit`)
  const found = await hubSettings()
  const { timeoutMs = found.timeoutMs, retryMs = found.retryMs } = options
  const settings: HubSettings = { ...found, timeoutMs, retryMs, signal }
  const folder = joinPath(settings.cache, `${kind}s--${id.replace('/', '--')}`)
  const repo: HubRepository = { id, kind, folder, what: `the ${kind} ${id}` }
  const wanted = (files: HubFile[]) => select(repo, files, options.allow)
  if (settings.offline) return offline(repo, revision, wanted, null)
  let commit: string
  let files: HubFile[]
  try {
    commit = await resolveCommit(repo, revision, settings)
    files = await listTree(repo, commit, settings)
  } catch (error) {
    if (!(error instanceof HoneError) || error.code !== 'E_NETWORK') throw error
    return offline(repo, revision, wanted, error)
  }
  await fetchAll(repo, commit, wanted(files), settings, options.onProgress)
  if (revision !== commit) {
    const ref = joinPath(folder, 'refs', revision)
    await platform().makeFolder(parentPath(ref))
    await platform().writeAtomic(ref, commit)
  }
  return joinPath(folder, 'snapshots', commit)
}

async function fetchAll(
  repo: HubRepository,
  commit: string,
  files: HubFile[],
  settings: HubSettings,
  onProgress: ResolveHubOptions['onProgress'],
): Promise<void> {
  const total = files.reduce((sum, { size }) => sum + size, 0)
  let before = 0
  for (const file of files) {
    throwIfAborted(settings.signal)
    const report = (received: number) => onProgress?.({ file: file.path, received: before + received, total })
    await fetchFile(repo, commit, file, settings, report)
    report(file.size)
    before += file.size
  }
}

/** The snapshot of the revision in the cache, if all wanted files are there; `cause` says why the hub was not asked. */
async function offline(
  repo: HubRepository,
  revision: string,
  wanted: (files: HubFile[]) => HubFile[],
  cause: HoneError | null,
): Promise<string> {
  const ref = joinPath(repo.folder, 'refs', revision)
  const known = COMMIT.test(revision) ? revision : (await platform().stat(ref)) ? await platform().readText(ref) : ''
  const commit = known.trim()
  const snapshot = joinPath(repo.folder, 'snapshots', commit)
  const missing = (what: string) =>
    cause ??
    new HoneError('E_OFFLINE', `${what}, and HF_HUB_OFFLINE forbids asking the hub`, {
      help: 'Unset HF_HUB_OFFLINE once to download it, or give the path of a local folder.',
    })
  if (!COMMIT.test(commit) || !(await platform().stat(snapshot)))
    throw missing(`${repo.what} at revision '${revision}' is not in the cache`)
  // Without a list of its files, as older tools leave it, the snapshot is taken to be what its maker wanted.
  const files = await readTree(repo, commit)
  for (const { path, size } of files ? wanted(files) : []) {
    if ((await platform().stat(joinPath(snapshot, path)))?.size !== size)
      throw missing(`${path} of ${repo.what} is not in the cache`)
  }
  return snapshot
}

function select(repo: HubRepository, files: HubFile[], allow: readonly string[] | undefined): HubFile[] {
  const patterns = (allow ?? DEFAULTS[repo.kind]).map(glob)
  const chosen = files.filter(({ path }) => patterns.some((pattern) => pattern.test(path)))
  const names = files.map(({ path }) => path)
  const shown = `${names.slice(0, 8).join(', ')}${names.length > 8 ? ', …' : ''}`
  const weights = (ending: RegExp) => names.some((name) => ending.test(name))
  if (!allow && repo.kind === 'model' && !weights(/^(adapter_)?model.*\.safetensors$/) && weights(/\.bin$/))
    throw new HoneError('E_PICKLE', `${repo.what} has its weights as .bin files only, expected safetensors`, {
      help: 'A .bin file is a Python pickle, which may run any program when opened. Look for a revision with safetensors.',
    })
  if (chosen.length > 0) return chosen
  throw new HoneError('E_HUB_EMPTY', `${repo.what} has no file of those wanted; it has ${shown || 'none'}`, {
    help: `Wanted were ${(allow ?? DEFAULTS[repo.kind]).slice(0, 7).join(', ')}. Name others with the option allow.`,
  })
}

/** '*' matches within a folder, '**' across folders, '?' one character. */
function glob(pattern: string): RegExp {
  const source = pattern.replace(/\*\*\/|\*\*|\*|\?|[.+^${}()|[\]\\]/g, (part) => {
    if (part === '**/') return '(?:.*/)?'
    return { '**': '.*', '*': '[^/]*', '?': '[^/]' }[part] ?? `\\${part}`
  })
  return new RegExp(`^${source}$`)
}
