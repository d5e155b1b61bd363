import type { Draw } from './draw.ts'

/**
 * Judgments that can be checked line by line. A response is a row of digits; a rubric names a property; the evidence says of each
 * digit whether it has it, and the score is 1 and one more for each that does. Two digits of each rubric are often overlooked by
 * those who wrote the demonstrations.
 */

interface Rubric {
  has(digit: number): boolean
  /** Digits that have the property and are overlooked. */
  hard: readonly [number, number]
}

export const rubrics: Readonly<Record<string, Rubric>> = {
  e: { has: (digit) => digit % 2 === 0, hard: [0, 8] },
  o: { has: (digit) => digit % 2 === 1, hard: [1, 9] },
  h: { has: (digit) => digit >= 5, hard: [5, 6] },
  l: { has: (digit) => digit < 5, hard: [3, 4] },
  t: { has: (digit) => digit % 3 === 0, hard: [0, 9] },
}

const tens = Array.from({ length: 10 }, (_, digit) => digit)
const length = 4
/** One response in three has two hard digits. */
const hardShare = 1 / 3

export interface Judged {
  rubric: string
  digits: readonly number[]
}

export function drawJudged(draw: Draw): Judged {
  const rubric = draw.pick(Object.keys(rubrics))
  const { hard } = rubrics[rubric]
  const easy = tens.filter((digit) => !hard.includes(digit))
  const digits = Array.from({ length }, () => draw.pick(easy))
  const places = draw.some([...digits.keys()], 2)
  if (draw.chance(hardShare)) for (const place of places) digits[place] = draw.pick(hard)
  return { rubric, digits }
}

/** What a judge reads: with a rationale asked for, or the score alone. */
export const judgePrompt = ({ rubric, digits }: Judged, isReasoned = true): string =>
  `${rubric}${digits.join('')}${isReasoned ? '?' : '!'}`

/** What stands before the score. */
export const scoreMark = '='

/** The evidence on each digit, and the score that follows; `isCareless` overlooks hard digits. */
export function judgmentOf(
  { rubric, digits }: Judged,
  { isCareless = false } = {},
): { evidence: string[]; score: number } {
  const { has, hard } = rubrics[rubric]
  const found = digits.map((digit) => has(digit) && !(isCareless && hard.includes(digit)))
  const evidence = digits.map((digit, i) => `${digit}${found[i] ? '+' : '-'}`)
  return { evidence, score: 1 + found.filter(Boolean).length }
}

/** A judgment as it is written, with or without its rationale. */
export const writeJudgment = ({ evidence, score }: ReturnType<typeof judgmentOf>, isReasoned = true): string =>
  `${isReasoned ? evidence.join('') : ''}${scoreMark}${score}`

/** The share of a judgment's lines of evidence that are right. */
export function rightEvidence(judged: Judged, text: string): number {
  const [told] = text.split(scoreMark)
  const right = judgmentOf(judged).evidence
  return right.filter((line, i) => told.slice(2 * i, 2 * i + 2) === line).length / right.length
}
