import { expect, test } from 'vitest'
import {
  answerOf,
  apply,
  drawChain,
  drawFacts,
  isRight,
  isStepwise,
  isWorked,
  questionOf,
  type Sign,
  solve,
  spokenChain,
} from './chains.ts'
import { draws, many } from './draw.ts'

const chain = {
  start: 7,
  steps: [
    { sign: '+' as Sign, operand: 5 },
    { sign: '*' as Sign, operand: 3 },
    { sign: '-' as Sign, operand: 8 },
  ],
}

test('by hand: 7+5*3-8 from left to right modulo 10', () => {
  expect(questionOf(chain)).toBe('7+5*3-8=')
  expect(answerOf(chain)).toBe(8)
  expect(solve(chain, 'direct')).toBe('8')
  expect(solve(chain, 'steps')).toBe('7+5=2;2*3=6;6-8=8;8')
  expect(solve(chain, 'checked')).toBe('7+5=2;so 2;2*3=6;so 6;6-8=8;so 8;8')
})

test('a slip is followed to a wrong answer', () => {
  const slipped = solve(chain, 'steps', { step: 1, by: 1 })
  expect(slipped).toBe('7+5=2;2*3=7;7-8=9;9')
  expect([isRight(chain, slipped), isStepwise(chain, slipped), isWorked(chain, slipped)]).toEqual([false, true, false])
})

test('every manner of a right solution is right; only the written ones are stepwise', () => {
  const at = draws(1, 'chains')
  for (let i = 0; i < 200; i++) {
    const drawn = drawChain(at(i), 1 + (i % 5))
    for (const manner of ['direct', 'steps', 'checked'] as const) {
      expect(isRight(drawn, solve(drawn, manner))).toBe(true)
      expect(isStepwise(drawn, solve(drawn, manner))).toBe(manner !== 'direct')
    }
    expect(isRight(drawn, String((answerOf(drawn) + 1) % 10))).toBe(false)
    expect(drawChain(at(i), 1 + (i % 5))).toEqual(drawn)
  }
  expect(isRight(drawChain(at(1), 2), '')).toBe(false)
})

test('signs are those asked for', () => {
  const at = draws(2, 'chains')
  const used = new Set(
    Array.from({ length: 50 }, (_, i) => drawChain(at(i), 3, ['+', '-'])).flatMap(({ steps }) =>
      steps.map(({ sign }) => sign),
    ),
  )
  expect([...used].sort()).toEqual(['+', '-'])
})

test('facts of one step are right', () => {
  const facts = many(50, draws(9, 'facts'), (draw) => drawFacts(draw, 5)).flatMap((row) => row.split(' '))
  expect(facts).toHaveLength(250)
  for (const fact of facts) {
    const [, a, sign, b, result] = /^(\d)([-+*])(\d)=(\d)$/.exec(fact) ?? []
    expect(Number(result), fact).toBe(apply(Number(a), sign as Sign, Number(b)))
  }
})

test('a chain in words', () => {
  expect(spokenChain(chain)).toBe('7 plus 5 times 3 less 8: 7 plus 5 is 2, 2 times 3 is 6, 6 less 8 is 8')
})
