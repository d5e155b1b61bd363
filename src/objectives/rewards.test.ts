/** What the losses of reward models are on numbers that can be worked out by hand. */
import { expect, test } from 'vitest'
import { type ReadRow, readBatch } from '../../test/read-batch.ts'
import { openReferenceBackend } from '../tensor/index.ts'
import { evaluateObjective, type ObjectiveId, objective, objectives, type Params, withParams } from './index.ts'

const host = openReferenceBackend()
const at = (id: ObjectiveId, rows: ReadRow[], params: Params = {}) =>
  evaluateObjective(host, objectives[id], withParams(objectives[id], params), [readBatch(rows)])
const loss = async (...given: Parameters<typeof at>) => (await at(...given)).loss

/** A row whose answers have these scores. */
const scores = (values: number[], more: ReadRow['values'] = {}): ReadRow => ({
  answers: values.map((value) => [value - 1, 1]),
  values: more,
})
const softplus = (x: number) => Math.log1p(Math.exp(-Math.abs(x))) + Math.max(x, 0)

test('reward: ln 2 at equal scores, and only their difference counts', async () => {
  const value = await at('reward', [scores([3, 3])])
  expect(value.loss).toBeCloseTo(Math.LN2, 14)
  expect(value.metrics).toEqual({ accuracy: 0.5, margin: 0, chosenReward: 3, rejectedReward: 3 })
  expect([...value.cotangents[0]]).toEqual([-0.5, 0.5])
  expect(await loss('reward', [scores([2, -1])])).toBeCloseTo(softplus(-3), 14)
  expect(await loss('reward', [scores([7, 4])])).toBeCloseTo(softplus(-3), 14)
})

test('reward: a margin shifts the difference, pair by pair', async () => {
  const wide = scores([2, -1], { margin: [1, 1] })
  expect(await loss('reward', [wide])).toBeCloseTo(softplus(-2), 14)
  expect(await loss('reward', [wide, scores([2, -1])])).toBeCloseTo((softplus(-2) + softplus(-3)) / 2, 14)
  expect((await at('reward', [wide])).metrics).toMatchObject({ margin: 3, accuracy: 1 })
})

test('reward: centring adds c (r_w + r_l)², and is nothing at opposite scores', async () => {
  expect(await loss('reward', [scores([2, 1])], { centering: 0.1 })).toBeCloseTo(softplus(-1) + 0.9, 14)
  expect(await loss('reward', [scores([1.5, -1.5])], { centering: 0.1 })).toBeCloseTo(softplus(-3), 14)
  const { cotangents } = await at('reward', [scores([2, 2])], { centering: 0.25 })
  expect([...cotangents[0]]).toEqual([1.5, 2.5])
})

test('reward-listwise: two answers are a pair; of labels every good one meets every bad one', async () => {
  const pairs = { centering: 0.1 }
  expect(await loss('reward-listwise', [scores([2, -1])], pairs)).toBeCloseTo(
    await loss('reward', [scores([2, -1])], pairs),
    14,
  )
  const three = (softplus(-1) + softplus(-3) + softplus(-2)) / 3
  expect(await loss('reward-listwise', [scores([3, 2, 0])])).toBeCloseTo(three, 14)
  const labelled = scores([3, 1, 2, 0], { score: [1, 1, 0, 0] })
  const met = [3 - 2, 3 - 0, 1 - 2, 1 - 0].map((h) => softplus(-h))
  expect(await loss('reward-listwise', [labelled])).toBeCloseTo(met.reduce((a, b) => a + b) / 4, 14)
  expect((await at('reward-listwise', [labelled])).metrics).toEqual({ accuracy: 0.75, margin: 1 })
})

test('reward-listwise: a list counts as one row, however many answers it has; one without a better answer teaches nothing', async () => {
  const rows = [scores([3, 2, 0]), scores([1, 0])]
  const [three, two] = [await loss('reward-listwise', [rows[0]]), await loss('reward-listwise', [rows[1]])]
  expect(await loss('reward-listwise', rows)).toBeCloseTo((three + two) / 2, 14)
  const tied = await at('reward-listwise', [scores([3, 2], { score: [1, 1] })])
  expect([tied.loss, ...tied.cotangents[0]].map(Math.abs)).toEqual([0, 0, 0])
})

test('reward-graded: the square of the distance, or the cross-entropy of σ(r)', async () => {
  const rows = [scores([2], { score: [0.5] }), scores([-1], { score: [1] })]
  expect(await loss('reward-graded', rows)).toBeCloseTo((1.5 ** 2 + 2 ** 2) / 2, 14)
  const crossed = [0.5 * softplus(-2) + 0.5 * softplus(2), softplus(1)]
  const how = { regression: 'cross-entropy' }
  expect(await loss('reward-graded', rows, how)).toBeCloseTo((crossed[0] + crossed[1]) / 2, 14)
  await expect(loss('reward-graded', [scores([0], { score: [4] })], how)).rejects.toThrow(
    /a score is 4, expected 0 … 1/,
  )
  await expect(loss('reward-graded', [scores([0])])).rejects.toThrow(/needs the score/)
})

test('outcome and process rewards: cross-entropy of each answer, or each step, with its label, soft or not', async () => {
  const answers = [scores([2], { label: [1] }), scores([0.5], { label: [0] })]
  const each = [softplus(-2), softplus(0.5)]
  expect(await loss('reward-outcome', answers)).toBeCloseTo((each[0] + each[1]) / 2, 14)
  expect((await at('reward-outcome', answers)).metrics).toEqual({ accuracy: 0.5, score: 1.25 })
  const steps = scores([2, 0.5, -1], { label: [1, 0, 0.25] })
  const soft = 0.25 * softplus(1) + 0.75 * softplus(-1)
  expect(await loss('reward-process', [steps])).toBeCloseTo((each[0] + each[1] + soft) / 3, 14)
  // The slope is σ(r) − y.
  const { cotangents } = await at('reward-process', [steps])
  for (const [i, [r, y]] of [
    [2, 1],
    [0.5, 0],
    [-1, 0.25],
  ].entries()) {
    expect(cotangents[0][i]).toBeCloseTo((1 / (1 + Math.exp(-r)) - y) / 3, 7)
  }
})

test('what an objective does not say that it reads is refused', async () => {
  const blind = objective(
    { id: 'blind', summary: '', source: '', form: 'pairs', needs: [], params: {} },
    ({ all }) => ({ loss: all.scores }),
  )
  const batch = [readBatch([scores([1, 2])])]
  await expect(evaluateObjective(host, blind, {}, batch)).rejects.toMatchObject({ code: 'E_READOUT' })
})
