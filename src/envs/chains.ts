import type { Draw } from './draw.ts'

/**
 * Chains of arithmetic modulo 10, worked from left to right: `7+5*3=`. A solution may give the answer alone or every step,
 * `7+5=2;2*3=6;6`. Each step is a fact of two digits, so that what is hard is the number of steps.
 */
export interface Chain {
  start: number
  steps: readonly { sign: Sign; operand: number }[]
}

export type Sign = '+' | '-' | '*'

export const signs: readonly Sign[] = ['+', '-', '*']

export const apply = (a: number, sign: Sign, b: number): number =>
  (((sign === '+' ? a + b : sign === '-' ? a - b : a * b) % 10) + 10) % 10

export function drawChain(draw: Draw, length: number, from: readonly Sign[] = signs): Chain {
  const steps = Array.from({ length }, () => ({ sign: draw.pick(from), operand: draw.below(10) }))
  return { start: draw.below(10), steps }
}

export const questionOf = ({ start, steps }: Chain): string =>
  `${start}${steps.map(({ sign, operand }) => `${sign}${operand}`).join('')}=`

export const answerOf = ({ start, steps }: Chain): number =>
  steps.reduce((value, { sign, operand }) => apply(value, sign, operand), start)

/** Facts of one step in a row, as a base model reads them: `7+5=2 3*4=2`. */
export const drawFacts = (draw: Draw, count: number, from: readonly Sign[] = signs): string =>
  Array.from({ length: count }, () => {
    const chain = drawChain(draw, 1, from)
    return questionOf(chain) + answerOf(chain)
  }).join(' ')

/** A question and its working as a base model reads them, in another notation: `7 plus 5 times 3: 7 plus 5 is 2, 2 times 3 is 6`. */
export function spokenChain(chain: Chain): string {
  const names: Record<Sign, string> = { '+': 'plus', '-': 'less', '*': 'times' }
  const question = chain.steps.map(({ sign, operand }) => ` ${names[sign]} ${operand}`).join('')
  const lines = solve(chain, 'steps').split(';').slice(0, -1)
  const spoken = lines.map((line) => line.replace(/[-+*]/, (sign) => ` ${names[sign as Sign]} `).replace('=', ' is '))
  return `${chain.start}${question}: ${spoken.join(', ')}`
}

/** How a solution is written: the answer alone, every step, or every step followed by the reverse question that checks it. */
export type Manner = 'direct' | 'steps' | 'checked'

/**
 * A solution. With `slip` the result of that step (from 0) is off by `by`, and what follows is worked rightly from there:
 * the answer may come out right all the same, where a later step multiplies by 0.
 */
export function solve({ start, steps }: Chain, manner: Manner, slip?: { step: number; by: number }): string {
  let value = start
  const lines = steps.map(({ sign, operand }, i) => {
    const off = slip?.step === i ? slip.by : 0
    const result = (apply(value, sign, operand) + off) % 10
    const line = `${value}${sign}${operand}=${result};${manner === 'checked' ? `so ${result};` : ''}`
    value = result
    return line
  })
  return manner === 'direct' ? `${value}` : `${lines.join('')}${value}`
}

/** Whether the last word of a completion is the answer. */
export const isRight = (chain: Chain, completion: string): boolean =>
  completion.trim().split(';').at(-1) === String(answerOf(chain))

/** Whether a completion shows one line for each step of the question, right or wrong, and then an answer. */
export function isStepwise({ steps }: Chain, completion: string): boolean {
  const lines = completion.trim().split(';')
  const worked = lines.slice(0, -1).filter((line) => /^\d[-+*]\d=\d$/.test(line))
  return worked.length === steps.length && /^\d$/.test(lines.at(-1) ?? '')
}

/** Right in every step and written out: the form that the demonstrations have. */
export const isWorked = (chain: Chain, completion: string): boolean => completion.trim() === solve(chain, 'steps')
