import { describe, expect, test } from 'vitest'
import { toRow } from './row-format.ts'

const read = (value: unknown) => toRow({ value, file: 'rows.jsonl', line: 3 }).row
const prompt = 'Q:'

describe('numbers beside answers', () => {
  test('one for a row holds for each of its answers', () => {
    expect(read({ prompt, chosen: 'a', rejected: 'b', margin: 2, weight: '0.5' }).values).toEqual({
      margin: [2, 2],
      weight: [0.5, 0.5],
    })
    expect(read({ prompt, completion: 'a', score: 3, baseline: -0.9 }).values).toEqual({ score: [3], baseline: [-0.9] })
    expect(read({ prompt, chosen: 'a', rejected: 'b', score_chosen: 8, score_rejected: 2 }).values).toEqual({
      score: [8, 2],
    })
    const explored = { prompt, chosen: 'a', rejected: 'b', usual: 'c', score_chosen: 8, score_rejected: 2 }
    expect(read(explored).values).toEqual({ score: [8, 2, Number.NaN] })
    expect(read({ prompt, completion: 'a' })).not.toHaveProperty('values')
  })

  test.each([
    [{ text: 'a', weight: -1 }, /rows.jsonl:3: weight is -1, expected a number of at least 0/],
    [{ prompt, chosen: 'a', rejected: 'b', margin: 'much' }, /margin is "much", expected a number/],
  ])('%j is refused', (row, message) => expect(() => read(row)).toThrow(message))
})

describe('rankings and triples', () => {
  test('scores put answers in order, equals as they stood', () => {
    expect(read({ prompt, responses: ['a', 'b', 'c'], scores: [1, 5, 5] })).toMatchObject({
      kind: 'ranking',
      answers: ['b', 'c', 'a'],
      values: { score: [5, 5, 1] },
    })
    expect(read({ prompt, responses: ['a', 'b'] })).toMatchObject({ answers: ['a', 'b'] })
  })

  test('turns are answers too', () => {
    const turn = (content: string) => [{ role: 'assistant', content }]
    const row = { messages: [{ role: 'user', content: 'Q' }], responses: [turn('a'), turn('b')] }
    expect(read(row)).toMatchObject({ chat: true, prompt: row.messages, answers: row.responses })
  })

  test('a triple is no pair', () => {
    expect(read({ prompt, gold: 'g', chosen: 'a', rejected: 'b' })).toMatchObject({
      ...{ kind: 'triple', gold: 'g', chosen: 'a', rejected: 'b' },
    })
  })

  test.each([
    [{ prompt, responses: ['a'] }, /responses has 1 answers, expected two or more/],
    [{ prompt, responses: ['a', 'b'], scores: [1] }, /scores has 1 entries for 2 responses/],
    [{ prompt, responses: ['a', 'b'], scores: [1, null] }, /scores\[1\] is null, expected a number/],
  ])('%j is refused', (row, message) => expect(() => read(row)).toThrow(message))
})
