import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Answered, Comparer } from '../../rewards/index.ts'
import { playTournaments } from './tournament.ts'

const asked = (count: number): Answered => ({
  prompt: '',
  row: null,
  answers: Array.from({ length: count }, (_, i) => ({ tokens: [i], text: String(i), finish: 'eos' as const })),
})

function judge(beats: (a: number, b: number) => number) {
  const calls: number[] = []
  const comparer: Comparer = {
    id: 'judge',
    compare: async (pairs) => {
      calls.push(pairs.length)
      return pairs.map(({ first, second }) => beats(first.tokens[0], second.tokens[0]))
    },
  }
  return { comparer, calls }
}

const permutation = (n: number) => fc.shuffledSubarray([...Array(n).keys()], { minLength: n })

test('a strict order of eight gives its best and worst in 4 + 3 + 3 + 1 comparisons', async () => {
  await fc.assert(
    fc.asyncProperty(permutation(8), async (rank) => {
      const { comparer, calls } = judge((a, b) => Number(rank[a] > rank[b]))
      const [found] = await playTournaments(comparer, [asked(8)])
      expect(found).toEqual([rank.indexOf(7), rank.indexOf(0)])
      expect(calls).toEqual([4, 4, 2, 1])
    }),
  )
})

test('of any number the best and, where all have played, the worst', async () => {
  for (const n of [2, 4, 6]) {
    const [found] = await playTournaments(judge((a, b) => Number(a > b)).comparer, [asked(n)])
    expect(found).toEqual([n - 1, 0])
  }
  expect(await playTournaments(judge(() => 1).comparer, [asked(1), asked(0)])).toEqual([null, null])
})

test('two answers are compared once, and a tie goes to the first', async () => {
  const { comparer, calls } = judge(() => 0.5)
  expect(await playTournaments(comparer, [asked(2), asked(2)])).toEqual([
    [0, 1],
    [0, 1],
  ])
  expect(calls).toEqual([2])
})

test('where the worst beats the best nothing is learnt of the prompt', async () => {
  // It calls the first better in all matches but the last.
  let call = 0
  const fickle: Comparer = { id: 'fickle', compare: async (pairs) => pairs.map(() => (++call <= 4 ? 1 : 0)) }
  expect(await playTournaments(fickle, [asked(4)])).toEqual([null])
})

test('what is no probability is refused', async () => {
  for (const chance of [Number.NaN, 2, -1]) {
    await expect(playTournaments(judge(() => chance).comparer, [asked(2)])).rejects.toMatchObject({ code: 'E_SCORE' })
  }
  const silent: Comparer = { id: 'silent', compare: async () => [] }
  await expect(playTournaments(silent, [asked(2)])).rejects.toMatchObject({ code: 'E_SCORE' })
})
