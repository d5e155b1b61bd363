import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { HoneError } from '../../base/index.ts'
import { compileJinja } from './compile.ts'
import { strftime } from './strftime.ts'

const recorded = JSON.parse(readFileSync(new URL('../fixtures/jinja.json', import.meta.url), 'utf8')) as {
  variables: Record<string, unknown>
  sources: string[]
  texts: (string | null)[]
}
const render = (source: string, variables: Record<string, unknown> = {}): string =>
  compileJinja(source).render(variables)

test('renders, or refuses, what the reference does', () => {
  expect(recorded.sources.length).toBeGreaterThan(150)
  recorded.sources.forEach((source, i) => {
    let text: string | null
    try {
      text = render(source, recorded.variables)
    } catch (error) {
      expect(error).toBeInstanceOf(HoneError)
      text = null
    }
    expect(text, source).toBe(recorded.texts[i])
  })
})

test('data are never read as template', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(render('<{{ text }}>', { text })).toBe(`<${text}>`)
      expect(JSON.parse(render('{{ text | tojson }}', { text }))).toBe(text)
    }),
  )
})

test('JSON comes out as it went in', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), fc.integer({ min: 0, max: 4 }), (value, indent) => {
      expect(JSON.parse(render('{{ value | tojson }}', { value }))).toEqual(JSON.parse(JSON.stringify(value)))
      expect(JSON.parse(render(`{{ value | tojson(indent=${indent}) }}`, { value }))).toEqual(
        JSON.parse(JSON.stringify(value)),
      )
    }),
  )
})

test('random sources end in a text or an E_TEMPLATE, never in another error', () => {
  const piece = fc.constantFrom(
    ...[
      '{%',
      '%}',
      '{{',
      '}}',
      '{#',
      '#}',
      '-',
      '+',
      'if',
      'for',
      'in',
      'x',
      'end',
      'else',
      'set',
      '=',
      "'a",
      "'",
      '1',
      '.5',
      '(',
      ')',
    ],
    ...[
      '[',
      ']',
      '{',
      '}',
      '|',
      'is',
      'not',
      ':',
      ',',
      '**',
      'endif',
      'endfor',
      'macro',
      'raw',
      'endraw',
      ' ',
      '\n',
      '\\',
      '🦙',
    ],
  )
  const source = fc
    .array(fc.oneof(piece, fc.string({ maxLength: 3 })), { maxLength: 30 })
    .map((parts) => parts.join(' '))
  fc.assert(
    fc.property(source, (text) => {
      try {
        render(text, { x: [1, { a: 'b' }] })
      } catch (error) {
        expect((error as HoneError).code, text).toBe('E_TEMPLATE')
      }
    }),
    { numRuns: 2000 },
  )
})

test('a runaway template is stopped', () => {
  expect(() =>
    render('{% for a in range(99999) %}{% for b in range(99999) %}{% set c = a %}{% endfor %}{% endfor %}'),
  ).toThrow('more than')
  expect(() =>
    render(
      "{% set x = namespace(t='a' * 1000) %}{% for a in range(99) %}{% set x.t = x.t ~ x.t %}{{ x.t }}{% endfor %}",
    ),
  ).toThrow('more than')
  expect(() => render('{{ range(10000000)|length }}')).toThrow('range()')
  expect(() => render('{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}')).toThrow(HoneError)
})

test('the error says the line and what was expected', () => {
  expect(() => compileJinja('a\n{% if x %}\n{{ y')).toThrow(/line 3/)
  expect(() => compileJinja("{% include 'x' %}")).toThrow(/include/)
  expect(() => render("{{ raise_exception('no system role') }}")).toThrow('no system role')
  expect(() => render('{{ x.y }}')).toThrow("'x' is undefined")
})

test('strftime follows C, whatever the language of the machine', () => {
  const date = new Date(2024, 6, 4, 9, 5, 3)
  expect(strftime(date, '%d %b %Y %B %A %a %H:%M:%S %I%p %j %y %-d %e %F %% %Q')).toBe(
    '04 Jul 2024 July Thursday Thu 09:05:03 09AM 186 24 4  4 2024-07-04 % %Q',
  )
  expect(render("{{ strftime_now('%Y') }}")).toBe(String(new Date().getFullYear()))
})
