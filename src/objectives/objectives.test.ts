import { describe, expect, test } from 'vitest'
import { random } from '../base/index.ts'
import { packTree, type TokenTree } from '../batch/index.ts'
import { openReferenceBackend } from '../tensor/index.ts'
import { countUnits, evaluateObjective, type Objective, objectives, type ReadBatch, withParams } from './index.ts'

const host = openReferenceBackend()
const draw = random(11, 'objectives')

/** Pairs of random lengths; plain SFT rows are read from the same trees. */
function makeBatch(pairs: number, seed: number): ReadBatch {
  const tree: TokenTree = packTree(
    Array.from({ length: pairs }, (_, id) => {
      const answer = (side: number) => {
        const n = 1 + draw.below(4, seed, id, side)
        return { tokens: new Int32Array(n).fill(3), loss: new Uint8Array(n).fill(1), parent: 0, sequence: side }
      }
      return { id, segments: [{ tokens: [1, 2] }, answer(0), answer(1)] }
    }),
  )
  const values = (stream: number) => Float64Array.from(tree.targets, (_, i) => -3 * draw.unit(seed, i, stream))
  return { tree, logprobs: values(8), reference: values(9) }
}

const evaluate = (objective: Objective, parts: ReadBatch[], units?: number) =>
  evaluateObjective(
    host,
    objective,
    objective.params,
    parts,
    units ??
      countUnits(
        objective,
        parts.map(({ tree }) => tree),
      ),
  )

for (const [id, objective] of Object.entries(objectives)) {
  describe(id, () => {
    test('its cotangents are its finite differences', async () => {
      const batch = makeBatch(4, 1)
      const { cotangents } = await evaluate(objective, [batch])
      const logprobs = batch.logprobs as Float64Array
      for (let i = 0; i < logprobs.length; i++) {
        const held = logprobs[i]
        logprobs[i] = held + 1e-5
        const up = (await evaluate(objective, [batch])).loss
        logprobs[i] = held - 1e-5
        const down = (await evaluate(objective, [batch])).loss
        logprobs[i] = held
        expect(cotangents[0][i]).toBeCloseTo((up - down) / 2e-5, 6)
      }
    })

    test('micro-batches add up to the big batch, in any order', async () => {
      const parts = [makeBatch(2, 2), makeBatch(3, 3), makeBatch(1, 4)]
      const units = countUnits(
        objective,
        parts.map(({ tree }) => tree),
      )
      const whole = await evaluate(objective, parts)
      const turned = await evaluate(objective, [...parts].reverse())
      expect(turned.loss).toBeCloseTo(whole.loss, 12)
      let loss = 0
      const metrics: Record<string, number> = {}
      for (const [i, part] of parts.entries()) {
        const share = await evaluate(objective, [part], units)
        loss += share.loss
        for (const [name, value] of Object.entries(share.metrics)) metrics[name] = (metrics[name] ?? 0) + value
        expect([...share.cotangents[0]]).toEqual([...whole.cotangents[i]])
        expect([...turned.cotangents[2 - i]]).toEqual([...whole.cotangents[i]])
      }
      expect(loss).toBeCloseTo(whole.loss, 12)
      for (const [name, value] of Object.entries(whole.metrics)) expect(metrics[name]).toBeCloseTo(value, 12)
    })

    test('it stays finite at margins of ±1000', async () => {
      const batch = makeBatch(4, 5)
      for (const [i, sequence] of batch.tree.sequences.entries()) {
        ;(batch.logprobs as Float64Array)[i] = sequence % 2 === (sequence >> 1) % 2 ? -0.001 : -10000
      }
      const { loss, metrics, cotangents } = await evaluate(objective, [batch])
      expect(Number.isFinite(loss)).toBe(true)
      for (const value of [...Object.values(metrics), ...cotangents[0]]) expect(Number.isFinite(value)).toBe(true)
    })

    if (objective.linear)
      test('being linear, its gradient is the same at any log-probs', async () => {
        const batch = makeBatch(4, 5)
        const elsewhere = { ...batch, logprobs: new Float64Array(batch.logprobs.length) }
        expect((await evaluate(objective, [elsewhere])).cotangents).toEqual(
          (await evaluate(objective, [batch])).cotangents,
        )
      })

    test('an unknown parameter is refused by name', () => {
      expect(() => withParams(objective, { betta: 1 })).toThrow(/no parameter 'betta'/)
    })
  })
}

test('dpo: ln 2 and accuracy ½ where policy and reference agree; the known value elsewhere', async () => {
  const batch = makeBatch(3, 6)
  const same = await evaluate(objectives['dpo'], [{ ...batch, reference: batch.logprobs }])
  expect(same.loss).toBeCloseTo(Math.LN2, 14)
  expect(same.metrics['accuracy']).toBe(0.5)
  const tree = packTree([
    {
      id: 0,
      segments: [
        { tokens: [1] },
        { tokens: [2], loss: [1], parent: 0, sequence: 0 },
        { tokens: [3], loss: [1], parent: 0, sequence: 1 },
      ],
    },
  ])
  // β = 0.1, margin = 0.1 · ((−1 − −2) − (−4 − −1)) = 0.4: loss = log(1 + e^−0.4)
  const { loss, cotangents } = await evaluate(objectives['dpo'], [{ tree, logprobs: [-1, -4], reference: [-2, -1] }])
  expect(loss).toBeCloseTo(Math.log1p(Math.exp(-0.4)), 14)
  expect(cotangents[0][0]).toBeCloseTo(-0.1 / (1 + Math.exp(0.4)), 7)
  expect(cotangents[0][1]).toBeCloseTo(0.1 / (1 + Math.exp(0.4)), 7)
})

test('sft: the mean over the weight of all learnt tokens', async () => {
  const tree = packTree([{ id: 0, segments: [{ tokens: [1, 2, 3, 4], loss: [0, 1, 0.5, 0] }] }])
  const { loss, cotangents } = await evaluate(objectives['sft'], [{ tree, logprobs: [-1, -4] }])
  expect(loss).toBeCloseTo(3 / 1.5, 12)
  expect([...cotangents[0]].map((v) => v.toFixed(5))).toEqual(['-0.66667', '-0.33333'])
})
