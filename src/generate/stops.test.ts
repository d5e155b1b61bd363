import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fakeTokenizer } from '../../test/fake-text.ts'
import { createStopWatch } from './stops.ts'

const tokenizer = fakeTokenizer()
const letters = fc.constantFrom('a', 'b', ' ', 'é', '🙂')
const words = (least: number, most: number) =>
  fc.array(letters, { minLength: least, maxLength: most }).map((parts) => parts.join(''))

test('what is shown at any time is a beginning of the text in the end, and all of it comes', () => {
  fc.assert(
    fc.property(words(0, 30), fc.array(words(1, 4), { maxLength: 3 }), (whole, stops) => {
      const watch = createStopWatch(tokenizer, stops)
      const pieces: string[] = []
      for (const id of tokenizer.encode(whole)) {
        const isStopped = watch.push(id)
        pieces.push(watch.settled())
        if (isStopped) break
      }
      watch.end()
      pieces.push(watch.settled())
      const text = watch.text()
      expect(pieces.join('')).toBe(text)
      expect(whole.startsWith(text)).toBe(true)
      if (!stops.some((stop) => whole.includes(stop))) expect(text).toBe(whole)
      for (const stop of stops) expect(text).not.toContain(stop)
    }),
    { seed: 5, numRuns: 2000 },
  )
})

test('a beginning of a stop text is held back until it is decided', () => {
  const watch = createStopWatch(tokenizer, ['END'])
  const shown = [...'xENxEND'].map((letter) => {
    watch.push(tokenizer.encode(letter)[0])
    return watch.settled()
  })
  expect(shown).toEqual(['x', '', '', 'ENx', '', '', ''])
  expect(watch.text()).toBe('xENx')
})
