import { expect, test } from 'vitest'
import type { Outcome } from './contest.ts'
import { type BenchDocument, mergeResults } from './results.ts'
import { parametersOf, shapes } from './shapes.ts'
import { figures } from './table.ts'

const outcome = (name: string, rate: number, rss = 0): Outcome => ({
  name,
  rate,
  low: 0.9 * rate,
  high: 1.1 * rate,
  rounds: 5,
  disturbed: 0,
  more: { rss },
})
const document = (contests: BenchDocument['contests'], date = '2026-02-02'): BenchDocument => ({
  machine: { cpu: 'Some CPU', cores: 2, memory: '24 GB' },
  date,
  rounds: 5,
  versions: { node: 'v24' },
  peak: { f32: 200, bf16: 400, read: 30 },
  contests,
})
const train = {
  what: 'train',
  shape: 'b',
  unit: 'tokens/s',
  date: '2026-02-02',
  outcomes: [
    outcome('hone f32', 500, 1000),
    outcome('hone bf16', 900, 1000),
    outcome('PyTorch f32', 400, 3000),
    outcome('PyTorch f32 compiled', 450, 2000),
    outcome('PyTorch bf16 compiled', 1000, 1600),
  ],
}
const cells = (text: string, ...first: string[]) =>
  text
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .find((line) => first.every((cell, i) => line[i + 1] === cell))
    ?.slice(1, -1)

test('rates stand beside the best peer of f32 and of the same precision', () => {
  const text = figures(document([train]))
  expect(cells(text, 'train', 'b', 'hone f32')?.slice(-2)).toEqual(['1.11 ×', '1.11 ×'])
  expect(cells(text, 'train', 'b', 'hone bf16')?.slice(-2)).toEqual(['2.00 ×', '0.90 ×'])
  expect(cells(text, 'train', 'b', 'PyTorch f32')?.slice(-2)).toEqual(['', ''])
})

test('memory stands beside that of each peer', () => {
  const other = { ...train, shape: 'c', outcomes: [outcome('hone f32', 300, 900), outcome('PyTorch f32', 200, 1800)] }
  const text = figures(document([train, other]))
  const peers = ['PyTorch f32', 'PyTorch f32 compiled', 'PyTorch bf16 compiled'].map((peer) => `against ${peer}`)
  expect(cells(text, 'memory of a training process')).toEqual(['memory of a training process', 'shape', 'MB', ...peers])
  expect(cells(text, 'hone f32', 'b')).toEqual(['hone f32', 'b', '1000', '0.33 ×', '0.50 ×', '0.63 ×'])
  expect(cells(text, 'hone f32', 'c')).toEqual(['hone f32', 'c', '900', '0.50 ×', '', ''])
  expect(cells(text, 'PyTorch f32', 'b')).toEqual(['PyTorch f32', 'b', '3000', '', '', ''])
})

test('decoding of one sequence is held to the bandwidth, in each storage', () => {
  const bandwidth = (name: string, bytes: number) => outcome(name, 15e9 / (parametersOf(shapes.b) * bytes))
  const outcomes = [bandwidth('hone f32', 4), bandwidth('hone bf16', 2), bandwidth('llama.cpp q8_0', 1.0625)]
  const text = figures(document([{ ...train, what: 'decode 1', outcomes }]))
  for (const { name } of outcomes) expect(cells(text, 'decode 1', 'b', name)?.[5]).toBe('50 %')
})

test('without peers there is nothing to stand beside', () => {
  const alone = { ...train, outcomes: train.outcomes.slice(0, 2) }
  expect(cells(figures(document([alone])), 'train', 'b', 'hone bf16')?.slice(-2)).toEqual(['', ''])
})

test('a part measured anew takes the place of the earlier one, and the range of dates is told', () => {
  const earlier = document([train, { ...train, what: 'sft' }])
  const again = { ...train, date: '2026-03-03', outcomes: [outcome('hone f32', 600)] }
  const found = document([again, { ...train, what: 'dpo', date: '2026-03-03' }], '2026-03-03')
  const merged = mergeResults({ ...earlier, startSeconds: 0.5 }, found)
  expect(merged.contests.map(({ what, outcomes }) => [what, outcomes.length])).toEqual([
    ['train', 1],
    ['sft', 5],
    ['dpo', 5],
  ])
  expect(merged.startSeconds).toBe(0.5)
  expect(figures(merged)).toContain('Measured 2026-02-02 to 2026-03-03')
})

test('a slow minute of a later run leaves the shares of the earlier one as they were', () => {
  const slow = { ...document([{ ...train, what: 'dpo' }]), peak: { f32: 150, bf16: 410, read: 12 }, versions: {} }
  const { peak, versions } = mergeResults(document([train]), slow)
  expect(peak).toEqual({ f32: 200, bf16: 410, read: 30 })
  expect(versions).toEqual({ node: 'v24' })
})
