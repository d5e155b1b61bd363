/**
 * Every reference answer of a problem set passes for itself, bare, in a solution and written otherwise. The sample in `fixtures/`
 * is this project's own; where the folder of extra material is there, GSM8K (Cobbe et al. 2021), MATH (Hendrycks et al. 2021) and
 * AIME are asked too.
 */
import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { problemSets } from '../../../../test/problem-sets.ts'
import { sharedFolder } from '../../../../test/shared.ts'
import { math } from '../math.ts'
import type { Verdict } from '../types.ts'
import { readAnswer } from './answer.ts'
import { equalAnswers } from './equal.ts'

interface Labelled {
  ground_truth: string
  [model: string]: string | { is_correct: boolean; solution: string }
}

/** What four models answered on GSM8K's test set, as published with it, and whether that was right. */
function labelled(): Labelled[] {
  const file = `${sharedFolder()}/data/gsm8k/example_model_solutions.jsonl.gz`
  if (!existsSync(file)) return []
  return gunzipSync(readFileSync(file))
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

const outsideText = (answer: string, change: (piece: string) => string) =>
  answer
    .split(/(\\(?:text|mbox|textnormal)\s*\{[^{}]*\})/)
    .map((piece, i) => (i % 2 === 1 ? piece : change(piece)))
    .join('')

/** The same answer written otherwise; what an answer does not have stays. */
const variants: Record<string, (answer: string) => string> = {
  'in dollars': (answer) => `$${answer}$`,
  'in round brackets': (answer) => `\\(${answer}\\)`,
  'in square brackets': (answer) => `\\[${answer}\\]`,
  'in braces': (answer) => `{${answer}}`,
  'larger fractions': (answer) => answer.replace(/\\[td]?frac/g, '\\dfrac'),
  'smaller fractions': (answer) => answer.replace(/\\[td]?frac/g, '\\tfrac'),
  'fractions with a slash': (answer) => answer.replace(/^(-?)\\[td]?frac\{(\d+)\}\{(\d+)\}$/, '$1$2/$3'),
  'fractions without braces': (answer) => answer.replace(/frac\{(\d)\}\{(\d)\}/g, 'frac$1$2'),
  'roots without braces': (answer) => answer.replace(/\\sqrt\{(\d)\}/g, '\\sqrt $1'),
  'roots with braces': (answer) => answer.replace(/\\sqrt\s?(\d)/g, '\\sqrt{$1}'),
  'growing brackets': (answer) =>
    answer.replace(/(?<!\\left)\((?=[^()]*\)$)/, '\\left(').replace(/(?<!\\right)\)$/, '\\right)'),
  'brackets of one size': (answer) => answer.replace(/\\left|\\right/g, ''),
  'more room': (answer) =>
    /\\[! ]|phantom/.test(answer)
      ? answer
      : outsideText(answer, (piece) => piece.replace(/ /g, '\\; ').replace(/([=+])/g, ' $1\\, ')),
  // `81, 256` is a list and `81,256` a number.
  'less room': (answer) =>
    outsideText(answer, (piece) => piece.replace(/(?<![A-Za-z\d\\]) +(?!\d{3})| +(?![A-Za-z\d])/g, '')),
  'braces around exponents': (answer) => answer.replace(/\^(\d|[a-z])(?![\w])/g, '^{$1}'),
  'braces around bases': (answer) => answer.replace(/_(\d+)/g, '_{$1}'),
  'a sign of multiplication': (answer) => answer.replace(/(\d)\s?(\\pi|\\sqrt)/g, '$1 \\cdot $2'),
  'another one': (answer) => answer.replace(/(\d)\s?(\\pi|\\sqrt)/g, '$1*$2'),
  'groups of digits by commas': (answer) => answer.replace(/,\s?\\!\s?|\{,\}/g, ','),
  'groups of digits in braces': (answer) => answer.replace(/(\d),\s?\\!\s?(?=\d{3})/g, '$1{,}'),
  'no groups of digits': (answer) => answer.replace(/(\d)(?:,\s?\\!\s?|\{,\})(?=\d{3})/g, '$1'),
  'trailing zeros': (answer) => answer.replace(/^(-?\d+\.\d+)$/, '$100'),
  'a point and zeros': (answer) => answer.replace(/^(-?\d+)$/, '$1.00'),
  'other boxes of text': (answer) => answer.replace(/\\(?:text|mbox|textnormal)\b/g, '\\textrm'),
  'text as it is': (answer) => answer.replace(/^\\(?:text|mbox)\{([^{}\d]*)\}$/, '$1'),
  'degrees in braces': (answer) => answer.replace(/\^\\circ/g, '^{\\circ}'),
  'a sign of degrees': (answer) => answer.replace(/\^\\circ|\^\{\\circ\}/g, '°'),
  'no unit': (answer) => answer.replace(/^(-?[\d.]+)(?:\^\\circ|\^\{\\circ\}|\s?\\%)$/, '$1'),
  'a bare sign of percent': (answer) => answer.replace(/\\%/g, '%'),
  'typeset characters': (answer) =>
    answer
      .replace(/-/g, '−')
      .replace(/\\pi\b/g, 'π')
      .replace(/\\infty\b/g, '∞')
      .replace(/\\cup\b/g, '∪')
      .replace(/\\sqrt(?!\[)/g, '√'),
  'square matrices': (answer) => answer.replace(/\{pmatrix\}/g, '{bmatrix}'),
  'other signs of order': (answer) => answer.replace(/\\leq?\b/g, '\\leqslant').replace(/\\geq?\b/g, '\\geqslant'),
  'a name before it': (answer) => (/^-?[\d.]+$|^-?\\frac\{\d+\}\{\d+\}$/.test(answer) ? `x = ${answer}` : answer),
  'terms the other way round': (answer) =>
    answer.replace(/^(\d+|\d*\\(?:pi|sqrt\{\d+\})) \+ (\d+|\d*\\(?:pi|sqrt\{\d+\}))$/, '$2 + $1'),
  'a list the other way round': (answer) =>
    /^[^()[\]{}\\]+(?:,[^()[\]{}\\]+)+$/.test(answer) && !/\d,\d{3}(?!\d)/.test(answer)
      ? answer.split(',').reverse().join(',')
      : answer,
  'a set as a list': (answer) => answer.replace(/^\\\{([^{}\\]*)\\\}$/, '$1'),
}

test.each(problemSets)(
  '$name: each solution, and each answer in every place, passes for itself',
  ({ references, answers }) => {
    const failed: string[] = []
    const ask = (answer: string, reference: string) => {
      const { correct, why } = math.verify({ answer, reference }) as Verdict
      if (!correct) failed.push(`${answer.slice(-80)}: ${why}`)
    }
    for (const reference of new Set(references))
      ask(/\\boxed|\\fbox|####/.test(reference) ? reference : `\\boxed{${reference}}`, reference)
    for (const answer of answers) {
      ask(`So it is $\\boxed{${answer}}$.`, answer)
      ask(`The final answer is $${answer}$. I hope it is correct.`, answer)
      ask(`Work.\n#### ${answer.replaceAll('\n', ' ')}`, answer)
      ask(answer, answer)
    }
    expect(failed).toEqual([])
  },
)

test.each(problemSets)('$name: so it does written otherwise', ({ name, answers }) => {
  const failed: string[] = []
  const used = new Map<string, number>()
  for (const answer of answers) {
    const reference = readAnswer(answer)
    for (const [kind, change] of Object.entries(variants)) {
      const other = change(answer)
      if (other === answer) continue
      used.set(kind, (used.get(kind) ?? 0) + 1)
      if (!equalAnswers(readAnswer(other), reference)) failed.push(`${kind}: ${other} for ${answer}`)
    }
  }
  expect(failed).toEqual([])
  // A variant that changes nothing tests nothing.
  if (name === 'own') expect(Object.keys(variants).filter((kind) => !used.has(kind))).toEqual([])
})

test.runIf(labelled().length > 0)('solutions of models are right where those who published them say so', () => {
  let asked = 0
  const other: string[] = []
  for (const { ground_truth, question, ...models } of labelled()) {
    const reference = ground_truth.slice(ground_truth.lastIndexOf('A:') + 2).trim()
    for (const said of Object.values(models)) {
      if (typeof said === 'string') continue
      const { correct, why } = math.verify({ answer: said.solution, reference }) as Verdict
      asked++
      if (correct !== said.is_correct) other.push(why)
    }
  }
  expect(other).toEqual([])
  expect(asked).toBe(4 * 1319)
})
