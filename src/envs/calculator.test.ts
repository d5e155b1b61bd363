import { expect, test } from 'vitest'
import { calculatorSays, drawSum, isSum, sumPrompt, valuesOf, workedSum } from './calculator.ts'
import { draws } from './draw.ts'

const sum = { digits: [7, 5, 3], signs: ['+', '-'] } as const

test('a sum is worked from left to right, call by call', () => {
  expect(sumPrompt(sum)).toBe('Q7+5-3?')
  expect(valuesOf(sum)).toEqual([2, 9])
  expect(workedSum(sum, null)).toBe('c7+5=2;c2-3=9;Ah')
  expect(isSum(sum, 'c7+5=2;c2-3=9;Ah')).toBe(true)
  expect(isSum(sum, 'Al')).toBe(false)
})

test('the calculator answers a call and nothing else', () => {
  expect(calculatorSays('c7+5=')).toBe('2;')
  expect(calculatorSays('c7+5=2;c2-3=')).toBe('9;')
  for (const odd of ['7+5=', 'c77+5=', 'c7+=', 'A9', 'c7+5=2;', 'xc7+5=']) expect(calculatorSays(odd)).toBeNull()
})

test('every call of a worked answer, flawed or not, is answered as the calculator would; half of the flawed are wrong', () => {
  const stream = draws(3, 'calculator')
  let wrong = 0
  for (let i = 0; i < 300; i++) {
    const drawn = drawSum(stream(2 * i))
    expect(isSum(drawn, workedSum(drawn, null))).toBe(true)
    const said = workedSum(drawn, stream(2 * i + 1))
    for (const { index, 0: call } of said.matchAll(/=\d;/g))
      expect(calculatorSays(said.slice(0, index + 1))).toBe(call.slice(1))
    if (!isSum(drawn, said)) wrong++
  }
  expect(wrong).toBeGreaterThan(100)
  expect(wrong).toBeLessThan(200)
})
