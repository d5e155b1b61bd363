import fc from 'fast-check'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { jsonSchema } from './json-schema.ts'
import { checkSchema, faultOf, type Schema } from './schema.ts'

const verdict = (answer: string, reference: unknown) => jsonSchema.verify({ answer, reference })

const person = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'a person',
  type: 'object',
  properties: { name: { type: 'string', minLength: 1, pattern: '^[A-Z]' }, age: { type: 'integer', minimum: 0 } },
  required: ['name'],
  additionalProperties: false,
}

test('JSON alone or in the last fenced block is taken; text around it is not', () => {
  const right = '{"name": "Ada", "age": 36}'
  for (const answer of [
    right,
    `  ${right}\n`,
    `Here:\n\`\`\`json\n${right}\n\`\`\`\nDone.`,
    `\`\`\`\n[1]\n\`\`\` no: \`\`\`\n${right}\n\`\`\``,
    `<think>{}</think>${right}`,
  ])
    expect([answer, verdict(answer, person)]).toEqual([answer, expect.objectContaining({ score: 1, correct: true })])
  for (const answer of [
    '',
    'Ada',
    `It is ${right}`,
    `${right} ${right}`,
    '{"name": "Ada",}',
    `\`\`\`json\n${right}\n\`\`\`\n\`\`\`\nno\n\`\`\``,
  ])
    expect([answer, verdict(answer, person)]).toEqual([answer, expect.objectContaining({ score: 0, correct: false })])
})

test('a fault names its place and what was expected', () => {
  const faults: [unknown, string][] = [
    [{ age: 3 }, 'the value has no "name"'],
    [{ name: 'Ada', age: -1 }, '.age has -1, expected at least 0'],
    [{ name: 'Ada', age: 1.5 }, '.age is 1.5, expected integer'],
    [{ name: 'ada' }, '.name is "ada", expected a match of ^[A-Z]'],
    [{ name: 'Ada', sex: 'f' }, 'the value has the unexpected "sex"'],
    [[], 'the value is [], expected object'],
  ]
  for (const [value, why] of faults)
    expect(verdict(JSON.stringify(value), person)).toMatchObject({ correct: false, why })
})

const cases: [schema: Schema, valid: unknown[], invalid: unknown[]][] = [
  [true, [null, 1, {}], []],
  [false, [], [null, 1, {}]],
  [{}, [null, 'a'], []],
  [{ type: 'null' }, [null], [0, false, '', []]],
  [{ type: ['string', 'null'] }, ['a', null], [1]],
  [{ type: 'integer' }, [1, 1.0, -3], [1.5, '1']],
  [{ type: 'object' }, [{}], [[], null]],
  [{ enum: [1, 'a', [1], { b: 1, a: 2 }] }, [1, 'a', [1], { a: 2, b: 1 }], [2, 'b', [2], { a: 2 }]],
  [{ const: null }, [null], [0, undefined]],
  [{ minLength: 2, maxLength: 3 }, ['ab', '🙂🙂', 5], ['a', 'abcd', '🙂']],
  [{ minimum: 1, exclusiveMaximum: 3 }, [1, 2.9, 'x'], [0.9, 3]],
  [{ exclusiveMinimum: 1, maximum: 3 }, [1.1, 3], [1, 3.1]],
  [{ multipleOf: 0.1 }, [0.3, 1, 'x'], [0.35]],
  [
    { items: { type: 'number' }, minItems: 1, maxItems: 2, uniqueItems: true },
    [[1], [1, 2], 'x'],
    [[], [1, 1], [1, 2, 3], ['a']],
  ],
  [
    { uniqueItems: true },
    [[{ a: 1 }, { a: 2 }]],
    [
      [
        { a: 1, b: 2 },
        { b: 2, a: 1 },
      ],
    ],
  ],
  [{ prefixItems: [{ type: 'number' }, { type: 'string' }], items: false }, [[], [1], [1, 'a']], [['a'], [1, 'a', 2]]],
  [{ minProperties: 1, maxProperties: 2 }, [{ a: 1 }, []], [{}, { a: 1, b: 2, c: 3 }]],
  [
    { properties: { a: { type: 'number' } }, additionalProperties: { type: 'string' } },
    [{ a: 1, b: 'x' }, {}],
    [{ a: 'x' }, { b: 1 }],
  ],
  [{ required: ['__proto__'] }, [JSON.parse('{"__proto__": 1}')], [{}]],
  [{ required: ['toString'] }, [{ toString: 1 }], [{}]],
  [{ anyOf: [{ type: 'number' }, { minLength: 2 }] }, [1, 'ab', null], ['a']],
  [{ oneOf: [{ type: 'number' }, { minimum: 5 }] }, [1, 'x'], [6]],
  [{ allOf: [{ type: 'number' }, { minimum: 5 }] }, [6], [1, 'x']],
  [{ not: { type: 'number' } }, ['x'], [1]],
  [
    {
      $ref: '#/$defs/tree',
      $defs: { tree: { type: 'object', properties: { left: { $ref: '#/$defs/tree' } }, additionalProperties: false } },
    },
    [{}, { left: { left: {} } }],
    [{ left: 1 }, { left: { right: {} } }],
  ],
  [{ type: 'array', items: { $ref: '#' } }, [[], [[], [[]]]], [[1], 1]],
]

