import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { Answered, Comparer, Grader } from '../../rewards/index.ts'
import type { RoundEvent, SampleEvent, StepEvent, TrainEvent, WarningEvent } from '../events.ts'
import { type OnlineOptions, online } from '../index.ts'

const root = mkdtempSync(join(tmpdir(), 'hone-online-'))
afterAll(() => rmSync(root, { recursive: true }))
let runs = 0

const data = ['Once', 'The sun', 'A dog', 'Tell me', 'Then', 'He'].map((prompt) => ({ prompt }))
const letters: Grader = {
  id: 'letters',
  grade: async (asked) =>
    asked.map(({ answers }) => answers.map(({ text, tokens }, i) => text.length + tokens.length / 100 + i / 1000)),
}
const brief = {
  model: 'tiny',
  data,
  rounds: 2,
  n: 2,
  maxTokens: 4,
  batchSize: 6,
  stepsPerRound: 2,
  learningRate: 1e-3,
  warmup: 0,
}

async function run(id: string, keys: Partial<OnlineOptions> = {}) {
  const events: TrainEvent[] = []
  const out = join(root, `run-${runs++}`)
  const options = { ...brief, out, grader: letters, ...keys }
  const result = await online(id, options, { onEvent: (event) => events.push(event) })
  const of = <E extends TrainEvent>(type: E['type']) => events.filter((event) => event.type === type) as E[]
  return {
    result,
    out: options.out,
    steps: of<StepEvent>('step'),
    rounds: of<RoundEvent>('round'),
    samples: of<SampleEvent>('sample'),
    warnings: of<WarningEvent>('warning'),
  }
}

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
      const keys = { referenceShare, data: data.slice(0, 1), batchSize: 1, stepsPerRound: 1, beta: 1 }
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
  expect([...asked[0], ...asked[1]].toSorted()).toEqual(data.map(({ prompt }) => prompt).toSorted())
})

test('selm leaves what it answers greedily as a round begins, xpo what the start answers', async () => {
  const keys = { n: 2, stepsPerRound: 1, optimism: 0.5, beta: 1 }
  const [selm, xpo] = [await run('selm', keys), await run('xpo', keys)]
  const usual = ({ samples }: Awaited<ReturnType<typeof run>>, round: number) =>
    samples.filter((one) => one.role === 'usual' && one.round === round)
  for (const one of [selm, xpo]) for (const round of [1, 2]) expect(usual(one, round)).toHaveLength(6)
  // At the reference the exploring term is nothing: each round of selm, and the first of xpo.
  expect(selm.steps.map(({ loss }) => loss.toFixed(10))).toEqual([Math.LN2, Math.LN2].map((x) => x.toFixed(10)))
  expect(xpo.steps[0].loss).toBeCloseTo(Math.LN2, 10)
  expect(xpo.steps[1].loss).not.toBeCloseTo(Math.LN2, 5)
  expect(selm.steps[1].metrics['usualReward']).toBeCloseTo(0, 10)
})

test('star goes back to the start before it learns, raft goes on from where it is', async () => {
  const keys = { n: 1, threshold: 0, stepsPerRound: 1 }
  const [star, raft] = [await run('star', keys), await run('raft', keys)]
  expect(star.samples.map(({ text }) => text)).toEqual(raft.samples.map(({ text }) => text))
  expect(star.steps[0].loss).toBe(raft.steps[0].loss)
  expect(star.steps[1].loss).not.toBe(raft.steps[1].loss)
})

test('kto compares each answer with one to another prompt', async () => {
  const { steps, samples, rounds } = await run('kto', { threshold: 10, rounds: 1 })
  expect(rounds[0].rows).toBe(12)
  expect(new Set(samples.map(({ role }) => role))).toEqual(new Set(['good', 'bad']))
  for (const { score = 0, role } of samples) expect(role).toBe(score >= 10 ? 'good' : 'bad')
  // Before the first update nothing is gained or lost, and the answers to other prompts are read in the same pass.
  expect(steps[0].metrics).toMatchObject({ kl: 0 })
  await expect(run('kto', { data: data.slice(0, 1), threshold: 10 })).rejects.toMatchObject({ code: 'E_EMPTY' })
})

test('nash-md plays against the mixture, which a fresh adapter leaves the model itself', async () => {
  const adapter = { adapter: 'lora', rank: 4, stepsPerRound: 1 } as const
  const { samples, steps } = await run('nash-md', adapter)
  expect(samples).toHaveLength(2 * 6 * 2 * 2)
  expect(samples.filter(({ role }) => role === 'opponent')).toHaveLength(24)
  expect(steps[0].metrics).toMatchObject({ kl: 0 })
  // Other draws than the model's own, of the same prompts.
  const texts = (role: string) => samples.filter((one) => one.round === 1 && one.role === role).map(({ text }) => text)
  expect(texts('opponent')).not.toEqual(texts('answer'))
  await expect(run('nash-md')).rejects.toMatchObject({ code: 'E_CONFIG' })
})

test('spin learns from demonstrations, without a judge, and carries a round on', async () => {
  const told = data.map((row) => ({ ...row, completion: ' there was' }))
  const { steps, samples } = await run('spin', { data: told, grader: undefined })
  expect(steps.map(({ metrics }) => metrics['margin'] === 0)).toEqual([true, false, true, false])
  expect(samples.every(({ role, score }) => role === 'rejected' && score === undefined)).toBe(true)
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
  const told = data.map((row) => ({ ...row, completion: ' there was' }))
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

test('somebody who only compares answers has them play a tournament', async () => {
  const longer: Comparer = {
    id: 'longer',
    compare: async (pairs) => pairs.map(({ first, second }) => Number(first.text.length >= second.text.length)),
  }
  const { samples } = await run('inpo', { n: 4, rounds: 1, grader: longer })
  for (const { prompt } of data) {
    const own = samples.filter((one) => one.prompt === prompt)
    const lengths = own.map(({ text }) => text.length)
    expect(own.find(({ role }) => role === 'chosen')?.text).toHaveLength(Math.max(...lengths))
    expect(own.find(({ role }) => role === 'rejected')?.text).toHaveLength(Math.min(...lengths))
    expect(own.every(({ score }) => score === undefined)).toBe(true)
  }
  await expect(run('raft', { grader: longer })).rejects.toMatchObject({ code: 'E_CONFIG' })
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
