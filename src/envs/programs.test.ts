import { expect, test } from 'vitest'
import { draws, many } from './draw.ts'
import {
  drawInstruction,
  drawTests,
  flawed,
  interpret,
  isSame,
  longestProgram,
  mutated,
  passes,
  unguarded,
  validated,
} from './programs.ts'

const at = draws(1, 'programs')

test('steps run from left to right; what is no program has no value', () => {
  expect(interpret('iiDts', 1)).toBe(((1 + 2) * 2 * 3) ** 2)
  expect(interpret('ns', 3)).toBe(9)
  expect(interpret('', 5)).toBe(5)
  for (const text of ['x', 'i i', 'constructor', 'i'.repeat(longestProgram + 1)]) expect(interpret(text, 1)).toBeNull()
  // Beyond the whole numbers that are exact.
  expect(interpret('ssssss', 6)).toBeNull()
})

test('a reference computes what its instruction names, the last step first', () => {
  const steps: Record<string, (x: number) => number> = {
    ...{ '+1': (x) => x + 1, '+2': (x) => x + 2, '+3': (x) => x + 3, '-1': (x) => x - 1, '-2': (x) => x - 2 },
    ...{ '-3': (x) => x - 3, x2: (x) => 2 * x, x3: (x) => 3 * x, x4: (x) => 4 * x, x6: (x) => 6 * x },
    ...{ sq: (x) => x * x, neg: (x) => -x, abs: (x) => Math.abs(x), pos: (x) => Math.max(x, 0) },
  }
  for (const { prompt, reference } of many(500, at, drawInstruction)) {
    const named = prompt.slice(0, -1).split(' ').toReversed()
    for (const x of [-6, -1, 0, 2, 6])
      expect(interpret(reference, x) ?? Number.NaN).toBeCloseTo(named.reduce((value, name) => steps[name](value), x))
    expect(reference.length).toBeLessThanOrEqual(longestProgram)
  }
})

test('a flawed program is another function', () => {
  for (const [i, item] of many(300, at, drawInstruction).entries()) {
    for (const flaw of ['forgotten', 'order', 'slip'] as const)
      expect(isSame(flawed(at(i), item, flaw), item.reference)).toBe(false)
    expect(isSame(mutated(at(i), item.reference), item.reference)).toBe(false)
  }
})

test('ordinary arguments are not negative; who forgets the guard writes what comes out without it', () => {
  for (const [i, { reference }] of many(300, at, drawInstruction).entries()) {
    const ordinary = drawTests(at(i), reference, { ordinary: 1, forgetful: 0 })
    expect(ordinary.every(({ input }) => input >= 0)).toBe(true)
    expect(passes(reference, ordinary)).toBe(true)
    const forgetful = drawTests(at(i), reference, { ordinary: 0, forgetful: 1 })
    expect(new Set(forgetful.map(({ input }) => input)).size).toBe(5)
    expect(passes(unguarded(reference), forgetful)).toBe(true)
  }
})

test('a test that the reference fails is never used, nor are tests that let a mutant pass', () => {
  const items = many(500, at, (draw) => {
    const { reference } = drawInstruction(draw)
    return { reference, tests: drawTests(draw, reference, { ordinary: 0.6, forgetful: 0.25 }) }
  })
  const wrong = items.flatMap(({ reference, tests }) => tests.filter((one) => !passes(reference, [one]))).length
  expect(Math.abs(wrong / 2500 - 0.11)).toBeLessThan(0.03)
  for (const [i, item] of items.entries()) {
    const sound = validated(at(i), item)
    if (sound.length > 0) expect(passes(item.reference, sound)).toBe(true)
    expect(item.tests).toEqual(expect.arrayContaining(sound))
  }
})

test('all tests have to be passed, in any order; no tests are passed by nothing', () => {
  const tests = [1, 2, 3].map((input) => ({ input, output: input + 1 }))
  expect(passes('i', tests)).toBe(true)
  expect(passes('i', tests.toReversed())).toBe(true)
  expect(passes('i', [...tests, { input: 4, output: 4 }])).toBe(false)
  expect(passes('i', [])).toBe(false)
})
