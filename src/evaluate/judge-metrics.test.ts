import { expect, test } from 'vitest'
import { chatServer, serve } from '../../test/chat-server.ts'
import { HoneError, random } from '../base/index.ts'
import { openChat } from '../chat/index.ts'
import { endpointJudge, makeJudge, type PairVerdict } from '../rewards/index.ts'
import { cohenKappa, evaluateJudge, judgeAgreement, labelledPairs } from './index.ts'

const draw = random(3, 'judge metrics')
const row = (label: PairVerdict, verdict: PairVerdict, orders?: [PairVerdict, PairVerdict]) => ({
  label,
  verdict,
  orders,
})
const file = (rows: object[]) => rows.map((value, i) => ({ value, file: 'pairs.jsonl', line: i + 1 }))
const pairRows = (n: number) =>
  file(Array.from({ length: n }, (_, i) => ({ prompt: `q${i}`, chosen: 'good', rejected: 'bad' })))

test('κ by hand', () => {
  // po = (20 + 15) / 50 = 0.7; pe = (25·30 + 25·20) / 2500 = 0.5
  expect(
    cohenKappa([
      [20, 5],
      [10, 15],
    ]),
  ).toBeCloseTo(0.4, 12)
  expect(
    cohenKappa([
      [45, 15],
      [25, 15],
    ]),
  ).toBeCloseTo((0.6 - 0.54) / 0.46, 12)
  expect(
    cohenKappa([
      [25, 35],
      [5, 35],
    ]),
  ).toBeCloseTo((0.6 - 0.46) / 0.54, 12)
  expect(
    cohenKappa([
      [7, 0, 0],
      [0, 3, 0],
      [0, 0, 2],
    ]),
  ).toBe(1)
  expect(
    cohenKappa([
      [0, 5],
      [5, 0],
    ]),
  ).toBe(-1)
  expect(
    cohenKappa([
      [9, 0],
      [0, 0],
    ]),
  ).toBeNull()
  expect(
    cohenKappa([
      [4, 4],
      [0, 0],
    ]),
  ).toBe(0)
})

test('the figures of a handful of pairs', () => {
  const { accuracy, kappa, ties, confusion, position } = judgeAgreement([
    row('first', 'first', ['first', 'first']),
    row('second', 'second', ['second', 'second']),
    row('first', 'tie', ['first', 'second']),
    row('tie', 'tie', ['tie', 'tie']),
    row('second', 'tie', ['tie', 'second']),
    row('tie', 'first', ['first', 'first']),
  ])
  expect(accuracy).toMatchObject({ value: (3 + 1.5) / 6, n: 6 })
  expect(accuracy.low).toBeLessThan(accuracy.value)
  expect(confusion).toEqual({
    first: { first: 1, second: 0, tie: 1 },
    second: { first: 0, second: 1, tie: 1 },
    tie: { first: 1, second: 0, tie: 1 },
  })
  // po = 3/6; pe = (2·2 + 2·1 + 2·3) / 36
  expect(kappa).toBeCloseTo((1 / 2 - 12 / 36) / (1 - 12 / 36), 12)
  expect(ties.value).toBeCloseTo(1 / 2)
  expect(position?.contradictory).toMatchObject({ value: 2 / 6, n: 6 })
  // Of pairs decided alike one order is for the place shown first; of the third both are, and of the fifth the second one.
  expect(position?.first).toMatchObject({ value: (1 + 1 + 2 + 1 + 1) / 9, n: 9 })
})

test('a judge that draws its verdicts has κ near 0, and one that is often right has that of a confusion by hand', () => {
  const kappaOf = (right: number) => {
    const rows = Array.from({ length: 4000 }, (_, i) => {
      const label = draw.unit(i, 1) < 0.5 ? 'first' : 'second'
      const isRight = draw.unit(i, 2) < right
      return row(label, isRight ? label : label === 'first' ? 'second' : 'first')
    })
    return judgeAgreement(rows)
  }
  expect(Math.abs(kappaOf(0.5).kappa ?? 1)).toBeLessThan(0.05)
  expect(kappaOf(0.9).kappa).toBeCloseTo(0.8, 1)
  expect(kappaOf(0.9).position).toBeNull()
})

