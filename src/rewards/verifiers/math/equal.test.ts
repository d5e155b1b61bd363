/** Pairs of answers, written for these tables: each is read both ways round. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { equalMath } from '../math.ts'

const table = (name: string) =>
  readFileSync(new URL(`fixtures/${name}.txt`, import.meta.url), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.split('  ::  '))

const equal = table('equal')
const different = table('different')

test('there are hundreds of both kinds, each once', () => {
  for (const pairs of [equal, different]) {
    expect(pairs.length).toBeGreaterThanOrEqual(300)
    expect(new Set(pairs.map(String)).size).toBe(pairs.length)
    expect(pairs.filter((pair) => pair.length !== 2)).toEqual([])
  }
})

test('equal answers pass for each other, either way round', () => {
  expect(equal.filter(([left, right]) => !equalMath(left, right) || !equalMath(right, left))).toEqual([])
})

test('different answers do not, either way round', () => {
  expect(different.filter(([left, right]) => equalMath(left, right) || equalMath(right, left))).toEqual([])
})

test('every answer of the tables is equal to itself', () => {
  expect([...equal, ...different].flat().filter((answer) => !equalMath(answer, answer))).toEqual([])
})
