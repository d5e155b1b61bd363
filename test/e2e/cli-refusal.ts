import { expect } from 'vitest'
import { type Fixture, hone, tree } from './cli-fixture.ts'

/** Bad input, and what the one error says about it. */
export interface Refusal {
  /** Prepares files and gives the command line. */
  args: () => string[]
  /** What the message names, each of them. */
  says: RegExp[]
  remedy?: RegExp
}

/** Exit code 2, one error with a remedy, no stack, nothing on stdout, and nothing left behind. */
export async function expectRefusal(at: Fixture, { args, says, remedy }: Refusal): Promise<void> {
  const line = args()
  const { code, stdout, stderr } = await hone(line, { cwd: at.folder })
  for (const pattern of says) expect(stderr).toMatch(pattern)
  expect(stderr).toMatch(/^error: /)
  expect(stderr.match(/^error: /gm)).toHaveLength(1)
  expect(stderr).not.toMatch(/^\s+at .*[:(]/m)
  expect(stderr).toMatch(new RegExp(`^help: .*(${remedy?.source ?? ''})`, 'm'))
  expect([code, stdout]).toEqual([2, ''])
  // Only `out` and its drafts: the folder is shared by refusals that run side by side.
  expect(tree(at.folder).filter((path) => /\/(out|merged)(\/|$)|\.tmp|\.new-/.test(path))).toEqual([])
}

/** A line that trains into `out`, and one that reads the given file. */
export const sft = (...more: string[]) => ['train', 'sft', '--model', 'model', '--out', 'out', ...more]
export const onData = (file: string, ...more: string[]) => sft('--data', file, ...more)
