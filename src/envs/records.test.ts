import { expect, test } from 'vitest'
import { draws } from './draw.ts'
import { drawDocument, drawRecords, lookUp, recordLength, recordWords } from './records.ts'

test('by hand: a document of two records, and what its keys stand for', () => {
  const records = { keys: ['k', 'B'], values: ['A', 'e'] }
  const [first, , , second] = drawDocument(draws(1, 'records')(0), records).trim().split(' ')
  expect([first, second]).toEqual(['kA', 'Be'])
  expect(['k', 'B', 'x'].map((key) => lookUp(records, key))).toEqual(['A', 'e', null])
})

test('documents have the wanted length, no key twice, and only words that are listed', () => {
  for (const count of [1, 8, 42]) {
    const draw = draws(count, 'records')(0)
    const records = drawRecords(draw, count)
    const words = drawDocument(draw, records).trim().split(' ')
    expect(words).toHaveLength(count * recordLength)
    expect(words.filter((word) => !recordWords.includes(word))).toEqual([])
    expect(new Set(records.keys).size).toBe(count)
  }
})
