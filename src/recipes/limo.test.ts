import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { recipeSuite } from '../../test/recipe-suite.ts'
import type { StageOptions } from '../proofs/index.ts'
import recipe, { overlaps, select, writingScores } from './limo.ts'

recipeSuite('limo')

test('words count by their share of the text, so that saying all twice changes only the length', () => {
  const [once, twice, plain] = ['so 2 check 3', 'so 2 check 3 so 2 check 3', '2 3 4 5 6 7 8 9']
  const scores = writingScores([once, twice, plain, plain])
  const longer = writingScores([once, once, plain, plain])
  expect(scores[1]).toBeGreaterThan(scores[0])
  expect(longer[0]).toBe(longer[1])
  expect(scores[0]).toBeGreaterThan(scores[2])
  expect(writingScores(['same', 'same'])).toEqual([0, 0])
})

const pool = [
  { prompt: 'a', completion: '1' },
  { prompt: 'a', completion: 'so 1, therefore perhaps 1; check' },
  { prompt: 'b', completion: '2' },
  { prompt: 'b', completion: '2 2 so' },
  { prompt: 'c', completion: '3' },
]

test('each question keeps its best solution; asking for more than there is gives the pool', () => {
  expect(select(pool, 2)).toEqual([pool[1], pool[3]])
  expect(select(pool, 1)).toEqual([pool[1]])
  expect(select(pool, 99)).toEqual([pool[1], pool[3], pool[4]])
})

test('a question that shares thirteen words with the test is found', () => {
  const words = Array.from({ length: 13 }, (_, i) => `w${i}`).join(' ')
  expect(overlaps(`before ${words}`, `${words} after`)).toBe(true)
  expect(overlaps(words.replace('w6', 'x'), words)).toBe(false)
  expect(overlaps('short', 'short')).toBe(false)
})

test('the program selects from a file of solutions or of chats', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hone-limo-'))
  const path = join(folder, 'solutions.jsonl')
  const seen: unknown[] = []
  const train = async (_: string, { data }: StageOptions<'sft'>) => {
    seen.push(data)
    return 'result'
  }
  const settings = recipe.settings.parse({ n: 1 }) as never
  const work = {
    model: 'base',
    data: { solutions: path },
    settings,
    merge: async () => '',
    online: async () => '',
    train: train as never,
  }
  writeFileSync(path, pool.map((row) => `${JSON.stringify(row)}\n`).join(''))
  expect(await recipe.run(work)).toBe('result')
  const turns = (prompt: string, completion: string) => ({
    messages: [
      { role: 'user', content: prompt },
      { role: 'assistant', content: completion },
    ],
  })
  writeFileSync(path, pool.map(({ prompt, completion }) => `${JSON.stringify(turns(prompt, completion))}\n`).join(''))
  await recipe.run(work)
  expect(seen).toEqual([[pool[1]], [turns('a', pool[1].completion)]])
  rmSync(folder, { recursive: true })
})
