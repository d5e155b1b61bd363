import { describe, expect, test } from 'vitest'
import { type ReadRow, readBatch } from '../../test/read-batch.ts'
import { random } from '../base/index.ts'
import { type Form, forms } from '../batch/index.ts'
import { openReferenceBackend } from '../tensor/index.ts'
import {
  evaluateObjective,
  type Need,
  type Objective,
  objectives,
  type Params,
  parameters,
  withParams,
} from './index.ts'

const host = openReferenceBackend()
const draw = random(11, 'objectives')
const evaluate = (objective: Objective, rows: ReadRow[], params: Params = objective.params) =>
  evaluateObjective(host, objective, params, [readBatch(rows)])

const answersOf: Record<Form, number> = { ...counts(), rankings: 4, steps: 3 }
function counts() {
  return Object.fromEntries(Object.entries(forms).map(([form, names]) => [form, names.length])) as Record<Form, number>
}

/** Rows of random lengths and log-probs, with every number that an objective may ask for. */
function makeRows({ form, needs }: Objective, count: number, seed: number, depth = -3): ReadRow[] {
  return Array.from({ length: count }, (_, id) => {
    const isMore = ['mismatched', 'shortPrompt', 'partner'].some((need) => needs.includes(need as Need))
    const sequences = answersOf[form] + (isMore ? 1 : 0)
    const lengths = Array.from({ length: sequences }, (_, s) => 1 + draw.below(4, seed, id, s))
    const values = (stream: number) =>
      lengths.map((n, s) => Array.from({ length: n }, (_, i) => depth * draw.unit(seed, 100 * id + 10 * s + i, stream)))
    const numbers = (from: number, to: number, stream: number) =>
      lengths.map((_, s) => from + (to - from) * draw.unit(seed, 100 * id + s, stream))
    const answers = values(8)
    const places = Math.min(...lengths)
    const listed = (stream: number, at: number) =>
      distribution(3, (i) => draw.unit(seed, 100 * id + 10 * at + i, stream))
    return {
      answers,
      ...(needs.includes('teacher') && {
        candidates: answers.flat().map((_, at) => ({ own: listed(13, at), teacher: listed(14, at) })),
      }),
      ...(needs.includes('partner') && {
        mix: { weight: 0.3, first: answers[0].slice(0, places), second: answers[1].slice(0, places) },
      }),
      reference: values(9),
      values: {
        label: lengths.map(() => (id + seed) % 2),
        score: numbers(0, 1, 10).sort((a, b) => b - a),
        baseline: numbers(-2, 0, 11),
        margin: lengths.map(() => 0.1 * draw.unit(seed, id, 12)),
      },
    }
  })
}

/** Log-probs of some tokens that are not all. */
function distribution(count: number, unit: (i: number) => number): number[] {
  const weights = Array.from({ length: count + 1 }, (_, i) => 0.1 + unit(i))
  const sum = weights.reduce((a, b) => a + b, 0)
  return weights.slice(0, count).map((weight) => Math.log(weight / sum))
}

