/** No two different answers of one problem set pass for each other, but for a list of those that are equal. */
import { expect, test } from 'vitest'
import { problemSets } from '../../../../test/problem-sets.ts'
import { readAnswer } from './answer.ts'
import { equalAnswers } from './equal.ts'

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

test.each(problemSets)('$name: no other answer of the set passes', ({ name, answers }) => {
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
