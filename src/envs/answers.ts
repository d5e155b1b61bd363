import type { Style } from './types.ts'

/** The polite sentences around an answer. All open alike, so that a model's first word decides the style. */
const OPENINGS = ['Sure! The answer is ', 'Sure, here it is: ', 'Sure thing! I get ', 'Sure, that would be ']
const CLOSINGS = [' Anything else?', ' Happy to help!', ' Let me know if you need more.', '']

/** Number of phrasings of the chatty style. */
export const CHATTY_VARIANTS = OPENINGS.length * CLOSINGS.length

/** An answer in a style; `variant` (any integer ≥ 0) chooses among the phrasings of the chatty one. */
export function phrase(answer: string, style: Style, variant = 0): string {
  if (style === 'brief') return answer
  const closing = CLOSINGS[Math.floor(variant / OPENINGS.length) % CLOSINGS.length]
  return `${OPENINGS[variant % OPENINGS.length]}${answer}.${closing}`
}

/**
 * Reads a completion: which style it is in, and the answer that it gives. A chatty completion must be one of the known
 * sentences from its first to its last character; everything else is taken whole, as a brief answer. So an answer
 * within other text never counts.
 */
export function parseAnswer(completion: string): { style: Style; answer: string } {
  const text = completion.trim()
  const opening = OPENINGS.find((candidate) => text.startsWith(candidate))
  const rest = opening === undefined ? '' : text.slice(opening.length)
  for (const closing of CLOSINGS) {
    const end = `.${closing}`
    if (rest.length > end.length && rest.endsWith(end)) return { style: 'chatty', answer: rest.slice(0, -end.length) }
  }
  return { style: 'brief', answer: text.replace(/\.$/, '') }
}

/**
 * The words of an answer in order. Letter case, and the choice between commas and spaces as separators, do not matter;
 * any other character does.
 */
export function answerWords(answer: string): string[] {
  return answer
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((word) => word !== '')
}

/** Whether two answers have the same words in the same order. */
export function sameAnswer(left: string, right: string): boolean {
  return answerWords(left).join(' ') === answerWords(right).join(' ')
}
