import { showValue } from '../../base/index.ts'
import { texts } from './references.ts'
import type { Verifier } from './types.ts'

/** An answer without what does not matter to exact match: letter case, outer and repeated white space, a last full stop. */
export function normaliseAnswer(answer: string): string {
  return answer.toLowerCase().trim().replace(/\s+/g, ' ').replace(/ ?\.$/, '')
}

/** Whether a completion is one of the accepted answers, after normalisation; anything more or less does not count. */
export function exactMatch(completion: string, accepted: readonly string[]): boolean {
  const given = normaliseAnswer(completion)
  return accepted.some((answer) => normaliseAnswer(answer) === given)
}

export const exact: Verifier = {
  id: 'exact',
  about: 'the reference and nothing besides; letter case, white space and a last full stop do not matter',
  takes: 'a text, or a list of accepted ones',
  verify({ answer, reference }) {
    const accepted = texts(reference)
    const correct = exactMatch(answer, accepted)
    const why = `${showValue(answer)} ${correct ? 'is' : 'is not'} ${accepted.map(showValue).join(' or ')}`
    return { score: Number(correct), correct, extracted: normaliseAnswer(answer), why }
  },
}
