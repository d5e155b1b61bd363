/** Answers verified by rule from the command line. */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { hone, useFixture } from './cli-fixture.ts'

const { at, document } = useFixture()

const rows = [
  { id: 1, completion: 'So it is \\boxed{\\frac{1}{2}}.', reference: '0.5' },
  { id: 2, completion: 'The answer is 7.', reference: '8' },
  { id: 3, completion: '#### 1,000', reference: '1000' },
]
const columns = 'columns.answer=completion'

test('a file of answers gives its accuracy, and the rows with their verdicts where asked', async () => {
  writeFileSync(at.path('answers.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  const line = ['score', '--verifier', 'math', '--data', 'answers.jsonl', columns]
  const told = await document([...line, '--out', 'verdicts.jsonl'])
  expect(told).toMatchObject({ verifier: 'math', mean_score: 2 / 3, accuracy: { value: 2 / 3, n: 3 } })
  expect(told.accuracy.low).toBeLessThan(2 / 3)
  expect(told.rows.map(({ correct }: { correct: boolean }) => correct)).toEqual([true, false, true])
  const written = readFileSync(at.path('verdicts.jsonl'), 'utf8').trimEnd().split('\n')
  expect(written.map((text) => JSON.parse(text))).toEqual(rows.map((row, i) => ({ ...row, verdict: told.rows[i] })))
  const again = await hone([...line, '--out', 'verdicts.jsonl'], { cwd: at.folder })
  expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('verdicts.jsonl exists')])
  const plain = await hone([...line, '--limit', '2'], { cwd: at.folder })
  expect(plain.stdout).toMatch(/row 2: wrong, "7" \(phrase\) is not "8"\naccuracy 50\.0/)
})

test("a verifier of one's own says no more than a score", async () => {
  writeFileSync(at.path('answers.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  writeFileSync(
    at.path('own.ts'),
    'export default { verify: ({ answer, reference }: Record<string, string>) => ({ score: answer.includes(reference) ? 1 : 0.5 }) }',
  )
  const told = await document(['score', '--verifier', 'own.ts', '--data', 'answers.jsonl', columns])
  expect(told).toMatchObject({ accuracy: { value: 0, n: 3 }, mean_score: 0.5 })
})

test('an unknown verifier, an unknown column and a row without its columns are refused', async () => {
  writeFileSync(at.path('answers.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  const refused = async (...more: string[]) =>
    (await hone(['score', '--data', 'answers.jsonl', ...more], { cwd: at.folder })).stderr
  expect(await refused('--verifier', 'maths')).toContain('did you mean math?')
  expect(await refused('--verifier', 'math', 'columns.completion=answer')).toContain('columns.completion: unknown key')
  expect(await refused('--verifier', 'math')).toMatch(
    /answers\.jsonl, line 1: got nothing as answer[\s\S]*columns\.answer=completion/,
  )
})