for (const [id, objective] of Object.entries(objectives) as [string, Objective][]) {
  describe(id, () => {
    test('its cotangents are its finite differences', async () => {
      const batch = readBatch(makeRows(objective, 4, 1))
      const value = () => evaluateObjective(host, objective, objective.params, [batch])
      const { cotangents, extra } = await value()
      const slopes = [...cotangents[0], ...extra[0]]
      const logprobs = (objective.reads === 'score' ? batch.scores : batch.logprobs) as Float64Array
      const further = (batch.extra ?? new Float64Array(0)) as Float64Array
      let largest = 0
      for (let at = 0; at < slopes.length; at++) {
        const [list, i] = at < logprobs.length ? [logprobs, at] : [further, at - logprobs.length]
        const { places, sequences } = batch.tree
        if (objective.needs.includes('mismatched') && places[sequences[i]] > 0) {
          // The reference point depends on it, and no gradient goes that way.
          expect(cotangents[0][i]).toBe(0)
          continue
        }
        const held = list[i]
        list[i] = held + 1e-5
        const up = (await value()).loss
        list[i] = held - 1e-5
        const down = (await value()).loss
        list[i] = held
        const slope = (up - down) / 2e-5
        largest = Math.max(largest, Math.abs(slope))
        expect(Math.abs(slopes[at] - slope)).toBeLessThan(1e-6 * Math.max(1, Math.abs(slope)))
      }
      expect(largest).toBeGreaterThan(0)
    })

    test('micro-batches add up to the big batch, in any order', async () => {
      const groups = [makeRows(objective, 2, 2), makeRows(objective, 3, 3), makeRows(objective, 1, 4)]
      const parts = groups.map((rows) => readBatch(rows))
      const batch = parts.map(({ tree }) => tree)
      const at = (some: typeof parts) => evaluateObjective(host, objective, objective.params, some, { batch })
      const one = await evaluate(objective, groups.flat())
      const whole = await at(parts)
      const turned = await at([...parts].reverse())
      expect(whole.loss).toBeCloseTo(one.loss, 12)
      expect(turned.loss).toBeCloseTo(one.loss, 12)
      const flat = (cotangents: Float32Array[]) => cotangents.flatMap((part) => [...part])
      closeLists(flat(whole.cotangents), flat(one.cotangents))
      closeLists(flat(whole.extra), flat(one.extra))
      closeLists(flat([...turned.cotangents].reverse()), flat(one.cotangents))
      if (objective.scope === 'batch') return
      const metrics: Record<string, number> = {}
      let loss = 0
      for (const [i, part] of parts.entries()) {
        const share = await at([part])
        loss += share.loss
        for (const [name, value] of Object.entries(share.metrics)) metrics[name] = (metrics[name] ?? 0) + value
        closeLists([...share.cotangents[0]], [...whole.cotangents[i]])
        closeLists([...share.extra[0]], [...whole.extra[i]])
      }
      expect(loss).toBeCloseTo(one.loss, 12)
      for (const [name, value] of Object.entries(one.metrics)) expect(metrics[name]).toBeCloseTo(value, 12)
    })

    test('tokens without loss change nothing', async () => {
      const rows = makeRows(objective, 3, 5)
      const [plain, masked] = await Promise.all(
        [0, 2].map((some) => evaluateObjective(host, objective, objective.params, [readBatch(rows, some)])),
      )
      expect(masked.loss).toBe(plain.loss)
      expect(masked.cotangents).toEqual(plain.cotangents)
    })

    test.skipIf(id.startsWith('aot'))('a row of weight 0 is not there, and equal weights are none', async () => {
      const rows = makeRows(objective, 4, 6)
      const weighted = (weights: number[]) =>
        rows.map((row, i) => ({ ...row, values: { ...row.values, weight: row.answers.map(() => weights[i]) } }))
      const plain = await evaluate(objective, rows)
      expect((await evaluate(objective, weighted([3, 3, 3, 3]))).loss).toBeCloseTo(plain.loss, 12)
      if (objective.scope === 'batch') return
      const few = await evaluate(objective, rows.slice(0, 2))
      const others = await evaluate(objective, weighted([1, 1, 0, 0]))
      expect(others.loss).toBeCloseTo(few.loss, 12)
    })

    test('it stays finite at margins of ±1000', async () => {
      for (const turn of [0, 1]) {
        const rows = makeRows(objective, 4, 5).map((row, r) => ({
          ...row,
          answers: row.answers.map((answer, s) => answer.map(() => ((r + s + turn) % 2 === 0 ? -0.001 : -10000))),
          candidates: row.candidates?.map(({ teacher }) => ({
            teacher: turn === 0 ? teacher : [-1e-9, -1000, -1000],
            own: [-1000, -1e-9, -1000],
          })),
        }))
        const { loss, metrics, cotangents } = await evaluate(objective, rows)
        expect(Number.isFinite(loss)).toBe(true)
        for (const value of [...Object.values(metrics), ...cotangents[0]]) expect(Number.isFinite(value)).toBe(true)
      }
    })

    test('certain tokens (log-prob 0) leave it finite', async () => {
      const rows = makeRows(objective, 4, 7, 0)
      const { loss, cotangents } = await evaluate(objective, rows)
      expect([loss, ...cotangents[0]].every(Number.isFinite)).toBe(true)
    })

    if (objective.linear)
      test('being linear, its gradient is the same at any log-probs', async () => {
        const rows = makeRows(objective, 4, 5)
        const elsewhere = rows.map((row) => ({ ...row, answers: row.answers.map((answer) => answer.map(() => 0)) }))
        expect((await evaluate(objective, elsewhere)).cotangents).toEqual((await evaluate(objective, rows)).cotangents)
      })

    test('it says what it is, and its parameters are known ones', () => {
      expect(objective.id).toBe(id)
      expect(objective.summary).toMatch(/\.$/)
      expect(objective.source.length).toBeGreaterThan(5)
      for (const [name, value] of Object.entries(objective.params)) {
        expect(parameters[name as keyof typeof parameters].schema.safeParse(value).success).toBe(true)
      }
      expect(() => withParams(objective, { betta: 1 })).toThrow(/no parameter 'betta'/)
    })
  })
}

test('every parameter belongs to some objective', () => {
  const used = new Set(Object.values(objectives).flatMap(({ params }) => Object.keys(params)))
  expect(Object.keys(parameters).filter((name) => !used.has(name))).toEqual([])
})

test('a value out of range is refused with the range', () => {
  expect(() => withParams(objectives.rdpo, { epsilon: 0.5 })).toThrow(/epsilon of 'rdpo' is 0.5/)
  expect(() => withParams(objectives.dpo, { divergence: 'kl' })).toThrow(/divergence of 'dpo' is kl/)
})

function closeLists(got: number[], expected: number[]): void {
  expect(got).toHaveLength(expected.length)
  for (const [i, value] of expected.entries())
    expect(Math.abs(got[i] - value)).toBeLessThan(1e-7 * (1 + Math.abs(value)))
}
