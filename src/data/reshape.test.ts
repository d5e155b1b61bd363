import { describe, expect, test } from 'vitest'
import type { Form } from '../batch/index.ts'
import { type ReshapeOptions, reshape } from './reshape.ts'
import { toRow } from './row-format.ts'

const prompt = 'Q:'
const read = (values: object[]) => values.map((value, i) => toRow({ value, file: 'rows.jsonl', line: i + 1 }).row)
const to = (form: Form, values: object[], more: Partial<ReshapeOptions> = {}) =>
  reshape(read(values), { to: form, ...more }).rows

const pair = { prompt, chosen: 'a', rejected: 'b' }
const graded = { prompt, responses: ['a', 'b', 'c'], scores: [2, 9, 2] }
const order = { prompt, responses: ['a', 'b', 'c'] }
const rated = [
  { prompt, completion: 'a', label: false },
  { prompt: 'R:', completion: 'x', label: true },
  { prompt, completion: 'b', label: true },
]

describe('pairs', () => {
  test('of graded answers: ties are none, scores stay beside them', () => {
    const one = { prompt, chosen: 'b', rejected: 'c', score_chosen: 9, score_rejected: 2 }
    expect(to('pairs', [graded])).toEqual([one])
    expect(to('pairs', [graded], { pairs: 'all' })).toEqual([{ ...one, rejected: 'a' }, one])
    expect(to('pairs', [graded], { pairs: 'neighbours' })).toEqual([{ ...one, rejected: 'a' }])
  })

  test('of an order: all, or each with the next', () => {
    const sides = (which: 'all' | 'neighbours') =>
      to('pairs', [order], { pairs: which }).map(({ chosen, rejected }) => `${chosen}${rejected}`)
    expect(sides('all')).toEqual(['ab', 'ac', 'bc'])
    expect(sides('neighbours')).toEqual(['ab', 'bc'])
  })

  test('of rated answers: good and bad ones to the same prompt', () => {
    expect(reshape(read(rated), { to: 'pairs' })).toEqual({
      rows: [{ prompt, chosen: 'b', rejected: 'a' }],
      leftOut: 1,
    })
  })
})

test('triples: best, second and worst; none where the last two are equal', () => {
  expect(to('triples', [order])).toEqual([{ prompt, gold: 'a', chosen: 'b', rejected: 'c' }])
  expect(reshape(read([graded, pair]), { to: 'triples' })).toEqual({ rows: [], leftOut: 2 })
})

test('unpaired: labels stay, an order gives its ends, scores need a threshold', () => {
  const labels = (values: object[], more = {}) =>
    to('unpaired', values, more).map((r) => `${r['completion']}${r['label']}`)
  expect(labels([pair])).toEqual(['atrue', 'bfalse'])
  expect(labels([order])).toEqual(['atrue', 'cfalse'])
  expect(labels([graded], { threshold: 3 })).toEqual(['btrue', 'afalse', 'cfalse'])
  expect(() => labels([graded])).toThrow(/none is given/)
})

test('rankings: of pairs and triples as they stand, of single graded answers by prompt', () => {
  expect(to('rankings', [pair])).toEqual([{ prompt, responses: ['a', 'b'] }])
  expect(to('rankings', [{ prompt, gold: 'g', chosen: 'a', rejected: 'b' }])).toEqual([
    { prompt, responses: ['g', 'a', 'b'] },
  ])
  const singles = [
    { prompt, completion: 'a', score: 1 },
    { prompt, completion: 'b', score: 3 },
  ]
  expect(to('rankings', singles)).toEqual([{ prompt, responses: ['b', 'a'], scores: [3, 1] }])
})

test('demonstrations: the best answer, or every good one; turns, tools and weights go along', () => {
  expect(to('demonstrations', [graded, ...rated])).toEqual([
    { prompt, completion: 'b' },
    { prompt, completion: 'b' },
    { prompt: 'R:', completion: 'x' },
  ])
  const turns = {
    messages: [{ role: 'user', content: 'Q' }],
    chosen: [{ role: 'assistant', content: 'a' }],
    rejected: [{ role: 'assistant', content: 'b' }],
    weight: 2,
  }
  const [row] = to('demonstrations', [turns])
  expect(row).toEqual({ prompt: turns.messages, completion: turns.chosen, weight: 2 })
  expect(read([row])[0]).toMatchObject({ kind: 'chat', values: { weight: [2] } })
})

test.each<[Form, object]>([
  ['pairs', pair],
  ['triples', order],
  ['unpaired', pair],
  ['rankings', graded],
])('what becomes %s reads as such', (form, value) => {
  const kind = { pairs: 'preference', triples: 'triple', unpaired: 'unpaired', rankings: 'ranking' }[form as 'pairs']
  for (const row of read(to(form, [value]))) expect(row.kind).toBe(kind)
})

test('rows that say nothing of quality are refused by file and line', () => {
  expect(() => to('pairs', [{ prompt, completion: 'a' }])).toThrow(/rows.jsonl:1: the row says nothing/)
})
