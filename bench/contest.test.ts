import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { contest } from './contest.ts'

const folder = mkdtempSync(join(tmpdir(), 'hone-contest-'))
afterAll(() => rmSync(folder, { recursive: true }))

const log = join(folder, 'log')
/** Answers with the given rates one after another, and writes its name into the log each time. */
const contestant = (name: string, rates: readonly number[]) => ({
  name,
  command: [
    process.execPath,
    '-e',
    `const rates = ${JSON.stringify(rates)}
     console.log('noise of a start'); console.log('{}')
     require('node:readline').createInterface({ input: process.stdin }).on('line', () => {
       require('node:fs').appendFileSync(process.env.LOG, '${name}')
       console.log(JSON.stringify({ rate: rates.length > 1 ? rates.shift() : rates[0], rss: 7 }))
     })`,
  ],
  env: { LOG: log },
  prepare: () => appendFileSync(log, ''),
})

// Other processes are counted in /proc.
test.skipIf(process.platform !== 'linux')('contestants take turns, and all rounds are told', async () => {
  const [a, b] = await contest([contestant('A', [5]), contestant('B', [8])], 3)
  expect(readFileSync(log, 'utf8').slice(0, 6)).toBe('ABABAB')
  expect(a).toMatchObject({ name: 'A', rate: 5, low: 5, high: 5, more: { rss: 7 } })
  expect(b).toMatchObject({ name: 'B', rate: 8 })
  expect(a.rounds).toBeGreaterThanOrEqual(3)
})

test('a contestant that fails is named, with what it said', async () => {
  const failing = { name: 'C', command: [process.execPath, '-e', 'console.error("no memory left"); process.exit(3)'] }
  await expect(contest([failing], 1)).rejects.toThrow(/^C ended with code 3\nno memory left/)
})
