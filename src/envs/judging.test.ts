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
})

test('a line of evidence is right in its own place alone', () => {
  expect(rightEvidence(judged, '0+1-2+8+=4')).toBe(1)
  expect(rightEvidence(judged, '0-1-2+8-=2')).toBe(0.5)
  expect(rightEvidence(judged, '1-0+2+8+=4')).toBe(0.5)
  expect(rightEvidence(judged, '1-2+8+=4')).toBe(0)
  expect(rightEvidence(judged, '')).toBe(0)
})

test('hard digits have the property; a third of the responses has two of them, the others none', () => {
  for (const { has, hard } of Object.values(rubrics)) expect(hard.every(has)).toBe(true)
  const all = many(3000, draws(1, 'judging/test'), (draw) => drawJudged(draw))
  const hardIn = all.map(({ rubric, digits }) => digits.filter((digit) => rubrics[rubric].hard.includes(digit)).length)
  expect(new Set(hardIn)).toEqual(new Set([0, 2]))
  const often = hardIn.filter((count) => count === 2).length / all.length
  expect(often).toBeGreaterThan(0.3)
  expect(often).toBeLessThan(0.37)
  for (const one of all) {
    const { score } = judgmentOf(one)
    expect(judgmentOf(one, { isCareless: true }).score).toBe(
      score - one.digits.filter((digit) => rubrics[one.rubric].hard.includes(digit)).length,
    )
    expect(score).toBeGreaterThanOrEqual(1)
    expect(score).toBeLessThanOrEqual(5)
  }
})
