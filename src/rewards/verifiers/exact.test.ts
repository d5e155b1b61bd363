import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { exact, exactMatch, normaliseAnswer } from './exact.ts'

describe('exactMatch', () => {
  test('forgives case, white space and a last full stop', () => {
    expect(exactMatch('  Forty\n two. ', ['forty two'])).toBe(true)
    expect(exactMatch('42', ['41', '42.'])).toBe(true)
  })

  test('takes nothing more and nothing less', () => {
    for (const wrong of [
      'forty',
      'forty two three',
      'the answer is forty two',
      'forty-two',
      'forty two..',
      'fortytwo',
      '',
    ]) {
      expect(exactMatch(wrong, ['forty two'])).toBe(false)
    }
    expect(exactMatch('anything', [])).toBe(false)
  })

  test('normalising twice changes nothing', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        fc.pre(!/\.\s*\.\s*$/.test(text))
        const once = normaliseAnswer(text)
        expect(normaliseAnswer(once)).toBe(once)
      }),
    )
  })
})

test('the verifier takes one or several texts, and refuses what is none', () => {
  expect(exact.verify({ answer: ' Yes.', reference: 'yes' })).toMatchObject({
    score: 1,
    correct: true,
    extracted: 'yes',
  })
  expect(exact.verify({ answer: 'no', reference: ['yes', 'yeah'] })).toMatchObject({ score: 0, correct: false })
  expect(exact.verify({ answer: '42', reference: 42 })).toMatchObject({ correct: true })
  for (const reference of [undefined, null, [], {}, [1, {}]])
    expect(() => exact.verify({ answer: 'yes', reference })).toThrow(/expected a text or a list of texts/)
})
