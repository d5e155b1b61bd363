import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { prompts, useOnline } from '../../../test/online-runs.ts'
import type { Answered, Grader } from '../../rewards/index.ts'

const run = useOnline()

describe('the reference', () => {
  test('kept from the start: the first update alone begins at ln 2', async () => {
    const { steps } = await run('dpo')
    expect(steps[0].metrics).toMatchObject({ margin: 0, accuracy: 0.5 })
    expect(steps[0].loss).toBeCloseTo(Math.LN2, 12)
    expect(steps[2].metrics['margin']).not.toBe(0)
  })

  test('taken anew with each round: every round begins at ln 2', async () => {
    const { steps } = await run('dpo', { referenceShare: 0 })
    expect(steps.map(({ metrics }) => metrics['margin'] === 0)).toEqual([true, false, true, false])
  })

  test('mixed: the margin of the second round is the share of that against the start', async () => {
    // At the first update of a round the model is what the moving part is taken from: its share falls out.
    const margin = async (referenceShare: number) => {
      const keys = { referenceShare, data: prompts.slice(0, 1), batchSize: 1, stepsPerRound: 1, beta: 1 }
      return (await run('dpo', keys)).steps[1].metrics['margin']
    }
    // One update from the same loss: the models at the second round are the same.
    const [whole, third] = [await margin(1), await margin(1 / 3)]
    expect(Math.abs(whole)).toBeGreaterThan(1e-3)
    expect(third).toBeCloseTo(whole / 3, 4)
  })

  test('of a fresh adapter is its base, the same floats as a second copy', async () => {
    const adapter = { adapter: 'lora', rank: 4 } as const
    const [off, copy] = [await run('dpo', adapter), await run('dpo', { ...adapter, reference: 'tiny' })]
    expect(off.steps.map(({ loss }) => loss)).toEqual(copy.steps.map(({ loss }) => loss))
  })
})

test('every answer and its score is told, with what became of it', async () => {
  const { samples, rounds, out } = await run('dpo', { n: 3 })
  expect(rounds.map(({ round, step, prompts, samples, rows }) => [round, step, prompts, samples, rows])).toEqual([
    [1, 0, 6, 18, 6],
    [2, 2, 6, 18, 6],
  ])
  expect(samples).toHaveLength(36)
  const first = samples.filter(({ round, prompt }) => round === 1 && prompt === 'Once')
  const scores = first.map(({ score = 0 }) => score)
  expect(first.find(({ role }) => role === 'chosen')?.score).toBe(Math.max(...scores))
  expect(first.find(({ role }) => role === 'rejected')?.score).toBe(Math.min(...scores))
  expect(first.filter(({ role }) => role === null)).toHaveLength(1)
  expect(readFileSync(join(out, 'run/events.jsonl'), 'utf8').match(/"type":"sample"/g)).toHaveLength(36)
})

test('a cost of tokens is taken off the score before a pair is chosen', async () => {
  const [free, costly] = [await run('dpo', { rounds: 1 }), await run('dpo', { rounds: 1, tokenCost: 10 })]
  for (const [i, { score = 0, tokens = 0, text, prompt, role }] of costly.samples.entries()) {
    expect(text).toBe(free.samples[i].text)
    expect(score).toBeCloseTo((free.samples[i].score ?? 0) - 10 * tokens, 9)
    const others = costly.samples.filter((one) => one.prompt === prompt)
    if (role === 'chosen') expect(score).toBe(Math.max(...others.map((one) => one.score ?? 0)))
  }
})

test('rounds draw anew; a slice of the prompts serves each until all were asked', async () => {
  const { samples } = await run('dpo', { promptsPerRound: 3, rounds: 3 })
  const asked = [1, 2, 3].map((round) => new Set(samples.filter((one) => one.round === round).map((one) => one.prompt)))
  expect(asked.map(({ size }) => size)).toEqual([3, 3, 3])
  expect([...asked[0], ...asked[1]].toSorted()).toEqual(prompts.map(({ prompt }) => prompt).toSorted())
})

test('a round without anything to learn is told of and left; the others are learnt', async () => {
  let asked = 0
  // The second round of three sees no difference.
  const grade: Grader['grade'] = async (list) => {
    const same = asked++ === 1
    return list.map(({ answers }) => answers.map((_, i) => (same ? 0 : i)))
  }
  const { steps, rounds, warnings } = await run('dpo', { rounds: 3, grader: { id: 'now and then', grade } })
  expect(rounds.map(({ round, step, rows }) => [round, step, rows])).toEqual([
    [1, 0, 6],
    [2, 2, 0],
    [3, 2, 6],
  ])
  expect(steps).toHaveLength(4)
  expect(warnings.map(({ code }) => code)).toEqual(['W_ROUND_EMPTY'])
})

test('without anything to learn in any round the model stays what it was', async () => {
  const grade: Grader['grade'] = async (list) => list.map(({ answers }) => answers.map(() => 1))
  const { steps, warnings, result } = await run('dpo', { grader: { id: 'blind', grade } })
  expect([steps.length, warnings.length, result.steps]).toEqual([0, 2, 0])
  expect(result.interrupted).toBe(false)
})

test('a run that goes on from another draws its next round and learns the carried rows again', async () => {
  const told = prompts.map((row) => ({ ...row, completion: ' there was' }))
  const shared = { data: told, grader: undefined, carry: 1, stepsPerRound: 1, batchSize: 12 }
  const keys = { ...shared, schedule: 'constant', saveDtype: 'f32' } as const
  const both = await run('spin', keys)
  const first = await run('spin', { ...keys, rounds: 1 })
  const second = await run('spin', { ...keys, rounds: 1, model: first.out, after: first.out })
  expect(second.samples.map(({ text, round }) => [text, round])).toEqual(
    both.samples.filter(({ round }) => round === 2).map(({ text, round }) => [text, round]),
  )
  expect(second.steps[0].lossTokens).toBe(both.steps[1].lossTokens)
  expect(second.steps[0].loss).toBe(both.steps[1].loss)
})

describe('refused', () => {
  const grader = (grade: (asked: readonly Answered[]) => number[][]): Grader => ({
    id: 'odd',
    grade: async (asked) => grade(asked),
  })

  test.each([
    [
      'a judge that gives no number',
      { grader: grader((asked) => asked.map(({ answers }) => answers.map(() => Number.NaN))) },
      'E_SCORE',
    ],
    ['a judge that forgets an answer', { grader: grader((asked) => asked.map(() => [1])) }, 'E_SCORE'],
    ['a run to go on from that is none', { after: 'nowhere' }, 'E_NOT_FOUND'],
    ['no judge', { grader: undefined }, 'E_CONFIG'],
    ['an unknown key', { round: 3 }, 'E_CONFIG'],
    ['no adapter to take off', { reference: 'adapter-off' }, 'E_CONFIG'],
    ['no room to answer', { maxTokens: 4096 }, 'E_TOO_LONG'],
  ])('%s', async (_, keys, code) => {
    await expect(run('dpo', keys)).rejects.toMatchObject({ code })
  })
})
