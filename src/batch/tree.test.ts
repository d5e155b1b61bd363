import fc from 'fast-check'
import { expect, test } from 'vitest'
import { packTree, predecessors, type RowInput, rowSequences, rowTokens } from './index.ts'

const pair: RowInput = {
  id: 7,
  segments: [
    { tokens: [10, 11, 12] },
    { tokens: [20, 21], loss: [1, 1], parent: 0, sequence: 0 },
    { tokens: [30], loss: [1], parent: 0, sequence: 1 },
  ],
}

test('a pair shares its prompt; both answers continue at the same position', () => {
  const tree = packTree([{ id: 3, segments: [{ tokens: [1, 2], loss: [1, 1] }] }, pair])
  expect([...tree.tokens]).toEqual([1, 2, 10, 11, 12, 20, 21, 30])
  expect([...tree.positions]).toEqual([0, 1, 0, 1, 2, 3, 4, 3])
  expect([...tree.starts]).toEqual([0, 2, 5, 7, 8])
  expect([...tree.parents]).toEqual([-1, -1, 1, 1])
  expect([...tree.sequences]).toEqual([0, 1, 1, 2])
  expect(tree.sequenceCount).toBe(3)
  expect([...tree.rows]).toEqual([3, 7])
})

test('the first token of a path is no target, and what predicts a leaf is the end of its prompt', () => {
  const tree = packTree([{ id: 3, segments: [{ tokens: [1, 2], loss: [1, 1] }] }, pair])
  expect([...tree.targets]).toEqual([1, 5, 6, 7])
  expect([...predecessors(tree)]).toEqual([0, 4, 5, 4])
})

test('empty segments are passed through', () => {
  const tree = packTree([
    { id: 0, segments: [{ tokens: [1] }, { tokens: [], parent: 0 }, { tokens: [2], loss: [1], parent: 1 }] },
    { id: 1, segments: [{ tokens: [] }, { tokens: [5, 6], loss: [1, 1], parent: 0 }] },
  ])
  expect([...predecessors(tree)]).toEqual([0, 2])
  expect([...tree.targets]).toEqual([1, 3])
})

test('a parent that comes later and a mask of another length are refused', () => {
  expect(() => packTree([{ id: 4, segments: [{ tokens: [1], parent: 0 }] }])).toThrow(/row 4: segment 0 names 0/)
  expect(() => packTree([{ id: 4, segments: [{ tokens: [1], loss: [1, 1] }] }])).toThrow(/1 tokens and 2 mask entries/)
})

const rowArbitrary = fc
  .array(fc.record({ length: fc.nat(5), parent: fc.nat(6), loss: fc.boolean(), sequence: fc.nat(2) }), {
    minLength: 1,
    maxLength: 6,
  })
  .map((shapes, id = 0) => ({
    id,
    segments: shapes.map(({ length, parent, loss, sequence }, i) => ({
      tokens: Array.from({ length }, (_, k) => 10 * i + k),
      loss: new Uint8Array(length).fill(loss ? 1 : 0),
      parent: i === 0 ? -1 : (parent % (i + 1)) - 1,
      sequence,
    })),
  }))

test('any forest: positions count along the path and every target has a predecessor one position before it', () => {
  fc.assert(
    fc.property(fc.array(rowArbitrary, { maxLength: 4 }), (rows) => {
      const tree = packTree(rows)
      expect(tree.tokens.length).toBe(rows.reduce((sum, row) => sum + rowTokens(row), 0))
      expect(tree.sequenceCount).toBe(rows.reduce((sum, row) => sum + rowSequences(row), 0))
      const before = predecessors(tree)
      for (const [i, target] of tree.targets.entries()) {
        expect(tree.positions[before[i]]).toBe(tree.positions[target] - 1)
        expect(tree.sequences[i]).toBeLessThan(tree.sequenceCount)
      }
    }),
    { seed: 5 },
  )
})
