import { expect, test } from 'vitest'
import { joinRows, type RowInput } from '../batch/index.ts'
import type { Engine } from '../engine/index.ts'
import { objectives } from '../objectives/index.ts'
import { inCompany } from './company.ts'
import { drawBeta, openPacker } from './prepare.ts'

const row = (id: number, answer: number[], label = 1): RowInput => ({
  id,
  segments: [{ tokens: [90 + id, 91] }, { tokens: answer, loss: answer.map(() => 1), parent: 0 }],
  values: { label: [label] },
})
/** An engine whose most probable token at each target is 7. */
const engine = {
  readouts: new Set(['logprob', 'topk', 'inputMix', 'hiddenMix', 'logprobsOf']),
  forward: async (tree: { targets: Int32Array }) => ({
    logprobs: new Float32Array(tree.targets.length),
    topk: { count: 1, tokens: tree.targets.map(() => 7), logprobs: new Float32Array(tree.targets.length) },
  }),
} as unknown as Engine
const packer = (id: 'intuitive-ft' | 'sftmix' | 'distill', given = engine) =>
  openPacker({ engine: given, objective: objectives[id], params: objectives[id].params, seed: 1 })

test('guesses are blended in at the learnt tokens alone', async () => {
  const { tokens, inputMix } = await packer('intuitive-ft')([row(1, [5, 6])], 0)
  expect([...tokens]).toEqual([91, 91, 5, 6])
  expect([...(inputMix?.tokens ?? [])]).toEqual([91, 91, 7, 7])
  expect([...(inputMix?.weights ?? [])].map((w) => w.toFixed(2))).toEqual(['0.00', '0.00', '0.20', '0.20'])
})

test('places are mixed from the start of both answers, as far as the shorter goes, by one share a pair and step', async () => {
  const pack = packer('sftmix')
  const pairs = [joinRows(row(1, [5, 6, 7]), row(2, [8, 9])), joinRows(row(3, [5]), row(4, [8, 9]))]
  const { hiddenMix, targets, tokens } = await pack(pairs, 3)
  const ids = (places?: Int32Array) => [...(places ?? [])].map((place) => tokens[targets[place]])
  expect(ids(hiddenMix?.first)).toEqual([5, 6, 5])
  expect(ids(hiddenMix?.second)).toEqual([8, 9, 8])
  const [a, b, c] = hiddenMix?.weights ?? []
  expect(a).toBe(b)
  expect(a).not.toBe(c)
  expect((await pack(pairs, 3)).hiddenMix).toEqual(hiddenMix)
  expect((await pack(pairs, 4)).hiddenMix?.weights).not.toEqual(hiddenMix?.weights)
})

test('an engine that cannot read what is needed is refused by name', () => {
  const remote = { readouts: new Set(['logprob']) } as unknown as Engine
  expect(() => packer('intuitive-ft', remote)).toThrow(/'intuitive-ft' needs topk and inputMix/)
  expect(() => packer('distill', remote)).toThrow(/logprobsOf/)
})

test('draws of Beta have its mean and variance', () => {
  let state = 1
  const unit = () => (state = (state * 16807) % 2147483647) / 2147483647
  for (const alpha of [0.5, 2]) {
    const drawn = Array.from({ length: 4000 }, () => drawBeta(alpha, unit))
    const mean = drawn.reduce((a, b) => a + b, 0) / drawn.length
    const variance = drawn.reduce((sum, x) => sum + (x - mean) ** 2, 0) / drawn.length
    expect(mean).toBeCloseTo(0.5, 1)
    expect(variance).toBeCloseTo(1 / (4 * (2 * alpha + 1)), 2)
  }
})

const reader = (labels: number[]) => ({
  read: async (indices: readonly number[]) => indices.map((i) => row(i, [i], labels[i])),
  order: () => ({ length: labels.length, at: (i: number) => i }),
})

test('each row of label true meets one of label false, every row once an epoch, anew in each', async () => {
  const { read, order } = await inCompany(['label', 'partner'], reader([1, 0, 0, 1, 1, 0, 1, 0, 1, 0]))
  const epoch = async (number: number) => {
    const { length, at } = order(number, 5)
    const rows = await read(Array.from({ length }, (_, i) => at(i)))
    for (const { values } of rows) expect(Array.from(values?.['label'] ?? [])).toEqual([1, 0])
    return rows.map(({ segments }) => segments.map(({ tokens }) => tokens[0]).filter((token) => token < 90))
  }
  const [first, second] = [await epoch(0), await epoch(1)]
  expect(first.flat().sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  expect(second.flat().sort()).toEqual(first.flat().sort())
  expect(second).not.toEqual(first)
  expect(await epoch(0)).toEqual(first)
})

test('halves of unequal size are refused', async () => {
  await expect(inCompany(['partner'], reader([1, 1, 1, 0]))).rejects.toThrow(
    /3 rows of label true and 1 of label false/,
  )
})

test('an answer to another prompt is that of the next row', async () => {
  const { read } = await inCompany(['mismatched'], reader([1, 0, 1]))
  const [last] = await read([2])
  expect(last.segments.map(({ tokens, sequence = 0 }) => [...Array.from(tokens), sequence])).toEqual([
    [92, 91, 0],
    [2, 0],
    [0, 1],
  ])
})
