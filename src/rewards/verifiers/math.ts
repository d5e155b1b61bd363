import { HoneError, showValue } from '../../base/index.ts'
import { readAnswer } from './math/answer.ts'
import { equalAnswers } from './math/equal.ts'
import { extractAnswer, extractReference, MAX_ANSWER } from './math/extract.ts'
import { texts } from './references.ts'
import type { Verifier } from './types.ts'

/**
 * Whether two final answers, in LaTeX or plain text, are the same mathematics. Numbers are compared exactly (0.5 is 1/2, 0.333
 * is not 1/3), expressions with symbols as functions, lists and sets without order, tuples with it.
 */
export function equalMath(left: string, right: string): boolean {
  if (left.length > MAX_ANSWER || right.length > MAX_ANSWER) return false
  return equalAnswers(readAnswer(left), readAnswer(right))
}

export const math: Verifier = {
  id: 'math',
  about: "a final answer that equals the reference's as mathematics",
  takes: 'an answer or a solution that ends in one, in LaTeX or plain text, or a list of such',
  verify({ answer, reference }) {
    const accepted = texts(reference).map(extractReference)
    const empty = accepted.find((text) => text === '' || text.length > MAX_ANSWER)
    if (empty !== undefined) {
      throw new HoneError('E_REFERENCE', `the reference is ${showValue(empty)}, expected an answer`, {
        help: `It may have up to ${MAX_ANSWER} characters.`,
      })
    }
    const extracted = extractAnswer(answer)
    if (!extracted) return { score: 0, correct: false, why: 'no final answer was found' }
    const given = readAnswer(extracted.answer)
    const correct = accepted.some((text) => equalAnswers(given, readAnswer(text)))
    const why = `${showValue(extracted.answer)} (${extracted.where}) ${correct ? 'equals' : 'is not'} ${showValue(accepted[0])}`
    return { score: Number(correct), correct, extracted: extracted.answer, why }
  },
}
