import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { HoneError } from './errors.ts'
import { closest, mergeConfig, parseConfig, parseOverrides } from './schema.ts'

const schema = z.strictObject({
  learningRate: z.number().positive().default(1e-4),
  steps: z.int().min(1).nullable().default(null),
  schedule: z.enum(['constant', 'cosine']).default('cosine'),
  adapter: z
    .strictObject({
      rank: z.int().positive().default(8),
      targets: z.union([z.string(), z.array(z.string())]).optional(),
    })
    .optional(),
})

const failure = (value: unknown): HoneError => {
  try {
    parseConfig(schema, value, { what: 'sft.yaml' })
  } catch (error) {
    return error as HoneError
  }
  throw new Error('accepted')
}

describe('parseConfig', () => {
  test('fills in defaults', () => {
    expect(parseConfig(schema, {}, { what: 'x' })).toEqual({ learningRate: 1e-4, steps: null, schedule: 'cosine' })
  })

  test.each([
    [{ learningrat: 1 }, 'sft.yaml: unknown key "learningrat": did you mean learningRate?'],
    [{ learning_rate: 1 }, 'sft.yaml: unknown key "learning_rate": did you mean learningRate?'],
    [{ adapter: { rnak: 4 } }, 'sft.yaml: unknown key "adapter.rnak": did you mean adapter.rank?'],
    [{ zebra: 1 }, 'sft.yaml: unknown key "zebra", expected one of learningRate, steps, schedule, adapter'],
    [{ learningRate: -1 }, 'sft.yaml: learningRate: got -1, expected more than 0'],
    [{ learningRate: 'fast' }, 'sft.yaml: learningRate: got "fast", expected a number'],
    [{ learningRate: Number.NaN }, 'sft.yaml: learningRate: got NaN (number), expected a number'],
    [{ steps: 1.5 }, 'sft.yaml: steps: got 1.5 (number), expected a whole number'],
    [{ schedule: 'sine' }, 'sft.yaml: schedule: got "sine", expected one of constant, cosine'],
    [{ adapter: { targets: 3 } }, 'sft.yaml: adapter.targets: got 3, expected a text or an array'],
    [[], 'sft.yaml: got [] (array), expected an object'],
    [null, 'sft.yaml: got null, expected an object'],
  ])('%j is refused in words', (value, message) => {
    const error = failure(value)
    expect(error).toBeInstanceOf(HoneError)
    expect(error.code).toBe('E_CONFIG')
    expect(error.exitCode).toBe(2)
    expect(error.message).toBe(message)
  })

  test('names every fault at once', () => {
    const { message } = failure({ learningRate: 0, stepz: 1 })
    expect(message).toContain('learningRate: got 0')
    expect(message).toContain('did you mean steps?')
  })

  test('a huge key does not hang and is not guessed', () => {
    expect(closest('x'.repeat(1e6), ['learningRate'])).toBeNull()
  })
})

describe('parseOverrides', () => {
  test('reads numbers, booleans, null, JSON and text', () => {
    const words = [
      'a=1e-4',
      'b=-3',
      'c=.5',
      'd=true',
      'e=null',
      'f=[1,"x"]',
      'g="5"',
      'h=q=r',
      'i=',
      'j=007',
      'k=1e999',
      'l={"m":1}',
    ]
    expect(parseOverrides(words)).toEqual({
      a: 1e-4,
      b: -3,
      c: 0.5,
      d: true,
      e: null,
      f: [1, 'x'],
      g: '5',
      h: 'q=r',
      i: '',
      j: '007',
      k: '1e999',
      l: { m: 1 },
    })
  })

  test('dots nest, the last of two wins', () => {
    expect(parseOverrides(['adapter.rank=4', 'adapter.alpha=8', 'adapter.rank=16'])).toEqual({
      adapter: { rank: 16, alpha: 8 },
    })
  })

  test.each(['noequals', '=3', '.a=1', 'a..b=1', '__proto__.x=1', 'a=[1'])('%s is refused', (word) => {
    expect(() => parseOverrides([word])).toThrowError(expect.objectContaining({ code: 'E_CONFIG' }))
  })

  test('a value that is then used as an object is refused', () => {
    expect(() => parseOverrides(['a=1', 'a.b=2'])).toThrowError(/a is already 1, expected an object/)
  })

  test('any JSON survives as an override; any text ends in a value or E_CONFIG, and no prototype is touched', () => {
    fc.assert(
      fc.property(fc.oneof(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue())), (value) => {
        expect(parseOverrides([`key=${JSON.stringify(value)}`]).key).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
    fc.assert(
      fc.property(fc.array(fc.string()), (words) => {
        try {
          parseOverrides(words)
        } catch (error) {
          expect((error as HoneError).code).toBe('E_CONFIG')
        }
        expect(Object.keys(Object.prototype)).toEqual([])
      }),
    )
  })
})

describe('mergeConfig', () => {
  test('defaults < file < overrides, arrays replaced, undefined ignored', () => {
    const defaults = { a: 1, adapter: { rank: 8, targets: ['q', 'v'] }, keep: true }
    const merged = mergeConfig(defaults, { a: 2, adapter: { targets: ['o'] } }, { a: undefined, adapter: { rank: 4 } })
    expect(merged).toEqual({ a: 2, adapter: { rank: 4, targets: ['o'] }, keep: true })
    expect(defaults.adapter).toEqual({ rank: 8, targets: ['q', 'v'] })
  })

  test('an inherited prototype key from a file is not followed', () => {
    const merged = mergeConfig(JSON.parse('{"__proto__": {"polluted": 1}}'))
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
    expect((merged as { polluted?: number }).polluted).toBeUndefined()
  })
})
