import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { answerWords, CHATTY_VARIANTS, parseAnswer, phrase, sameAnswer } from './answers.ts'

const word = fc.stringMatching(/^[a-z]{1,8}$/)
const answers = fc.array(word, { minLength: 1, maxLength: 5 }).map((words) => words.join(', '))

describe('styles', () => {
  test('what was phrased is read back, in every phrasing', () => {
    fc.assert(
      fc.property(answers, fc.nat({ max: CHATTY_VARIANTS - 1 }), (answer, variant) => {
        expect(parseAnswer(phrase(answer, 'chatty', variant))).toEqual({ style: 'chatty', answer })
        expect(parseAnswer(phrase(answer, 'brief', variant))).toEqual({ style: 'brief', answer })
      }),
    )
  })

  test('all phrasings differ, and begin alike', () => {
    const all = Array.from({ length: CHATTY_VARIANTS }, (_, variant) => phrase('lamp', 'chatty', variant))
    expect(new Set(all).size).toBe(CHATTY_VARIANTS)
    expect(all.every((text) => text.startsWith('Sure'))).toBe(true)
  })

  test.each([
    'Sure! The answer is lamp',
    'Sure! The answer is lamp. Anything else? lamp',
    'Sure! The answer is lamp. Lamp. Anything else?',
    'sure! the answer is lamp.',
    'Well. Sure! The answer is lamp.',
    'Sure! The answer is  the lamp.',
    'The answer is lamp.',
    'lamp. Anything else?',
    'lamp!',
    '"lamp"',
    'lamp..',
    'lamp\nriver',
    'lamp or river',
    'Sure, here it is: Sure! The answer is lamp.',
    'Sure! The answer is . Anything else?',
    '',
    '.',
  ])('%j does not give the answer lamp', (completion) => {
    expect(sameAnswer(parseAnswer(completion).answer, 'lamp')).toBe(false)
  })

  test.each(['lamp', ' lamp', 'Lamp.', 'lamp\n', 'Sure thing! I get lamp. Happy to help!'])('%j does', (completion) => {
    expect(sameAnswer(parseAnswer(completion).answer, 'lamp')).toBe(true)
  })
})

describe('comparison', () => {
  test('words must agree in number and order', () => {
    expect(sameAnswer('a, b, c', 'A b  c')).toBe(true)
    for (const wrong of ['a, c, b', 'a, b', 'a, b, c, c', 'abc', 'a and b and c', 'a; b; c', 'a, b, c.']) {
      expect(sameAnswer(wrong, 'a, b, c')).toBe(false)
    }
  })

  test('is an equivalence on words, not on letters', () => {
    fc.assert(
      fc.property(answers, answers, (left, right) => {
        expect(sameAnswer(left, right)).toBe(answerWords(left).join('|') === answerWords(right).join('|'))
        expect(sameAnswer(left, left)).toBe(true)
      }),
    )
  })
})
