import fc from 'fast-check'
import { expect, test } from 'vitest'
import { math } from '../math.ts'
import { extractAnswer, extractReference } from './extract.ts'

const found: [completion: string, answer: string | undefined][] = [
  ['So it is \\boxed{42}.', '42'],
  ['First \\boxed{1}, then \\boxed{2} and \\boxed{\\frac{3}{4}}.', '\\frac{3}{4}'],
  ['\\fbox{7} is the one', '7'],
  ['\\boxed{\\text{a {nested} one}}', '\\text{a {nested} one}'],
  ['$\\boxed{\\left\\{1,2\\right\\}}$', '\\left\\{1,2\\right\\}'],
  ['\\boxed 5$ it is', '5'],
  ['\\boxed{5} but cut off: \\boxed{\\frac{1}{', '5'],
  ['\\boxed{} and nothing', undefined],
  ['48/2 = <<48/2=24>>24\n#### 72', '72'],
  ['#### 1\nno,\n#### 2\nThat is all.', '2'],
  ['#### $1,200', '$1,200'],
  ['The answer is 5.', '5'],
  ['The answer is 5.25.', '5.25'],
  ['The answer is: $\\frac{1}{2}$, as you see.', '\\frac{1}{2}'],
  ['Final Answer: The final answer is $(1, 2)$. I hope it is correct.', '(1, 2)'],
  ['**Final Answer**: 12', '12'],
  ['**Answer:** 12 apples', '12 apples'],
  ['**Answer:**\n\\[ x = 3 \\]', 'x = 3'],
  ['The answer is 5, because 2 + 3 = 5', '5'],
  ['The answer is 3. Wait. The answer is 4.', '4'],
  ['The answer is (B).', '(B)'],
  ['答案：7', '7'],
  ['<think>the answer is 3, \\boxed{3}</think>It is \\boxed{4}.', '4'],
  ['<think>the answer is 3, \\boxed{3}</think>', undefined],
  ['thoughts <answer> 9 </answer>', '9'],
  ['thoughts \\boxed{8} <answer>\\boxed{9}</answer>', '9'],
  ['42', '42'],
  ['  $42$  ', '42'],
  ['\\(x^2\\)', 'x^2'],
  ['$$\\frac{1}{2}$$', '\\frac{1}{2}'],
  ['**42**', '42'],
  ['x = 5', 'x = 5'],
  ['\\begin{pmatrix} 1 \\\\\n2 \\end{pmatrix}', '\\begin{pmatrix} 1 \\\\\n2 \\end{pmatrix}'],
  ['She sold 48 in April.\nIn all she sold 72 clips in both months.', '72'],
  ['Some work.\nHence the value is $x^2+1$ for all of them.', 'x^2+1'],
  ['So he pays $5 and then another $7 for the two tickets.', '$7'],
  ['Evelyn', 'Evelyn'],
  ['', undefined],
  ['\n\n', undefined],
  ['I do not know at all.\nSorry for that.', undefined],
]

test.each(found)('%j gives %j', (completion, answer) => {
  expect(extractAnswer(completion)?.answer).toBe(answer)
})

test('a reference is taken whole unless it is a solution', () => {
  expect(extractReference('The answer is blowing')).toBe('The answer is blowing')
  expect(extractReference('Work.\n#### 72')).toBe('72')
  expect(extractReference('Thus $\\boxed{\\frac12}$ is it.')).toBe('\\frac12')
  expect(extractReference(' x = 5 ')).toBe('x = 5')
})

test('a box is found behind any text that has none', () => {
  const filler = fc
    .string({ unit: 'grapheme-ascii', maxLength: 400 })
    .filter((text) => !/<\/?(?:think|answer)>/.test(text))
  fc.assert(
    fc.property(
      filler,
      filler.filter((text) => !text.includes('box')),
      fc.integer(),
      (before, after, n) => {
        expect(extractAnswer(`${before} \\boxed{${n}} ${after}`)?.answer).toBe(String(n))
      },
    ),
  )
})

test('long completions are searched in time proportional to their length', () => {
  for (const piece of [
    '\\boxed{',
    '$',
    '\\(',
    '{',
    '**',
    '#',
    'answer is ',
    '1,',
    '_',
    '\\boxed{}',
    'Answer  ',
    '-$9',
    '\\text{',
    '<answer>',
  ]) {
    const text = piece.repeat(Math.ceil(200_000 / piece.length))
    const start = performance.now()
    math.verify({ answer: text, reference: '1' })
    math.verify({ answer: `${text}\n${text.slice(0, 3000)}`, reference: '1' })
    expect([piece, performance.now() - start < 1500]).toEqual([piece, true])
  }
})
