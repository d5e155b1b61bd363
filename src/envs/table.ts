import { HoneError } from '../base/index.ts'
import { append, prepend } from './edits.ts'
import { type Family, fromFamily } from './family.ts'
import { copy, count, join, repeat, reverse } from './lists.ts'
import { after, ends, first, last } from './positions.ts'
import { lookup, twice } from './searches.ts'
import type { Environment } from './types.ts'

/** The rows behind the environments: argument rules that other text formats may reuse. */
export const families: readonly Family[] = [
  first,
  last,
  ends,
  after,
  copy,
  reverse,
  join,
  repeat,
  count,
  append,
  prepend,
  lookup,
  twice,
]

/** All environments, in the order of listings. */
export const environments: readonly Environment[] = families.map(fromFamily)

/** @throws HoneError E_ENVIRONMENT for an unknown id. */
export function environment(id: string): Environment {
  const found = environments.find((candidate) => candidate.id === id)
  if (found) return found
  throw new HoneError('E_ENVIRONMENT', `there is no environment '${id}'`, {
    help: `known: ${environments.map((candidate) => candidate.id).join(', ')}`,
  })
}
