import { joinPath, parentPath, platform } from '../base/index.ts'
import type { Proven } from './prove.ts'

/** A verdict as it is kept under `docs/proofs/`. */
export interface ProofRecord extends Proven {
  /** Day of the run, in UTC. */
  date: string
  /** Commit of the sources that ran. */
  commit: string
  /** Instruction set and threads of the machine, and its Node. */
  machine: string
}

export const recordPath = (id: string): string => joinPath(platform().packageRoot(), 'docs', 'proofs', `${id}.json`)

/** The recorded verdict of a recipe, or null where none was recorded. */
export async function readRecord(id: string): Promise<ProofRecord | null> {
  const path = recordPath(id)
  if (!(await platform().stat(path))) return null
  return JSON.parse(await platform().readText(path)) as ProofRecord
}

export async function writeRecord(record: ProofRecord): Promise<void> {
  const path = recordPath(record.id)
  await platform().makeFolder(parentPath(path))
  await platform().writeAtomic(path, `${JSON.stringify(record, null, 2)}\n`)
}
