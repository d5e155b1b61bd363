import { expect, test } from 'vitest'
import type { RawRow } from '../../formats/index.ts'
import { verifyRows } from './rows.ts'
import { verifier, verifiers } from './table.ts'
import type { Verifier } from './types.ts'

const rows = (...values: object[]) =>
  values.map((value, i): RawRow => ({ value: value as never, file: 'a.jsonl', line: i + 1 }))

async function collect(...args: Parameters<typeof verifyRows>) {
  const verdicts = []
  for await (const { verdict } of verifyRows(...args)) verdicts.push(verdict)
  return verdicts
}

test('the table has each id once, and each verifier says what it is about and takes', () => {
  expect(new Set(verifiers.map(({ id }) => id)).size).toBe(verifiers.length)
  for (const one of verifiers) {
    expect(verifier(one.id)).toBe(one)
    expect([one.about, one.takes].every((text) => text.length > 10)).toBe(true)
  }
  expect(() => verifier('maths')).toThrow("there is no verifier 'maths': did you mean math?")
})

test('rows are verified in order, by columns of any name and by a verifier of any make', async () => {
  const math = await collect(
    verifier('math'),
    rows({ answer: '0.5', reference: '1/2' }, { answer: '3', reference: ['2', '4'] }),
  )
  expect(math.map(({ correct }) => correct)).toEqual([true, false])
  const long: Verifier = {
    id: 'long',
    about: 'answers of some length',
    takes: 'a number',
    verify: async ({ prompt, answer, reference }) => ({
      score: answer.length / Number(reference),
      correct: true,
      why: `${prompt}`,
    }),
  }
  const columns = { prompt: 'question', answer: 'completion', reference: 'target' }
  expect(await collect(long, rows({ question: 'q', completion: 'abc', target: 6 }), { columns })).toEqual([
    { score: 0.5, correct: true, why: 'q' },
  ])
})

test('a row without its columns, and a reference that is none, are named by file and line', async () => {
  await expect(collect(verifier('exact'), rows({ answer: 'a', reference: 'a' }, { answer: 'a' }))).rejects.toThrow(
    'a.jsonl, line 2: got nothing as reference',
  )
  await expect(collect(verifier('exact'), rows({ completion: 'a', reference: 'a' }))).rejects.toThrow(
    'a.jsonl, line 1: got nothing as answer',
  )
  await expect(collect(verifier('regex'), rows({ answer: 'a', reference: '(' }))).rejects.toThrow(
    /a\.jsonl, line 1: .*not closed/,
  )
})

test('a signal stops it between rows', async () => {
  const controller = new AbortController()
  const seen: object[] = []
  const run = async () => {
    for await (const { verdict } of verifyRows(
      verifier('exact'),
      rows({ answer: 'a', reference: 'a' }, { answer: 'b', reference: 'b' }),
      { signal: controller.signal },
    )) {
      seen.push(verdict)
      controller.abort()
    }
  }
  await expect(run()).rejects.toMatchObject({ code: 'E_ABORTED' })
  expect(seen).toHaveLength(1)
})
