import type { Draw } from './draw.ts'

/** A chain of sums over single digits, worked from left to right: what is beyond a digit falls away. */
export interface Sum {
  digits: readonly number[]
  /** One less than digits. */
  signs: readonly Sign[]
}

const signs = ['+', '-', '*'] as const
export type Sign = (typeof signs)[number]

/** A sum of two or three signs. */
export function drawSum(draw: Draw): Sum {
  const count = 2 + draw.below(2)
  return {
    digits: Array.from({ length: count + 1 }, () => draw.below(10)),
    signs: Array.from({ length: count }, () => draw.pick(signs)),
  }
}

export const calculate = (a: number, sign: Sign, b: number): number =>
  ({ '+': a + b, '-': a - b + 10, '*': a * b })[sign] % 10

/** The values after each sign; the last one is the answer. */
export function valuesOf({ digits, signs }: Sum): number[] {
  let value = digits[0]
  return signs.map((sign, i) => (value = calculate(value, sign, digits[i + 1])))
}

/** "Q7+5-3?" */
export const sumPrompt = ({ digits, signs }: Sum): string =>
  `Q${digits[0]}${signs.map((s, i) => s + digits[i + 1]).join('')}?`

/** A turn that calls the calculator ends here; what it gives back ends with a semicolon. */
export const callEnd = '='

/** What the calculator says to an answer that has come to a call, or null where there is none. */
export function calculatorSays(said: string): string | null {
  const call = /(?:^|;)c(\d)([-+*])(\d)=$/.exec(said)
  return call && `${calculate(Number(call[1]), call[2] as Sign, Number(call[3]))};`
}

/** What an answer says of the last value: high from 5 on, or low. */
const verdicts = ['h', 'l'] as const
const verdictOn = (value: number) => verdicts[value >= 5 ? 0 : 1]

/**
 * An answer in turns: a call for each sign, the calculator's output, and "A" with whether the last of them is high. With `flaw`
 * one thing is done wrongly: a digit or a sign of a call is another one, the last step is left out, or all is guessed without a
 * call. About half of such answers are right by luck.
 */
export function workedSum(sum: Sum, flaw: Draw | null): string {
  const { digits, signs: all } = sum
  const kind = flaw ? flaw.pick(['digit', 'sign', 'skip', 'guess'] as const) : null
  if (flaw && kind === 'guess') return `A${flaw.pick(verdicts)}`
  const at = flaw ? flaw.below(all.length) : -1
  let said = ''
  let value = digits[0]
  for (const [i, sign] of all.entries()) {
    if (kind === 'skip' && i === all.length - 1) break
    const isWrong = i === at
    const own = kind === 'sign' && isWrong ? other(flaw, signs, sign) : sign
    const digit = kind === 'digit' && isWrong ? other(flaw, tens, digits[i + 1]) : digits[i + 1]
    said += `c${value}${own}${digit}=`
    value = calculate(value, own, digit)
    said += `${value};`
  }
  return `${said}A${verdictOn(value)}`
}

const tens = Array.from({ length: 10 }, (_, i) => i)

function other<T>(draw: Draw | null, from: readonly T[], than: T): T {
  const rest = from.filter((one) => one !== than)
  return draw ? draw.pick(rest) : than
}

/** Whether an answer ends in the right verdict, however it came to it. */
export const isSum = (sum: Sum, said: string): boolean => said.endsWith(`A${verdictOn(valuesOf(sum).at(-1) ?? 0)}`)
