import { expect, test } from 'vitest'
import { draws, many } from './draw.ts'
import { drawErrand, errandOf, isPolite, isReported, polite, reportOf, rude } from './languages.ts'

const errands = many(200, draws(1, 'languages'), drawErrand)

test('an errand and its report, in both languages', () => {
  const errand = { verb: 0, colour: 0, noun: 0 }
  expect(errandOf(errand, 'english') + reportOf(errand, 'english')).toBe('take the red ball: the red ball is taken')
  expect(errandOf(errand, 'italian') + reportOf(errand, 'italian')).toBe(
    'il pallone rosso, prendi: preso il pallone rosso',
  )
})

test('the languages share no word', () => {
  const words = (language: 'english' | 'italian') =>
    new Set(errands.flatMap((errand) => (errandOf(errand, language) + reportOf(errand, language)).match(/\w+/g) ?? []))
  const english = words('english')
  expect([...words('italian')].filter((word) => english.has(word))).toEqual([])
})

test('different errands have different reports, and endings do not matter', () => {
  for (const [i, errand] of errands.entries()) {
    const other = errands[(i + 1) % errands.length]
    const reply = reportOf(errand, 'italian')
    for (const ending of ['', polite, rude]) expect(isReported(errand, 'italian', reply + ending)).toBe(true)
    expect(isReported(errand, 'english', reply)).toBe(false)
    const same = JSON.stringify(other) === JSON.stringify(errand)
    expect(isReported(other, 'italian', reply)).toBe(same)
    expect(isPolite(reply + polite)).toBe(true)
    expect(isPolite(reply + rude)).toBe(false)
  }
})
