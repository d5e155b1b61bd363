import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compilePattern } from './pattern.ts'
import { regex } from './regex.ts'

/** JavaScript's own, which takes the first alternative where ours takes the longest: only whether it matches is compared. */
const native = (source: string, text: string, flags = '') => new RegExp(source, flags).test(text)

const literal = fc.constantFrom(
  'a',
  'b',
  'c',
  '1',
  ' ',
  '\n',
  '\\.',
  '-',
  '_',
  'A',
  '\\d',
  '\\w',
  '\\s',
  '\\D',
  '\\W',
  '\\S',
  '.',
  '[ab]',
  '[^a]',
  '[a-c1]',
  '[\\d_]',
  '[^\\w]',
  '[]',
  '[^]',
  '\\x61',
  '\\u0062',
  '\\n',
)
const { pattern } = fc.letrec<{ pattern: string }>((tie) => ({
  pattern: fc.oneof(
    { maxDepth: 4 },
    literal,
    fc.constantFrom('^', '$', '\\b', '\\B', ''),
    fc.tuple(tie('pattern'), tie('pattern')).map(([x, y]) => x + y),
    fc.tuple(tie('pattern'), tie('pattern')).map(([x, y]) => `(?:${x}|${y})`),
    fc
      .tuple(tie('pattern'), fc.constantFrom('*', '+', '?', '*?', '+?', '??', '{2}', '{1,}', '{0,2}', '{1,3}?'))
      .map(([x, times]) => `(${x})${times}`),
  ),
}))
const text = fc.string({
  unit: fc.constantFrom('a', 'b', 'c', '1', ' ', '\n', '.', '-', '_', 'A', 'é', '\u2028'),
  maxLength: 12,
})

describe('patterns', () => {
  test('match where those of JavaScript do, with any flags', () => {
    fc.assert(
      fc.property(pattern, text, fc.constantFrom('', 'i', 's', 'm', 'im'), (source, subject, flags) => {
        let compiled: ReturnType<typeof compilePattern>
        try {
          compiled = compilePattern(source, flags)
        } catch (error) {
          expect(String(error)).toMatch(/more than 1000 steps|repeats too much/)
          return
        }
        expect([source, subject, flags, compiled.find(subject) !== null]).toEqual([
          source,
          subject,
          flags,
          native(source, subject, flags),
        ])
      }),
      { numRuns: 3000 },
    )
  })

  test('give the leftmost match, and there the longest', () => {
    const found = [
      ['\\d+', 'a12b345', '12'],
      ['a|ab|abc', 'xabcabc', 'abc'],
      ['(a|ab)(c|bcd)', 'abcd', 'abcd'],
      ['b*', 'abbb', ''],
      ['^$', '', ''],
      ['(?<year>\\d{4})-(?<month>\\d\\d)', 'on 2024-11-05', '2024-11'],
      ['x{', 'x{', 'x{'],
      ['\\$\\{', 'a ${', '${'],
    ] as const
    for (const [source, subject, match] of found)
      expect([source, compilePattern(source).find(subject)]).toEqual([source, match])
  })

  test('take time proportional to the text, whatever the pattern', () => {
    for (const source of [
      '(a+)+$',
      '(a|a)*b',
      '(a*)*b',
      '(.*)*x',
      '(a?){30}a{30}',
      '^(([a-z])+.)+[A-Z]([a-z])+$',
      '(?:(?:(?:a*)*)*)*c',
    ]) {
      const start = performance.now()
      expect(compilePattern(source).find(`${'a'.repeat(3000)}!`) === null).toBe(source !== '(a?){30}a{30}')
      expect([source, performance.now() - start < 2000]).toEqual([source, true])
    }
  })

  test('what needs backtracking, is no pattern or is too large is refused with its reason', () => {
    const refused = [
      ['(?=a)', 'looks ahead or behind'],
      ['(?<!a)b', 'looks ahead or behind'],
      ['(a)\\1', 'refers back'],
      ['\\k<x>', 'refers back'],
      ['\\p{L}', 'not known'],
      ['(a', 'not closed'],
      ['a)', 'not open'],
      ['[a', 'not closed'],
      ['[b-a]', 'without order'],
      ['*a', 'nothing to repeat'],
      ['a**', 'nothing to repeat'],
      ['a{2,1}', 'repeats from 2 to 1'],
      ['a\\', 'ends in a backslash'],
      ['\\xZZ', 'hexadecimal'],
      ['(a{99}){99}', 'more than 1000 steps'],
      ['((((){999}){999}){999}){999}', 'repeats too much'],
      ['('.repeat(60) + ')'.repeat(60), 'nested too deeply'],
    ] as const
    for (const [source, reason] of refused) expect(() => compilePattern(source), source).toThrow(reason)
    expect(() => compilePattern('a', 'g')).toThrow(/flags "g", expected some of i, s, m/)
  })
})

describe('the verifier', () => {
  test('searches, or with anchors takes all', () => {
    expect(regex.verify({ answer: 'It is 42 now', reference: '\\d+' })).toMatchObject({
      score: 1,
      correct: true,
      extracted: '42',
    })
    expect(regex.verify({ answer: 'It is 42 now', reference: '^\\d+$' })).toMatchObject({ score: 0, correct: false })
    expect(regex.verify({ answer: 'YES', reference: { pattern: '^yes$', flags: 'i' } })).toMatchObject({
      correct: true,
    })
  })

  test('reads so much of an answer and no more', () => {
    expect(regex.verify({ answer: `${'a'.repeat(49_999)}b`, reference: 'b' })).toMatchObject({ correct: true })
    expect(regex.verify({ answer: `${'a'.repeat(50_000)}b`, reference: 'b' })).toMatchObject({ correct: false })
  })

  test('refuses a reference that is no pattern', () => {
    for (const reference of [undefined, null, 5, ['a'], {}, { pattern: 5 }])
      expect(() => regex.verify({ answer: 'a', reference })).toThrow(/expected a pattern/)
    expect(() => regex.verify({ answer: 'a', reference: '(' })).toThrow(/not closed/)
  })
})
