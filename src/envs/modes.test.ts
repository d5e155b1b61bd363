import { expect, test } from 'vitest'
import { draws, many } from './draw.ts'
import { demonstrateMode, drawMode, modeReward } from './modes.ts'

const at = draws(1, 'modes')
const modes = Array.from({ length: 200 }, (_, i) => drawMode(at(i), i))

test('both answers are three words, and differ at every place', () => {
  for (const { rare, usual } of modes) {
    const [a, b] = [rare, usual].map((text) => text.trim().split(' '))
    expect([a.length, b.length]).toEqual([3, 3])
    expect(a.every((word, i) => word !== b[i])).toBe(true)
  }
  expect(new Set(modes.map(({ prompt }) => prompt)).size).toBe(200)
  expect(drawMode(at(7), 7)).toEqual(modes[7])
})

test('the rare answer is worth all, the usual one half, and any other nothing', () => {
  const [mode] = modes
  expect([mode.rare, mode.usual, `${mode.usual} ash`, ''].map((text) => modeReward(mode, text))).toEqual([1, 0.5, 0, 0])
})

test('demonstrations give them as often as asked', () => {
  const [mode] = modes
  const shown = many(20_000, draws(2, 'shown'), (draw) => demonstrateMode(draw, mode, { rare: 0.02, usual: 0.6 }))
  const share = (worth: number) =>
    shown.filter((one) => modeReward(mode, one.completion) === worth).length / shown.length
  // A random answer may be one of them as well, one time in 1728.
  expect(Math.abs(share(1) - 0.02)).toBeLessThan(0.004)
  expect(Math.abs(share(0.5) - 0.6)).toBeLessThan(0.012)
  expect(new Set(shown.map(({ completion }) => completion)).size).toBeGreaterThan(1500)
})
