/** What a data spec names: files, a folder, a data set of the hub, or rows in memory. */
import { baseName, closest, HoneError, joinPath, parentPath, platform } from '../base/index.ts'
import { isHubId, listRowFiles, openRowIndex, resolveHub } from '../formats/index.ts'
import type { RawRow } from './row.ts'

/** A path to a file or a folder, the id of a data set on the hub ('owner/name'), or the rows themselves. */
export type DataSource = string | readonly unknown[]

/** Rows by their number, before anything is known of their format. */
export interface RawRows {
  readonly name: string
  readonly length: number
  readMany(indices: readonly number[]): Promise<RawRow[]>
  close(): Promise<void>
}

export type Split = 'train' | 'validation' | 'test'

export interface SourceOptions {
  split: Split
  /** Told of rows that are not even JSON (…), which then have no number; without it the first one throws. */
  onBadRow?: (error: HoneError) => void
  signal?: AbortSignal
}

/** Where the files of a data set on the hub are, once fetched. */
export type ResolveHub = (id: string, options: { signal?: AbortSignal }) => Promise<string>

/**
 * Opens all rows of a source, and says which of the splits it holds: 'named' when its files name them (then only those of
 * the wanted split are opened), else 'whole'.
 *
 * @throws HoneError E_NOT_FOUND, E_EMPTY, and what the readers throw.
 */
export async function openSource(
  source: DataSource,
  options: SourceOptions,
  resolve: ResolveHub = fromHub,
): Promise<{ rows: RawRows; splits: 'named' | 'whole' }> {
  if (typeof source !== 'string') return { rows: inline(source), splits: 'whole' }
  const path = await locate(source, options, resolve)
  const info = await platform().stat(path)
  const all = await listRowFiles(path)
  const chosen = info?.kind === 'folder' ? filesOfSplit(all, options.split) : { files: all, splits: 'whole' as const }
  if (chosen.files.length === 0) {
    const names = all.map((file) => baseName(file)).join(', ')
    throw new HoneError('E_NOT_FOUND', `${source} has no file of the split "${options.split}" (files: ${names})`)
  }
  const parts: RawRows[] = []
  try {
    for (const file of chosen.files) parts.push(await openFile(file, options))
  } catch (error) {
    await Promise.all(parts.map((part) => part.close()))
    throw error
  }
  return { rows: parts.length === 1 ? parts[0] : concatenate(source, parts), splits: chosen.splits }
}

const fromHub: ResolveHub = (id, options) => resolveHub(id, { kind: 'dataset', ...options })

async function openFile(path: string, { onBadRow, signal }: SourceOptions): Promise<RawRows> {
  const index = await openRowIndex(path, { onBadRow, signal })
  return { name: path, length: index.length, readMany: index.readMany, close: index.close }
}

function inline(values: readonly unknown[]): RawRows {
  if (values.length === 0) throw new HoneError('E_EMPTY', 'the list of rows is empty, expected at least one')
  return {
    name: '(inline)',
    length: values.length,
    readMany: async (indices) => indices.map((index) => ({ value: values[index], file: '(inline)', line: index + 1 })),
    close: async () => {},
  }
}

/** One set after the other. */
export function concatenate(name: string, parts: readonly RawRows[]): RawRows {
  const ends = runningSums(parts.map((part) => part.length))
  return {
    name,
    length: ends.at(-1) ?? 0,
    async readMany(indices) {
      const rows = new Array<RawRow>(indices.length)
      const wanted = parts.map(() => ({ places: [] as number[], indices: [] as number[] }))
      indices.forEach((index, place) => {
        const part = ends.findIndex((end) => index < end)
        wanted[part].places.push(place)
        wanted[part].indices.push(index - (ends[part] - parts[part].length))
      })
      await Promise.all(
        wanted.map(async (want, p) => {
          if (want.indices.length === 0) return
          const found = await parts[p].readMany(want.indices)
          want.places.forEach((place, i) => {
            rows[place] = found[i]
          })
        }),
      )
      return rows
    },
    async close() {
      await Promise.all(parts.map((part) => part.close()))
    },
  }
}

