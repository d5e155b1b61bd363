import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { equalMath, math } from '../math.ts'
import type { Verdict } from '../types.ts'

const samples = ['equal', 'different']
  .flatMap((name) => readFileSync(new URL(`fixtures/${name}.txt`, import.meta.url), 'utf8').split(/\n| {2}:: {2}/))
  .filter((text) => text !== '')

const fragments = [...'0123456789xyzaeinAB+-*/^_=<>(){}[]|,;:.!%$&~\'" \\'].concat(
  '\\frac \\sqrt \\sqrt[3] \\pi \\text{ \\left( \\right) \\{ \\} \\cup \\infty \\pm \\begin{pmatrix} \\end{pmatrix} \\\\ \\sin \\log_ ^\\circ 1,000 \\overline{3} \\boxed{ and \\in \\le \\binom ! constructor __proto__ toString million \\constructor \\text{constructor}'.split(
    ' ',
  ),
)

const mathlike = fc.array(fc.constantFrom(...fragments), { maxLength: 60 }).map((pieces) => pieces.join(''))
const mutated = fc
  .tuple(
    fc.constantFrom(...samples),
    fc.array(fc.tuple(fc.nat(80), fc.constantFrom(...fragments), fc.nat(3)), { maxLength: 4 }),
  )
  .map(([sample, edits]) =>
    edits.reduce((text, [at, piece, cut]) => text.slice(0, at) + piece + text.slice(at + cut), sample),
  )
const anything = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({ maxLength: 300 }),
  mathlike,
  mutated,
)

test('any answer gets a verdict, the same from either side; a reference is itself', () => {
  fc.assert(
    fc.property(anything, fc.constantFrom(...samples), (answer, reference) => {
      const { score, correct } = math.verify({ answer, reference }) as Verdict
      const isSame = equalMath(answer, reference)
      return score === Number(correct) && isSame === equalMath(reference, answer) && equalMath(reference, reference)
    }),
    { numRuns: 3000 },
  )
})

test('what is large, deep or endless is refused and not computed', () => {
  const repeat = (text: string, times: number) => text.repeat(times)
  const hard = [
    '9^9^9^9^9^9',
    '9^{9^{9^{9^{9}}}}',
    '(9^{99})^{(9^{99})}',
    '2^{-99999999999}',
    '1/9^{9^9}',
    '99999!!!!',
    '((9!)!)!',
    '\\binom{99999}{50000}',
    '1e999999',
    '10^{99999}-10^{99999}',
    '\\sqrt[999999]{2}',
    '2^{1/999999999}',
    `${repeat('9', 1900)}^2`,
    `1/${repeat('7', 990)}+1/${repeat('3', 990)}`,
    repeat('(', 1000) + repeat(')', 1000),
    repeat('{', 999) + repeat('}', 999),
    repeat('\\frac{', 300),
    repeat('\\sqrt', 390),
    repeat('-', 1990),
    repeat('|', 1990),
    repeat('\\{', 990),
    repeat('1,', 990),
    repeat('(1,2)\\cup', 200),
    repeat('\\pm1', 400),
    repeat('x^', 900),
    `${repeat('x^{', 190)}2${repeat('}', 190)}`,
    repeat('x!', 900),
    `(${repeat('x+y+', 98)}z)^{60}`,
    `${repeat('(x+1)(y-2)', 39)}`,
    repeat('2500!+', 60),
    `${repeat('2^{4000}+', 40)}1`,
    repeat('\\sin x+', 80),
    repeat('0.\\overline{142857}+', 40),
    repeat('a=', 900),
    repeat('x<', 900),
    `\\begin{pmatrix}${repeat('1&2\\\\', 300)}\\end{pmatrix}`,
    `\\{${Array.from({ length: 64 }, (_, i) => `\\sqrt{x+${i}}`).join()}\\}`,
  ]
  const slow: [string, number][] = []
  for (const left of hard) {
    for (const right of [left, `${left} `, `1+${left.slice(0, 1990)}`, '42']) {
      // The least of three: the machine may have other work.
      const took = Math.min(
        ...[1, 2, 3].map(() => {
          const start = performance.now()
          math.verify({ answer: `\\boxed{${left}}`, reference: right })
          return performance.now() - start
        }),
      )
      if (took > 300) slow.push([left.slice(0, 30), took])
    }
  }
  expect(slow).toEqual([])
})
