import { expect, test } from 'vitest'
import { draws, many } from './draw.ts'
import { drawJudged, judgePrompt, judgmentOf, rightEvidence, rubrics, writeJudgment } from './judging.ts'

const judged = { rubric: 'e', digits: [0, 1, 2, 8] }

test('evidence says of each digit whether it has the property, and the score is one more than those that do', () => {
  expect(judgePrompt(judged)).toBe('e0128?')
  expect(judgePrompt(judged, false)).toBe('e0128!')
  expect(writeJudgment(judgmentOf(judged))).toBe('0+1-2+8+=4')
  expect(writeJudgment(judgmentOf(judged), false)).toBe('=4')
  expect(writeJudgment(judgmentOf(judged, { isCareless: true }))).toBe('0-1-2+8-=2')
  expect(writeJudgment(judgmentOf(judged, { isSlip: (place) => place < 2 }))).toBe('0-1+2+8+=4')
  expect(writeJudgment(judgmentOf(judged, { isCareless: true, isSlip: (place) => place === 0 }))).toBe('0+1-2+8-=3')
})

test('a line of evidence is right in its own place alone', () => {
  expect(rightEvidence(judged, '0+1-2+8+=4')).toBe(1)
  expect(rightEvidence(judged, '0-1-2+8-=2')).toBe(0.5)
  expect(rightEvidence(judged, '1-0+2+8+=4')).toBe(0.5)
  expect(rightEvidence(judged, '1-2+8+=4')).toBe(0)
  expect(rightEvidence(judged, '')).toBe(0)
})

test('a third of the responses has two hard digits, misjudged the same way; the others none', () => {
  for (const { has, hard } of Object.values(rubrics)) expect(hard.map((pair) => pair.map(has))).toEqual(kinds)
  const all = many(3000, draws(1, 'judging/test'), (draw) => drawJudged(draw))
  const shifts = all.map((one) => judgmentOf(one, { isCareless: true }).score - judgmentOf(one).score)
  expect(new Set(shifts)).toEqual(new Set([0, -2, 2]))
  for (const shift of [-2, 2]) {
    const often = shifts.filter((one) => one === shift).length / all.length
    expect(often).toBeGreaterThan(0.14)
    expect(often).toBeLessThan(0.2)
  }
  for (const one of all) expect([1, 2, 3, 4, 5]).toContain(judgmentOf(one).score)
})

const kinds = [
  [true, true],
  [false, false],
]
