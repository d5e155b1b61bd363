import { HoneError, joinPath, parentPath, platform } from '../base/index.ts'
import { documentText, type RunPaths, readDocument } from './layout.ts'

/** Readers of a model directory begin with one of these, so they are the last to appear and the first to go. */
const entryFiles = ['adapter_config.json', 'config.json']
const entryRank = (file: string): number => entryFiles.indexOf(file) + 1

async function filesBelow(folder: string, prefix = ''): Promise<string[]> {
  const files: string[] = []
  for (const name of await platform().list(joinPath(folder, prefix))) {
    const file = joinPath(prefix, name)
    const info = await platform().stat(joinPath(folder, file))
    if (info?.kind === 'folder') files.push(...(await filesBelow(folder, file)))
    else files.push(file)
  }
  return files
}

/** Whether a name from a file stays within the output folder and out of the run's. */
function isInside(file: string): boolean {
  const parts = file.split(/[/\\]/)
  return !/^[A-Za-z]:/.test(file) && parts[0].toLowerCase() !== 'run' && parts.every((part) => !/^\.{0,2}$/.test(part))
}

/** Files of the result that lie in the output folder, entry files last; names that lead out of the folder are ignored. */
export async function resultFiles(paths: RunPaths): Promise<string[]> {
  const files = (await readDocument(paths.result))?.files
  if (!Array.isArray(files)) return []
  return files.filter((file) => typeof file === 'string' && isInside(file))
}

/** Takes the result out of the output folder again; what else lies there stays. */
export async function removeResult(paths: RunPaths): Promise<void> {
  for (const file of (await resultFiles(paths)).reverse()) await platform().remove(joinPath(paths.out, file))
  await platform().remove(paths.result)
}

/**
 * Puts the result into the output folder: written whole beside it first, then moved in file by file, the entry file
 * last. Broken off at any point, it can be done again.
 */
export async function publishResult(paths: RunPaths, write: (folder: string) => Promise<void>): Promise<string[]> {
  const draft = paths.resultDraft
  let files: string[]
  try {
    await platform().remove(draft)
    await platform().makeFolder(draft)
    await write(draft)
    files = (await filesBelow(draft)).sort((a, b) => entryRank(a) - entryRank(b) || (a < b ? -1 : 1))
    const clash = files.find((file) => /^run(\/|$)/.test(file))
    if (clash) throw new HoneError('E_RESULT', `the result holds ${clash}, but ${paths.folder} belongs to the run`)
  } catch (error) {
    await platform()
      .remove(draft)
      .catch(() => {})
    throw error
  }
  await removeResult(paths)
  await platform().writeAtomic(paths.result, documentText({ files }))
  for (const file of files) {
    const target = joinPath(paths.out, file)
    if (file.includes('/')) await platform().makeFolder(parentPath(target))
    await platform().rename(joinPath(draft, file), target)
  }
  await platform().remove(draft)
  return files
}
