/** Losses and gradients against those of published libraries on the same log-probs. */
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type ReadRow, readBatch } from '../../test/read-batch.ts'
import { sharedFolder } from '../../test/shared.ts'
import { openReferenceBackend } from '../tensor/index.ts'
import { evaluateObjective, type ObjectiveId, objectives, type Params, withParams } from './index.ts'

const host = openReferenceBackend()
const read = (path: string | URL) => JSON.parse(readFileSync(path, 'utf8'))
const evaluate = (id: ObjectiveId, rows: ReadRow[], params: Params) =>
  evaluateObjective(host, objectives[id], withParams(objectives[id], params), [readBatch(rows)])

interface Row {
  answers: number[][]
  reference: number[][]
  label?: number
}
interface Fixture {
  trl: string
  pairs: Row[]
  triples: Row[]
  rated: Row[]
  distillation: { student: number[][]; teacher: number[][]; losses: Record<string, number> }
  cases: { objective: ObjectiveId; params: Params; loss: number; gradient: number[] }[]
}

describe('TRL', () => {
  const fixture: Fixture = read(new URL('./fixtures/trl.json', import.meta.url))

  /** The recorded rows as the objective reads them. */
  function rowsFor(id: ObjectiveId): ReadRow[] {
    const { form, needs } = objectives[id]
    if (form === 'pairs') return fixture.pairs
    if (form === 'triples') return fixture.triples
    // BCO was recorded in its pair form.
    if (id === 'bco') {
      return fixture.pairs.flatMap(({ answers, reference }) =>
        [1, 0].map((label, side) => ({
          answers: [answers[side]],
          reference: [reference[side]],
          values: { label: [label] },
        })),
      )
    }
    const count = needs.includes('mismatched') ? 2 : 1
    return fixture.rated.map(({ answers, reference, label = 0 }) => ({
      answers: answers.slice(0, count),
      reference: reference.slice(0, count),
      values: { label: [label] },
    }))
  }

  test.each(fixture.cases)('$objective $params', async ({ objective, params, loss, gradient }) => {
    const rows = rowsFor(objective)
    const value = await evaluate(objective, rows, params)
    expect(Math.abs(value.loss - loss)).toBeLessThan(1e-6 * Math.max(1, Math.abs(loss)))
    const expected = objective === 'apo-zero-unpaired' ? withoutMismatched(gradient, fixture.rated) : gradient
    expect(value.cotangents[0]).toHaveLength(expected.length)
    for (const [i, slope] of expected.entries()) {
      expect(Math.abs(value.cotangents[0][i] - slope)).toBeLessThan(1e-5 * Math.max(0.1, Math.abs(slope)))
    }
  })

  test.each(Object.entries(fixture.distillation.losses))(
    'distill over a whole vocabulary, β %s',
    async (beta, loss) => {
      const { student, teacher } = fixture.distillation
      const candidates = student.map((own, i) => ({ own, teacher: teacher[i] }))
      const rows = [{ answers: [student.map(() => -1)], candidates }]
      expect((await evaluate('distill', rows, { mixing: Number(beta) })).loss).toBeCloseTo(loss, 5)
    },
  )

  /** Without a reference point there is no second answer. */
  function withoutMismatched(gradient: number[], rows: Row[]): number[] {
    let at = 0
    return rows.flatMap(({ answers: [own, other] }) => {
      at += own.length + other.length
      return gradient.slice(at - own.length - other.length, at - other.length)
    })
  }
})

const golden = `${sharedFolder()}/data/golden_rl/small_reward_and_loss_cases.json`
describe.skipIf(!existsSync(golden))('torchtune', () => {
  const load = () => {
    const cases = read(golden)
    const dpo = cases['torchtune_dpo (beta=0.1)']
    const rows = dpo.policy_chosen.map((chosen: number, i: number) => ({
      answers: [[chosen], [dpo.policy_rejected[i]]],
      reference: [[dpo.ref_chosen[i]], [dpo.ref_rejected[i]]],
    }))
    return { rows, dpo, hinge: cases['torchtune_rso_hinge (gamma=0.1), same inputs'] }
  }
  test.each(['dpo', 'hinge'] as const)('%s', async (id) => {
    const { rows, ...cases } = load()
    for (const [i, loss] of cases[id].expected_losses.entries()) {
      expect((await evaluate(id, [rows[i]], { beta: 0.1 })).loss).toBeCloseTo(loss, 6)
    }
  })
})
