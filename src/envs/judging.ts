import type { Draw } from './draw.ts'

/**
 * Judgments that can be checked line by line. A response is a row of digits; a rubric names a property; the evidence says of each
 * digit whether it has it, and the score is 1 and one more for each that does. Some digits of each rubric are often misjudged by
 * those who wrote the demonstrations: two are overlooked, and two are counted that should not be.
 */

interface Rubric {
  has(digit: number): boolean
  /** Two digits that have the property and are overlooked, and two that do not have it and are counted. */
  hard: readonly [readonly [number, number], readonly [number, number]]
}

export const rubrics: Readonly<Record<string, Rubric>> = {
  e: {
    has: (digit) => digit % 2 === 0,
    hard: [
      [0, 8],
      [3, 7],
    ],
  },
  o: {
    has: (digit) => digit % 2 === 1,
    hard: [
      [1, 9],
      [4, 6],
    ],
  },
  h: {
    has: (digit) => digit >= 5,
    hard: [
      [5, 6],
      [3, 4],
    ],
  },
  l: {
    has: (digit) => digit < 5,
    hard: [
      [3, 4],
      [5, 6],
    ],
  },
  t: {
    has: (digit) => digit % 3 === 0,
    hard: [
      [0, 9],
      [1, 5],
    ],
  },
}

const tens = Array.from({ length: 10 }, (_, digit) => digit)
const length = 4
/** One response in three has two hard digits, misjudged the same way. */
const hardShare = 1 / 3

export interface Judged {
  rubric: string
  digits: readonly number[]
}

export function drawJudged(draw: Draw): Judged {
  const rubric = draw.pick(Object.keys(rubrics))
  const { hard } = rubrics[rubric]
  const easy = tens.filter((digit) => !hard.flat().includes(digit))
  const digits = Array.from({ length }, () => draw.pick(easy))
  const places = draw.some([...digits.keys()], 2)
  const kind = draw.pick(hard)
  if (draw.chance(hardShare)) for (const place of places) digits[place] = draw.pick(kind)
  return { rubric, digits }
}

/** What a judge reads: with a rationale asked for, or the score alone. */
export const judgePrompt = ({ rubric, digits }: Judged, isReasoned = true): string =>
  `${rubric}${digits.join('')}${isReasoned ? '?' : '!'}`

/** What stands before the score. */
export const scoreMark = '='

/** The evidence on each digit, and the score that follows; `isCareless` misjudges hard digits, a slip whichever it falls on. */
export function judgmentOf(
  { rubric, digits }: Judged,
  { isCareless = false, isSlip = () => false }: { isCareless?: boolean; isSlip?: (place: number) => boolean } = {},
): { evidence: string[]; score: number } {
  const { has, hard } = rubrics[rubric]
  const careful = digits.map((digit) => has(digit) !== (isCareless && hard.flat().includes(digit)))
  const found = careful.map((one, place) => one !== isSlip(place))
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