test.each(cases)('%j', (schema, valid, invalid) => {
  checkSchema(schema)
  for (const value of valid) expect([value, faultOf(value, schema)]).toEqual([value, null])
  for (const value of invalid) expect([value, faultOf(value, schema)]).toEqual([value, expect.any(String)])
})

test('zod, where it knows the same keywords, is of the same opinion', () => {
  const leaf = fc.constantFrom<object>(
    { type: 'string' },
    { type: 'string', minLength: 2, maxLength: 3 },
    { type: 'integer', minimum: 0 },
    { type: 'number', exclusiveMaximum: 2 },
    { type: 'boolean' },
    { type: 'null' },
    { enum: ['a', 1] },
    { const: 'b' },
  )
  const { schema } = fc.letrec<{ schema: object }>((tie) => ({
    schema: fc.oneof(
      { maxDepth: 3 },
      leaf,
      fc.record({ type: fc.constant('array'), items: tie('schema'), minItems: fc.constantFrom(0, 1) }),
      fc.record({
        type: fc.constant('object'),
        properties: fc.record({ a: tie('schema'), b: tie('schema') }),
        required: fc.constantFrom([], ['a']),
        additionalProperties: fc.boolean(),
      }),
      fc.record({ anyOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }) }),
    ),
  }))
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom<unknown>('a', 'b', 'abcd', '', 0, 1, -1, 1.5, 2, true, null),
      fc.array(tie('value'), { maxLength: 2 }),
      fc.record({ a: tie('value'), b: tie('value'), c: tie('value') }, { requiredKeys: [] }),
    ),
  }))
  let [valid, invalid] = [0, 0]
  fc.assert(
    fc.property(schema, value, (made, subject) => {
      checkSchema(made)
      const ours = faultOf(subject, made) === null
      if (ours) valid++
      else invalid++
      expect(ours).toBe(z.fromJSONSchema(made as never).safeParse(subject).success)
    }),
    { numRuns: 1500 },
  )
  expect(Math.min(valid, invalid)).toBeGreaterThan(50)
})

test('a schema that would not be checked whole is refused', () => {
  const refused: [unknown, string][] = [
    [{ type: 'string', format: 'date' }, 'keyword "format", which is not known'],
    [{ properties: { a: { patternProperties: {} } } }, '"patternProperties"'],
    [{ type: 'text' }, 'type: "text"'],
    [{ minimum: '1' }, 'minimum: "1"'],
    [{ required: 'a' }, 'required: "a"'],
    [{ anyOf: [] }, 'anyOf: []'],
    [{ items: [{}] }, 'items: [{}]'],
    [{ $ref: 'https://example.org/a' }, 'refers to'],
    [{ $ref: '#/$defs/none' }, 'refers to'],
    [{ pattern: '(?=a)' }, 'looks ahead'],
    [5, 'the schema has 5'],
    [undefined, 'the schema has nothing'],
    ['{"type": ', 'is no JSON'],
    [JSON.parse(`${'{"not":'.repeat(300)}{}${'}'.repeat(300)}`), 'the schema has'],
  ]
  for (const [schema, why] of refused) expect(() => verdict('1', schema), why).toThrow(why)
  expect(verdict('1', '{"type": "number"}')).toMatchObject({ correct: true })
})

test('no answer is too deep, too long or too much to check', () => {
  const list = { type: 'array', items: { $ref: '#' } }
  expect(verdict('['.repeat(200_000) + ']'.repeat(200_000), list)).toMatchObject({
    correct: false,
    why: expect.stringContaining('deep'),
  })
  expect(verdict(`[${'1,'.repeat(600_000)}1]`, list)).toMatchObject({
    correct: false,
    why: expect.stringContaining('longer'),
  })
  const doubling = {
    anyOf: [{ type: 'array', items: { $ref: '#' }, minItems: 2 }, { items: { $ref: '#' } }],
    not: { const: 1 },
  }
  const start = performance.now()
  expect(verdict(`${'['.repeat(60)}1${']'.repeat(60)}`, doubling)).toMatchObject({ correct: false })
  expect(performance.now() - start).toBeLessThan(3000)
})

test('any text gets a verdict', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.json().map((text) => `\`\`\`json\n${text}\n\`\`\``),
      ),
      (answer) => {
        expect(verdict(answer, person)).toMatchObject({ score: expect.any(Number) })
      },
    ),
  )
})
