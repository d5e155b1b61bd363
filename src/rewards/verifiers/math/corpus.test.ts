/**
 * Every reference answer of a problem set passes for itself, bare, in a solution and written otherwise, and for no other of the
 * set. The sample in `fixtures/` is this project's own; where the folder of extra material is there, GSM8K (Cobbe et al. 2021),
 * MATH (Hendrycks et al. 2021) and AIME are asked too.
 */
import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { sharedFolder } from '../../../../test/shared.ts'
import { math } from '../math.ts'
import type { Verdict } from '../types.ts'
import { readAnswer } from './answer.ts'
import { equalAnswers } from './equal.ts'
import { extractReference } from './extract.ts'

interface Row {
  answer?: string | null
  solution?: string
}

/** Solutions or answers of the sets at hand. */
function problemSets(): Record<string, string[]> {
  const own = readFileSync(new URL('fixtures/answers.txt', import.meta.url), 'utf8')
    .trimEnd()
    .split('\n')
  const folder = sharedFolder()
  const read = (name: string) => gunzipSync(readFileSync(`${folder}/data/${name}.gz`)).toString()
  const rows = (name: string): Row[] => {
    const text = read(name)
    return text.startsWith('[')
      ? JSON.parse(text)
      : text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line))
  }
  const answers = (...names: string[]) =>
    names
      .flatMap(rows)
      .map(({ answer, solution }) => answer ?? solution ?? '')
      .filter((answer) => answer.trim() !== '')
  if (folder === null || !existsSync(`${folder}/data/math`) || !existsSync(`${folder}/data/gsm8k`)) return { own }
  return {
    own,
    gsm8k: answers('gsm8k/train.jsonl', 'gsm8k/test.jsonl'),
    'math, test': rows('math/math_test_5000.json').map(({ solution }) => solution ?? ''),
    'math, 500': answers('math/math500.jsonl'),
    'math, train': answers('math/math_train_deepscaler.json').filter((answer) => answer !== 'null'),
    aime: answers('math/aime_train_deepscaler.json'),
  }
}

const sets = Object.entries(problemSets()).map(([name, references]) => ({
  name,
  references,
  answers: [...new Set(references.map(extractReference))],
}))

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

test.each(sets)(
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

test.each(sets)('$name: so it does written otherwise', ({ name, answers }) => {
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

/**
 * Values of a plain number, by a reading of its own: its unit, base or name left out, a percentage as a number or a share.
 */
function numbersOf(answer: string): number[] {
  const bare = answer
    .replace(/\\(?:text|mbox|textnormal)\s*\{(?!\d)[^{}]*\}(?:\^\d)?/g, '')
    .replace(/\\text\{(\d+)\}/g, '$1')
    .replace(/\\approx.*|\\[$!,; ]|\{,\}|[\s,$]|\.$|\^\{?\\circ\}?|_\{?\d+\}?\.?$/g, '')
    .replace(/^[A-Za-z]=/, '')
    .replace(/\\[dt]frac/g, '\\frac')
  const plain = bare.replace(/\\%$/, '')
  const value = plainNumber(plain)
  return bare === plain ? [value] : [value, value / 100]
}

function plainNumber(text: string): number {
  if (/^-?(?:\d+\.?\d*|\.\d+)$/.test(text)) return Number(text)
  const slash = /^(-?\d+)\/(\d+)$/.exec(text)
  if (slash) return Number(slash[1]) / Number(slash[2])
  const fraction = /^(-?)(\d*)\\frac(?:\{(-?\d+)\}|(\d))(?:\{(\d+)\}|(\d+))$/.exec(text)
  if (!fraction) return Number.NaN
  const [, sign, whole, top, digit, bottom, digits] = fraction
  return (sign ? -1 : 1) * (Number(whole) + Number(top ?? digit) / Number(bottom ?? digits))
}

/** An answer without what LaTeX only sets. */
const unset = (answer: string) =>
  answer
    .replace(/\\left|\\right|\\[,;! ]|\s/g, '')
    .replace(/[dt]frac/g, 'frac')
    .replace(/\{(\w)\}/g, '$1')

/** Pairs that are equal and neither plain numbers nor the same but for spaces. A letter of a choice stands for all its dresses. */
const allowed = new Set(
  String.raw`
\text{Saturday}  ::  \mbox{Saturday}
4  ::  \mbox{four}
\mbox{four}  ::  4\text{ units}
4 \text{ feet}  ::  \mbox{four}
4\%  ::  \mbox{four}
\mbox{four}  ::  x=4
x=4  ::  \mbox{four}
2340  ::  \mathbf{2340}
1,-2  ::  -2,1
-1,2  ::  2, -1
-2, 2  ::  2,-2
y = 2x  ::  2x
y=-2x+1  ::  1 - 2x
-x + 1  ::  1-x
\sqrt{2}+1  ::  1+\sqrt{2}
\frac{2}{3}\pi  ::  \frac{2 \pi}{3}
\frac{3}{4}\pi\text{ inches}  ::  \frac{3 \pi}{4}
8\sqrt{3} \text { square inches}  ::  8\sqrt{3}
\frac{\sqrt{3}}{3}  ::  \frac{1}{\sqrt{3}}
\frac{\sqrt{2}}{2}  ::  \frac{1}{\sqrt{2}}
-\frac{\sqrt{2}}{2}  ::  -\frac{1}{\sqrt{2}}
\frac{-1 + \sqrt{5}}{2}  ::  \frac{\sqrt{5} - 1}{2}
\frac{1}{7}  ::  \frac{1}{7}\triangle ABC
\frac17  ::  \frac{1}{7}\triangle ABC
`
    .trim()
    .split('\n'),
)

const choice = (answer: string) => /^(?:\\text\{)?\(?(?:\\text\{)?\(?([A-F])\)?\}?\)?,?$/.exec(answer)?.[1] ?? answer

test.each(sets)('$name: no other answer of the set passes', ({ name, answers }) => {
  const read = answers.map((answer) => ({ answer, is: readAnswer(answer) }))
  const passing: [string, string][] = []
  for (const [i, left] of read.entries())
    for (let j = 0; j < i; j++) if (equalAnswers(left.is, read[j].is)) passing.push([read[j].answer, left.answer])
  const unexpected = passing.filter(([left, right]) => {
    if (numbersOf(left).some((x) => numbersOf(right).some((y) => Math.abs(x - y) < 1e-12))) return false
    return unset(left) !== unset(right) && choice(left) !== choice(right) && !allowed.has(`${left}  ::  ${right}`)
  })
  expect(unexpected).toEqual([])
  if (name === 'own') expect(passing).toEqual([])
})