/** [a, a+b, a+b+c, …] */
export function runningSums(values: readonly number[]): number[] {
  let sum = 0
  return values.map((value) => (sum += value))
}

const SPLIT_WORDS: Record<string, Split> = {
  train: 'train',
  training: 'train',
  validation: 'validation',
  valid: 'validation',
  val: 'validation',
  dev: 'validation',
  test: 'test',
  testing: 'test',
}

/** The split that a file's name or its folder's speaks of, as the hub reads them: 'data/test-00000-of-00001.parquet'. */
export function splitOfFile(path: string): Split | null {
  const words = `${baseName(parentPath(path))}/${baseName(path)}`.toLowerCase().split(/[^a-z]+/)
  // The file's own name speaks last, and louder than the folder's.
  const word = words.findLast((word) => Object.hasOwn(SPLIT_WORDS, word))
  return word ? SPLIT_WORDS[word] : null
}

/** Files without a split in their name belong to 'train'. No named split at all: the set is whole. */
function filesOfSplit(files: string[], split: Split): { files: string[]; splits: 'named' | 'whole' } {
  const named = files.map(splitOfFile)
  if (split === 'validation' && !named.includes('validation')) {
    return { files: files.filter((_, i) => (named[i] ?? 'train') === 'train'), splits: 'whole' }
  }
  if (named.every((name) => name === null)) return { files: split === 'test' ? [] : files, splits: 'whole' }
  const splits = split === 'test' || named.includes('validation') ? 'named' : 'whole'
  return { files: files.filter((_, i) => (named[i] ?? 'train') === split), splits }
}

/** A path that exists wins over a hub id of the same spelling; a folder that exists makes the rest a misspelt path. */
async function locate(source: string, { signal }: SourceOptions, resolve: ResolveHub): Promise<string> {
  if (await platform().stat(source)) return source
  const [owner, name, ...subset] = source.split('/')
  const id = `${owner}/${name}`
  const spelledAsId = name !== undefined && isHubId(id) && !subset.includes('..') && !ROWS_ENDING.test(source)
  if (spelledAsId && !(await platform().stat(owner))) {
    const folder = await resolve(id, { signal })
    return subset.length > 0 ? await subsetOf(folder, id, subset) : await oneSubset(folder, id)
  }
  const beside = await platform()
    .list(parentPath(source))
    .catch(() => [])
  const near = closest(baseName(source), beside)
  throw new HoneError(
    'E_NOT_FOUND',
    `there is no data at ${source}, expected a file, a folder or a hub id owner/name`,
    {
      help: near ? `did you mean ${joinPath(parentPath(source), near)}?` : 'check the spelling of the path',
    },
  )
}

const ROWS_ENDING = /\.(jsonl|ndjson|json|csv|tsv|txt|parquet|gz|zst)$/i

async function subsetOf(folder: string, id: string, subset: string[]): Promise<string> {
  const path = joinPath(folder, ...subset)
  if (await platform().stat(path)) return path
  const found = subsets(await listRowFiles(folder), folder)
  throw new HoneError('E_NOT_FOUND', `${id} has no subset ${subset.join('/')}, expected one of ${found.join(', ')}`)
}

/** Refuses a data set of several subsets (gsm8k has 'main' and 'socratic'): reading them all is seldom what is meant. */
async function oneSubset(folder: string, id: string): Promise<string> {
  const found = subsets(await listRowFiles(folder), folder)
  if (found.length < 2) return folder
  throw new HoneError('E_SUBSET', `${id} has the subsets ${found.join(', ')}, expected the name of one`, {
    help: `write ${id}/${found[0]}`,
  })
}

/** Folders at the top that hold rows, save those that only name a split. */
function subsets(files: string[], folder: string): string[] {
  const tops = files.map((file) => file.slice(folder.length).split('/').filter(Boolean))
  return [...new Set(tops.flatMap(([top, ...rest]) => (rest.length > 0 && !splitOfFile(`/${top}`) ? [top] : [])))]
}
