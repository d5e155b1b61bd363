import { describe, expect, test } from 'vitest'
import { code, programOf } from './code.ts'
import { verifier } from './table.ts'

const fenced = (label: string, source: string) => `Here it is:\n\`\`\`${label}\n${source}\n\`\`\`\nIt adds.`
const add = 'function add(a, b) { return a + b }'
const calls = [
  { call: 'add', args: [1, 2], returns: 3 },
  { call: 'add', args: [-1, 1], returns: 0 },
]

describe('the program of an answer', () => {
  test.each([
    ['x = 1', 'x = 1', null],
    [fenced('python', 'x = 1'), 'x = 1\n', 'python'],
    [fenced('js', 'let x'), 'let x\n', 'javascript'],
    [fenced('', 'x = 1'), 'x = 1\n', null],
    [`${fenced('python', 'x = 1')}${fenced('py', 'x = 2')}`, 'x = 2\n', 'python'],
    [`<think>${fenced('python', 'x = 1')}</think>x = 3`, 'x = 3', null],
    ['```python\nx = 1\n```\nand\n```python\nx = 2', 'x = 2', 'python'],
    ['```x = 1```', 'x = 1', null],
  ])('%j', (answer, source, language) => {
    expect(programOf(answer)).toEqual({ source, language })
  })
})

test('a right program passes, a wrong one is told its first failure', async () => {
  const reference = { language: 'javascript', tests: calls }
  expect(await code.verify({ answer: fenced('js', add), reference })).toMatchObject({ score: 1, correct: true })
  const wrong = await code.verify({ answer: add.replace('+', '-'), reference })
  expect(wrong).toMatchObject({
    score: 0,
    correct: false,
    why: expect.stringMatching(/^0 of 2 tests passed; test 1: /),
  })
  expect((await code.verify({ answer: 'no program at all', reference })).correct).toBe(false)
  expect((await code.verify({ answer: '', reference })).correct).toBe(false)
})

test('the language is that of the fence where the reference names none; tests may be lines', async () => {
  const reference = ['assert.equal(add(1, 2), 3)', 'assert.equal(add(0, 0), 0)']
  expect(await code.verify({ answer: fenced('javascript', add), reference })).toMatchObject({ correct: true })
  expect(await code.verify({ answer: fenced('javascript', 'process.exit(0)'), reference })).toMatchObject({
    correct: false,
  })
})

test.each([[42], [[]], [{}], [{ tests: [1] }], [null]])('%j is no reference', async (reference) => {
  await expect(async () => code.verify({ answer: add, reference })).rejects.toMatchObject({ code: 'E_REFERENCE' })
})

test('is known by its name, and an over-long answer is not run', async () => {
  expect(verifier('code')).toBe(code)
  const long = `${add}\n${' '.repeat(100_000)}`
  expect(await code.verify({ answer: long, reference: calls })).toMatchObject({
    correct: false,
    why: expect.stringContaining('longer'),
  })
})
