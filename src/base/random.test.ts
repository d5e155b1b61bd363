import { expect, test } from 'vitest'
import { philox, random } from './random.ts'

// Known answers of the Random123 distribution (kat_vectors, philox4x32 10).
test('philox4x32-10 gives the published vectors', () => {
  expect(philox([0, 0], [0, 0, 0, 0])).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8])
  const f = 0xffffffff
  expect(philox([f, f], [f, f, f, f])).toEqual([0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd])
  expect(philox([0xa4093822, 0x299f31d0], [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344])).toEqual([
    0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1,
  ])
})

test('a permutation holds every index once and depends on its epoch', () => {
  const r = random(7, 'shuffle')
  expect([...r.permutation(100)].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i))
  expect([...r.permutation(100, 1)]).not.toEqual([...r.permutation(100, 0)])
  expect([...r.permutation(100, 1)]).toEqual([...random(7, 'shuffle').permutation(100, 1)])
})

test('unit and normal have the moments they should', () => {
  const r = random(3, 'moments')
  const n = 20000
  let sum = 0
  let square = 0
  let uniform = 0
  for (let i = 0; i < n; i++) {
    const x = r.normal(i)
    sum += x
    square += x * x
    uniform += r.unit(i, 1)
  }
  expect(Math.abs(sum / n)).toBeLessThan(0.03)
  expect(Math.abs(square / n - 1)).toBeLessThan(0.05)
  expect(Math.abs(uniform / n - 0.5)).toBeLessThan(0.01)
})
