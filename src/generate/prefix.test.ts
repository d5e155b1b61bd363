import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createPrefixCache, pathSpans } from './prefix.ts'
import { createRowAllocator } from './rows.ts'

test('a prompt with a cached beginning reads it, also from the middle of a run', () => {
  const rows = createRowAllocator(100)
  const cache = createPrefixCache(rows)
  const first = cache.add(null, 0, [1, 2, 3, 4], rows.take(4) as number)
  expect(cache.match([1, 2, 9], 2)).toEqual({ run: first, length: 2 })
  const second = cache.add(first, 2, [9, 8], rows.take(2) as number)
  expect(pathSpans(second, 4)).toEqual([
    [0, 2],
    [4, 2],
  ])
  expect(cache.match([1, 2, 9, 8, 7], 4)).toEqual({ run: second, length: 4 })
  expect(cache.match([1, 2, 3, 8], 3)).toEqual({ run: first, length: 3 })
  cache.release(first)
  expect(rows.free).toBe(94)
  cache.release(second)
  expect(rows.free).toBe(100)
  expect(cache.match([1, 2], 1)).toEqual({ run: null, length: 0 })
})

test('rows are never handed out twice and all come back', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ take: fc.boolean(), size: fc.integer({ min: 1, max: 9 }), which: fc.nat() })),
      (moves) => {
        const rows = createRowAllocator(40)
        const held: [number, number][] = []
        for (const { take, size, which } of moves) {
          if (take) {
            const first = rows.take(size)
            if (first === null) continue
            for (const [other, count] of held) expect(first + size <= other || other + count <= first).toBe(true)
            expect(first + size).toBeLessThanOrEqual(40)
            held.push([first, size])
          } else if (held.length > 0) rows.give(...held.splice(which % held.length, 1)[0])
        }
        for (const run of held) rows.give(...run)
        expect(rows.take(40)).toBe(0)
      },
    ),
    { seed: 3 },
  )
})
