import { closest, HoneError } from '../../base/index.ts'
import { code } from './code.ts'
import { exact } from './exact.ts'
import { jsonSchema } from './json-schema.ts'
import { math } from './math.ts'
import { regex } from './regex.ts'
import type { Verifier } from './types.ts'

/** The verifiers that come with the project, in the order of listings. */
export const verifiers: readonly Verifier[] = [math, code, exact, regex, jsonSchema]

/** @throws HoneError E_VERIFIER for an unknown id. */
export function verifier(id: string): Verifier {
  const found = verifiers.find((candidate) => candidate.id === id)
  if (found) return found
  const ids = verifiers.map((candidate) => candidate.id)
  const near = closest(id, ids)
  throw new HoneError('E_VERIFIER', `there is no verifier '${id}'${near ? `: did you mean ${near}?` : ''}`, {
    help: `Known: ${ids.join(', ')}.`,
  })
}
