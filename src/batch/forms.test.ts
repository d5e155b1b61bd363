import { expect, test } from 'vitest'
import { packTree, type RowInput, referenceRow, sequenceName, withAnswersOf } from './index.ts'

const row = (id: number, answer: number[]): RowInput => ({
  id,
  segments: [{ tokens: [10 * id, 10 * id + 1] }, { tokens: answer, loss: answer.map(() => 1), parent: 0 }],
  values: { label: [id % 2] },
})

test('an answer to another prompt is a further sequence after the own one', () => {
  const tree = packTree([withAnswersOf(row(1, [5, 6]), row(2, [7])), row(3, [8])])
  expect([...tree.tokens]).toEqual([10, 11, 5, 6, 7, 30, 31, 8])
  expect([...tree.positions]).toEqual([0, 1, 2, 3, 2, 0, 1, 2])
  expect([...tree.sequences]).toEqual([0, 0, 1, 2])
  expect([...tree.groups]).toEqual([0, 0, 1])
  expect([...tree.places]).toEqual([0, 1, 0])
  expect([...tree.values['label']]).toEqual([1, Number.NaN, 1])
})

test('answers without a prompt are roots of their own', () => {
  const bare: RowInput = { id: 0, segments: [{ tokens: [1, 2], loss: [0, 1] }] }
  expect(withAnswersOf(bare, bare).segments[1]).toEqual({ tokens: [1, 2], loss: [0, 1], sequence: 1 })
})

test('the reference reads its own segments where a row has them', () => {
  const short = [{ tokens: [9] }]
  expect(referenceRow({ ...row(1, [5]), reference: short }).segments).toBe(short)
  expect(referenceRow(row(1, [5]))).toEqual(row(1, [5]))
})

test('sequences are called by their form, and by number beyond it', () => {
  expect(['pairs', 'triples', 'rankings'].map((form) => sequenceName(form as 'pairs', 1))).toEqual([
    'rejected',
    'rejected',
    'answer 2',
  ])
})
