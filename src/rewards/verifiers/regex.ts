import { HoneError, showValue } from '../../base/index.ts'
import { compilePattern, type Pattern } from './pattern.ts'
import type { Verifier } from './types.ts'

/** A longer answer is cut here before it is searched. */
const MAX_ANSWER = 50_000

const compiled = new Map<string, Pattern>()

function patternOf(reference: unknown): Pattern {
  const { pattern, flags = '' } =
    typeof reference === 'string'
      ? { pattern: reference }
      : { ...(reference as { pattern?: unknown; flags?: unknown }) }
  if (typeof pattern !== 'string' || typeof flags !== 'string') {
    throw new HoneError('E_REFERENCE', `the reference is ${showValue(reference)}, expected a pattern`, {
      help: 'Give a text, or {"pattern": text, "flags": "i"}.',
    })
  }
  const key = `${flags}/${pattern}`
  const known = compiled.get(key)
  if (known) return known
  // Rows of a file share few patterns; what comes by the thousand is not worth keeping.
  if (compiled.size > 256) compiled.clear()
  const made = compilePattern(pattern, flags)
  compiled.set(key, made)
  return made
}

export const regex: Verifier = {
  id: 'regex',
  about:
    'a part that a pattern matches; anchor it with ^ and $ to match all. No lookaround or backreference, so none hangs',
  takes: 'a pattern, or {"pattern", "flags"} with flags of i, s, m',
  verify({ answer, reference }) {
    const found = patternOf(reference).find(answer.slice(0, MAX_ANSWER))
    if (found === null) return { score: 0, correct: false, why: 'no part of the answer matches the pattern' }
    return { score: 1, correct: true, extracted: found, why: `${showValue(found)} matches the pattern` }
  },
}
