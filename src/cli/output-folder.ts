import { baseName, HoneError, joinPath, parentPath, platform } from '../base/index.ts'

const help = 'Choose another folder, or replace what an earlier export left there with --overwrite.'

/**
 * Refuses an output folder that holds something, before any work is done. With `overwrite` only what is a model's folder
 * may be replaced, and none that a training writes to.
 * @throws HoneError E_EXISTS
 */
export async function checkFolder(out: string, { overwrite }: { overwrite: boolean }): Promise<void> {
  const info = await platform().stat(out)
  if (!info) return
  if (info.kind === 'file') throw new HoneError('E_EXISTS', `${out} is a file, expected a folder or nothing`, { help })
  const names = await platform().list(out)
  if (names.length === 0) return
  if (!overwrite) throw new HoneError('E_EXISTS', `${out} exists and is not empty`, { help })
  const isModel = names.includes('config.json') || names.includes('adapter_config.json')
  if (isModel && !names.includes('run')) return
  const what = names.includes('run') ? 'the folder of a training run' : 'no folder of a model'
  throw new HoneError('E_EXISTS', `${out} is ${what}: it is not replaced`, { help: 'Choose another folder.' })
}

/** Lets `write` fill a folder that takes its name only once it is whole; on an error nothing is left of it. */
export async function writeFolder(
  out: string,
  options: { overwrite: boolean },
  write: (folder: string) => Promise<void>,
): Promise<void> {
  await checkFolder(out, options)
  const hidden = (kind: string) => joinPath(parentPath(out), `.${baseName(out)}.${kind}-${platform().processId()}`)
  const draft = hidden('new')
  try {
    await platform().makeFolder(draft)
    await write(draft)
    if (await platform().stat(out)) {
      await platform().rename(out, hidden('old'))
      await platform().rename(draft, out)
      await platform().remove(hidden('old'))
    } else await platform().rename(draft, out)
  } catch (error) {
    await platform()
      .remove(draft)
      .catch(() => {})
    throw error
  }
}