test('no pair at all is refused', () => expect(() => judgeAgreement([])).toThrow(/no pair/))

test('labels stand evenly in both places, the same for the same seed, and equal scores are a tie', () => {
  const labelled = labelledPairs(pairRows(10), { seed: 1 })
  expect(labelled.filter(({ label }) => label === 'first')).toHaveLength(5)
  for (const { pair, label } of labelled) expect(pair.answers[label === 'first' ? 0 : 1]).toBe('good')
  expect(labelledPairs(pairRows(10), { seed: 1 })).toEqual(labelled)
  expect(labelledPairs(pairRows(10), { seed: 2 })).not.toEqual(labelled)
  const even = { prompt: 'q', chosen: 'a', rejected: 'b', score_chosen: 3, score_rejected: 3, reference: 'c' }
  expect(labelledPairs(file([even]))).toMatchObject([{ label: 'tie', pair: { reference: 'c' }, line: 1 }])
  const talk = (answer: string) => [
    { role: 'user', content: 'q' },
    { role: 'assistant', content: answer },
  ]
  const turns = { chosen: talk('a'), rejected: talk('b') }
  expect(labelledPairs(file([turns]))[0].pair).toMatchObject({
    prompt: [{ role: 'user', content: 'q' }],
    answers: ['b', 'a'],
  })
  const more = {
    ...turns,
    chosen: [...turns.chosen, { role: 'user', content: 'and?' }, { role: 'assistant', content: 'c' }],
  }
  expect(() => labelledPairs(file([more]))).toThrow(/pairs.jsonl:1: an answer has 3 turns/)
  expect(() => labelledPairs(file([{ text: 'x' }]))).toThrow(/pairs.jsonl:1: .*expected a pair/)
})

test('a judge that likes the first place is found out, and in both orders it decides nothing', async () => {
  await using server = await chatServer([serve.text('{"why": "A comes first", "verdict": "A"}')])
  const client = await openChat({ endpoint: server.url, model: 'm' })
  const labelled = labelledPairs(pairRows(20))
  const { agreement, status } = await evaluateJudge(endpointJudge(client), labelled)
  expect(status).toBe('done')
  expect(agreement).toMatchObject({ accuracy: { value: 0.5 }, kappa: 0, ties: { value: 1 } })
  expect(agreement?.position).toMatchObject({ contradictory: { value: 1 }, first: { value: 1, n: 40 } })
  expect(agreement?.position?.first?.low).toBeGreaterThan(0.9)
})

test('half a bias: right in both orders where it is sure, and its position shows', async () => {
  const judge = makeJudge('j', {
    prefer: async (pairs) =>
      pairs.map(({ prompt, answers }) => {
        const isSure = Number((prompt as string).slice(1)) % 2 === 0
        return { verdict: isSure && answers[1] === 'good' ? 'second' : 'first' }
      }),
  })
  const { agreement } = await evaluateJudge(judge, labelledPairs(pairRows(40)))
  expect(agreement).toMatchObject({ accuracy: { value: 0.75 }, ties: { value: 0.5 } })
  expect(agreement?.position).toMatchObject({ contradictory: { value: 0.5 }, first: { value: 0.75, n: 80 } })
})

test('what was judged counts, and the status says what kept the rest', async () => {
  const stop = new HoneError('E_BUDGET', 'spent')
  const score = async (items: readonly { answer: string }[]) =>
    items.map(({ answer }, i) => (i < 6 ? { score: answer === 'good' ? 1 : 0 } : stop))
  const some = await evaluateJudge(makeJudge('j', { score }), labelledPairs(pairRows(5)))
  expect(some).toMatchObject({
    judged: 3,
    status: 'E_BUDGET',
    agreement: { accuracy: { value: 1, n: 3 }, position: null },
  })
  const none = await evaluateJudge(
    makeJudge('j', { score: async (items) => items.map(() => stop) }),
    labelledPairs(pairRows(2)),
  )
  expect(none).toMatchObject({ judged: 0, status: 'E_BUDGET', agreement: null })
})
