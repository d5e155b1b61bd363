/** What each paper's loss is on numbers that can be worked out by hand, and which losses coincide. */
import { expect, test } from 'vitest'
import { type ReadRow, readBatch } from '../../test/read-batch.ts'
import { openReferenceBackend } from '../tensor/index.ts'
import { evaluateObjective, type ObjectiveId, objectives, type Params, withParams } from './index.ts'

const host = openReferenceBackend()

function at(id: ObjectiveId, rows: ReadRow[], params: Params = {}) {
  return evaluateObjective(host, objectives[id], withParams(objectives[id], params), [readBatch(rows)])
}
const loss = async (id: ObjectiveId, rows: ReadRow[], params: Params = {}) => (await at(id, rows, params)).loss

/** A pair of answers by their summed log-probs and lengths, every token alike. */
function pair(policy: [number, number], reference: [number, number] = [0, 0], lengths = [1, 1]): ReadRow {
  const spread = (sums: number[]) => sums.map((sum, i) => new Array<number>(lengths[i]).fill(sum / lengths[i]))
  return { answers: spread(policy), reference: spread(reference) }
}
/** A pair whose implicit rewards differ by h. */
const byMargin = (h: number, beta: number) => pair([h / beta, 0])
const slopes = async (id: ObjectiveId, rows: ReadRow[], params: Params) => [
  ...(await at(id, rows, params)).cotangents[0],
]

test.each([
  ['dpo', { beta: 0.1 }],
  ['cdpo', { beta: 0.1 }],
  ['rdpo', { beta: 0.1, epsilon: 0.3 }],
  ['ln-dpo', { beta: 2 }],
] as const)('%s: ln 2 and accuracy ½ where policy and reference agree', async (id, params) => {
  const same = pair([-3, -7], [-3, -7], [2, 5])
  const value = await at(id, [same], params)
  expect(value.loss).toBeCloseTo(Math.LN2, 14)
  expect(value.metrics).toMatchObject({ accuracy: 0.5, margin: 0 })
})

test('ln-dpo: the known values, and DPO at β/n where both answers have n tokens', async () => {
  const row = pair([-10, -30], [-12, -28], [10, 20])
  expect(await loss('ln-dpo', [row], { beta: 2 })).toBeCloseTo(0.437488, 6)
  expect(await loss('ln-dpo', [pair([-12, -20], [-15, -18], [6, 5])], { beta: 5 })).toBeCloseTo(0.011048, 6)
  expect(await loss('dpo', [row], { beta: 0.1 })).toBeCloseTo(0.513015, 6)
  const even = pair([-10, -30], [-12, -28], [4, 4])
  expect(await loss('ln-dpo', [even], { beta: 2 })).toBeCloseTo(await loss('dpo', [even], { beta: 0.5 }), 14)
  expect(await slopes('ln-dpo', [even], { beta: 2 })).toEqual(await slopes('dpo', [even], { beta: 0.5 }))
  // SimPO whose margin is that of the reference.
  const gamma = 2 * (-12 / 10 - -28 / 20)
  expect(await loss('simpo', [row], { beta: 2, gamma })).toBeCloseTo(await loss('ln-dpo', [row], { beta: 2 }), 14)
})

test('rpo-sft: the known values; η = 0 is DPO; the sum is the mean times the tokens', async () => {
  const row = pair([-100, -120], [-105, -110], [5, 6])
  expect(await loss('dpo', [row], { beta: 0.01 })).toBeCloseTo(0.620957, 6)
  expect(await loss('rpo-sft', [row], { beta: 0.01, eta: 0 })).toBeCloseTo(0.620957, 6)
  expect(await loss('rpo-sft', [row], { beta: 0.01 })).toBeCloseTo(0.625957, 6)
  expect(await loss('rpo-sft', [row], { beta: 0.1, eta: 0 })).toBeCloseTo(0.201413, 6)
  expect(await loss('rpo-sft', [row], { beta: 0.1 })).toBeCloseTo(0.251413, 6)
  const imitation = async (averaged: boolean) =>
    (await loss('rpo-sft', [row], { averaged })) - (await loss('rpo-sft', [row], { averaged, eta: 0 }))
  expect(await imitation(false)).toBeCloseTo(5 * (await imitation(true)), 12)
  const [chosen, rejected] = await slopes('rpo-sft', [pair([-100, -120], [-105, -110])], { beta: 0.1, eta: 0.005 })
  const off = 1 / (1 + Math.exp(1.5))
  expect(chosen).toBeCloseTo(-0.1 * off - 0.005 * 0.1, 7)
  expect(rejected).toBeCloseTo(0.1 * off, 7)
})

test('rdpo: unbiased under flips, the known values, and never at rest', async () => {
  const value = (h: number, epsilon: number, id: ObjectiveId = 'rdpo') =>
    loss(id, [byMargin(h, 0.1)], { beta: 0.1, epsilon })
  expect(await value(1, 0)).toBeCloseTo(0.313262, 6)
  expect(await value(1, 0.2)).toBeCloseTo(-0.020072, 6)
  expect(await value(1, 0.2, 'cdpo')).toBeCloseTo(0.513262, 6)
  expect(await value(1, 0.4)).toBeCloseTo(-1.686738, 6)
  expect(await value(1, 0.4, 'cdpo')).toBeCloseTo(0.713262, 6)
  expect(await value(-1, 0.2)).toBeCloseTo(1.646595, 6)
  expect(await value(-1, 0.4)).toBeCloseTo(3.313262, 6)
  for (const epsilon of [0, 0.2, 0.4]) {
    expect(await value(0, epsilon)).toBeCloseTo(Math.LN2, 12)
    expect((1 - epsilon) * (await value(1, epsilon)) + epsilon * (await value(-1, epsilon))).toBeCloseTo(0.313262, 6)
    expect((await value(2000, epsilon)) / 2000).toBeCloseTo(-epsilon / (1 - 2 * epsilon), 6)
  }
  for (const [epsilon, zeta] of [
    [0, 0.268941],
    [0.2, 0.602275],
    [0.4, 2.268941],
  ]) {
    const [chosen, rejected] = await slopes('rdpo', [byMargin(1, 0.1)], { beta: 0.1, epsilon })
    expect(chosen).toBeCloseTo(-0.1 * zeta, 6)
    expect(rejected).toBeCloseTo(0.1 * zeta, 6)
  }
  // The gradient of cDPO changes its sign where the labels are met.
  const met = Math.log(0.8 / 0.2)
  expect((await slopes('cdpo', [byMargin(met, 0.1)], { beta: 0.1, epsilon: 0.2 }))[0]).toBeCloseTo(0, 7)
})

test('asft: the known values; λ = 0 is imitation; an upper bound of ORPO', async () => {
  const row = pair([-1, -3], [0, 0], [2, 3])
  expect(await loss('asft', [row], { lambda: 0 })).toBeCloseTo(0.5, 12)
  expect(await loss('asft', [row], { lambda: 0.1 })).toBeCloseTo(0.595868, 6)
  const align = ((await loss('asft', [row], { lambda: 0.1 })) - 0.5) / 0.1
  expect(align).toBeCloseTo(0.958675, 5)
  expect(await loss('orpo', [row], { lambda: 1, sftWeight: 0 })).toBeCloseTo(0.3203, 6)
  expect(await loss('orpo', [row], { lambda: 0.1 })).toBeCloseTo(0.53203, 6)
  const [p, q] = [Math.exp(-0.5), Math.exp(-1)]
  expect(align - 0.3203).toBeCloseTo(-Math.log(p * (1 - q) + q * (1 - p)), 5)
  const one = pair([-0.5, -1])
  const asft = await slopes('asft', [one], { lambda: 0.1 })
  expect(asft[0]).toBeCloseTo(-1.1, 6)
  expect(asft[1]).toBeCloseTo(0.058198, 6)
  const orpo = await slopes('orpo', [one], { lambda: 1, sftWeight: 0 })
  expect(orpo[0]).toBeCloseTo(-0.696544, 6)
  expect(orpo[1]).toBeCloseTo(0.43357, 6)
  expect((await slopes('asft', [pair([-0.5, -80])], { lambda: 0.1 }))[1]).toBeCloseTo(0, 12)
})

test('selm: the known values; α = 0 is DPO, and ln 2 at the reference; only the usual answer is pushed where the pair is even', async () => {
  const row: ReadRow = { answers: [[-10], [-14], [-4, -5]], reference: [[-11], [-13], [-5, -4.5]] }
  const pairOf = ({ answers, reference = [] }: ReadRow) => ({
    answers: answers.slice(0, 2),
    reference: reference.slice(0, 2),
  })
  expect(await loss('selm', [row], { beta: 0.1, optimism: 0 })).toBeCloseTo(0.598139, 6)
  expect(await loss('selm', [row], { beta: 0.1, optimism: 0 })).toBe(await loss('dpo', [pairOf(row)], { beta: 0.1 }))
  expect(await loss('selm', [row], { beta: 0.1, optimism: 0.1 })).toBeCloseTo(0.603139, 6)
  expect(await loss('selm', [row], { beta: 0.01, optimism: 0.001 })).toBeCloseTo(0.683202, 6)
  const same: ReadRow = { answers: row.answers, reference: row.answers }
  expect(await loss('selm', [same], { beta: 0.1, optimism: 0.3 })).toBeCloseTo(Math.LN2, 14)
  // The same answer on both sides of the pair: the two pushes cancel out.
  const even: ReadRow = { answers: [[-3], [-3], [-1, -2]], reference: [[-2], [-2], [-1, -1]] }
  const [chosen, rejected, ...usual] = await slopes('selm', [even], { beta: 0.1, optimism: 0.2 })
  expect(chosen + rejected).toBeCloseTo(0, 12)
  for (const slope of usual) expect(slope).toBeCloseTo(0.2 * 0.1, 7)
  // The usual answer is the chosen one: down instead of up once σ(−h) < α.
  for (const [h, sign] of [
    [1, -1],
    [2, 1],
  ]) {
    const won: ReadRow = { answers: [[h / 0.1], [0], [h / 0.1]], reference: [[0], [0], [0]] }
    const [up, , down] = await slopes('selm', [won], { beta: 0.1, optimism: 0.2 })
    expect(up + down).toBeCloseTo(0.1 * (0.2 - 1 / (1 + Math.exp(h))), 7)
    expect(Math.sign(up + down)).toBe(sign)
  }
})

test('sharpening: the known values; at rest for every pair of π ∝ π_b^(1+1/β); optimism moves the usual answer alone', async () => {
  const row = (policy: readonly number[], base: readonly number[], a: number, b: number): ReadRow => ({
    answers: [a, b, b].map((i) => [Math.log(policy[i])]),
    reference: [a, b, b].map((i) => [Math.log(base[i])]),
    values: { score: [a, b, b].map((i) => Math.log(base[i])) },
  })
  expect(await loss('sharpening', [row([0.6, 0.2], [0.5, 0.3], 0, 1)], { beta: 0.5 })).toBeCloseTo(0.04706, 6)
  const [base, best] = [
    [0.5, 0.3, 0.2],
    [0.78125, 0.16875, 0.05],
  ]
  for (const [a, b] of [
    [0, 1],
    [0, 2],
    [1, 2],
    [2, 0],
  ]) {
    expect(await loss('sharpening', [row(best, base, a, b)], { beta: 0.5 })).toBeCloseTo(0, 12)
    const still = await slopes('sharpening', [row(best, base, a, b)], { beta: 0.5, optimism: 0.3 })
    for (const [i, slope] of still.entries()) expect(slope).toBeCloseTo([0, 0, 0.3][i], 7)
  }
})

test('hinge and slic: the known values of RSO; a pair that leads by 1 is left alone', async () => {
  const row = pair([-10, -14], [-11, -12])
  expect(await loss('dpo', [row], { beta: 0.05 })).toBeCloseTo(0.620957, 6)
  expect(await loss('hinge', [row], { beta: 0.05 })).toBeCloseTo(0.85, 12)
  expect(await loss('slic', [row], { beta: 0.05 })).toBeCloseTo(0.8, 12)
  expect(await loss('slic', [row], { beta: 0.3 })).toBe(0)
  expect(await loss('slic', [pair([-14, -10])], { beta: 0.3 })).toBeCloseTo(2.2, 12)
  // A reference that is even changes nothing.
  expect(await loss('hinge', [pair([-10, -14], [-3, -3])], { beta: 0.05 })).toBeCloseTo(0.8, 12)
})

test('sft: the mean over the weight of all learnt tokens, by rows and by tokens', async () => {
  const rows: ReadRow[] = [
    { answers: [[-1, -4]], values: { weight: [2] } },
    { answers: [[-3]], values: { weight: [1] } },
  ]
  const { loss, cotangents } = await at('sft', rows)
  expect(loss).toBeCloseTo((2 * 5 + 3) / 5, 12)
  expect([...cotangents[0]].map((v) => v.toFixed(5))).toEqual(['-0.40000', '-0.40000', '-0.20000'])
})

test('f-divergences: α goes from the reverse to the forward KL; all agree to first order at the reference', async () => {
  const rows = [pair([-2, -5], [-3, -4.5])]
  const at = (divergence: string, divergenceAlpha = 0.5) => loss('dpo', rows, { divergence, divergenceAlpha })
  expect(await at('alpha', 0)).toBe(await at('reverse-kl'))
  expect(await at('alpha', 1)).toBe(await at('forward-kl'))
  expect(await at('alpha', 1e-7)).toBeCloseTo(await at('reverse-kl'), 6)
  // f′(u) by hand: u_w = e, u_l = e^−0.5.
  const slope = { 'forward-kl': (u: number) => -1 / u, 'jensen-shannon': (u: number) => Math.log((2 * u) / (1 + u)) }
  for (const [name, f] of Object.entries(slope)) {
    const h = 0.1 * (f(Math.exp(1)) - f(Math.exp(-0.5)))
    expect(await at(name)).toBeCloseTo(Math.log1p(Math.exp(-h)), 12)
  }
  expect(await at('alpha', 0.5)).toBeCloseTo(
    Math.log1p(Math.exp(-0.1 * ((1 - Math.exp(-0.5)) / 0.5 - (1 - Math.exp(0.25)) / 0.5))),
    12,
  )
})

test('what is mixed in: CPO is DPO without a reference and imitation, label smoothing is cDPO, length is R-DPO', async () => {
  const rows = [pair([-2, -5], [0, 0], [2, 4]), pair([-4, -3], [0, 0], [3, 1])]
  const nll = (2 + 4) / 5
  expect(await loss('cpo', rows)).toBeCloseTo((await loss('dpo', rows)) + nll, 12)
  expect(await loss('dpo', rows, { sftWeight: 0.5 })).toBeCloseTo((await loss('dpo', rows)) + 0.5 * nll, 12)
  expect(await loss('cdpo', rows, { epsilon: 0.2 })).toBe(await loss('dpo', rows, { labelSmoothing: 0.2 }))
  const margins = rows.map((row, i) => ({ ...row, values: { margin: [[0.02, -0.02][i]].flatMap((m) => [m, m]) } }))
  expect(await loss('length-dpo', rows)).toBeCloseTo(await loss('dpo', margins), 12)
})

test('dpop: DPO while the chosen answer is above the reference, penalised below it', async () => {
  const above = [pair([-2, -5], [-3, -4])]
  expect(await loss('dpop', above)).toBe(await loss('dpo', above, { beta: 0.3 }))
  const below = [pair([-3, -9], [-2, -4])]
  expect(await loss('dpop', below, { beta: 0.1, lambda: 5 })).toBeCloseTo(Math.log1p(Math.exp(-0.1 * (4 - 5))), 12)
})

test('sppo: hard wins by default, or the probability that comes with the pair', async () => {
  const row = pair([-2, -5], [-3, -4])
  expect(await loss('sppo', [row], { beta: 0.1 })).toBeCloseTo((1 - 5) ** 2 + (-1 + 5) ** 2, 12)
  const even = { ...row, values: { probability: [0.5, 0.5] } }
  expect(await loss('sppo', [even], { beta: 0.1 })).toBeCloseTo(2, 12)
})

test('tpo: the known values; with the gold answer as chosen it is CPO; β = 0 is imitation', async () => {
  const triple = (policy: number[], gold: number[]): ReadRow => ({ answers: [[policy[0]], [policy[1]], gold] })
  const row = triple([-10, -14], [-1, -2])
  expect(await loss('tpo', [row], { beta: 0.2, sftWeight: 0 })).toBeCloseTo(0.371101, 6)
  expect(await loss('tpo', [row], { beta: 0.2, sftWeight: 0.9 })).toBeCloseTo(1.721101, 6)
  expect(await loss('tpo', [row], { beta: 0, sftWeight: 0.9 })).toBeCloseTo(Math.LN2 + 0.9 * 1.5, 12)
  const same = triple([-3, -5], [-3])
  const cpo = { answers: same.answers.slice(0, 2) }
  const both = { beta: 0.2, sftWeight: 0.9 }
  expect(await loss('tpo', [same], both)).toBeCloseTo(await loss('cpo', [cpo], both), 12)
  expect(await loss('tpo', [row], { comparison: 'hinge', sftWeight: 0 })).toBeCloseTo(1 - 0.2 * 4, 12)
  const long: ReadRow = { answers: [[-2, -2], [-3, -3, -3], [-1]] }
  expect(await loss('tpo', [long], { averaged: true, gamma: 0.5, sftWeight: 0 })).toBeCloseTo(
    await loss('simpo', [{ answers: long.answers.slice(0, 2) }], { beta: 0.2, gamma: 0.5 }),
    12,
  )
})

test('poft: the known values; the gradient is that of SFT, weighted; γ is a shift of the scores', async () => {
  const row = (p: number, s: number): ReadRow => ({ answers: [[p - 0.3, p + 0.3]], values: { baseline: [s] } })
  const first = await at('poft', [row(-1.2, -0.9)])
  expect(first.loss).toBeCloseTo(0.854355, 6)
  expect(first.metrics['rowWeight']).toBeCloseTo(0.574443, 6)
  expect([...first.cotangents[0]].map((v) => v.toFixed(5))).toEqual(['-0.28722', '-0.28722'])
  const second = await at('poft', [row(-0.5, -0.9)])
  expect(second.loss).toBeCloseTo(0.513015, 6)
  expect(second.metrics['rowWeight']).toBeCloseTo(0.401312, 6)
  expect(await loss('poft', [row(-1.2, -0.9)], { beta: 2, gamma: -0.4 })).toBeCloseTo(
    await loss('poft', [row(-1.2, -0.7)], { beta: 2 }),
    12,
  )
  await expect(at('poft', [{ answers: [[-1]] }])).rejects.toMatchObject({ code: 'E_DATA' })
})

test('openchat-crlft: the known value; equal weights are SFT; only their ratio matters; 0 leaves experts alone', async () => {
  const rows: ReadRow[] = [
    { answers: [[-1]], values: { label: [1] } },
    { answers: [[-2]], values: { label: [0] } },
    { answers: [[-3, -4]], values: { label: [0] } },
  ]
  const value = (expertWeight: number, subWeight: number, some = rows, perSequence = false) =>
    loss('openchat-crlft', some, { expertWeight, subWeight, perSequence })
  expect(await value(1, 0.1, rows.slice(0, 2))).toBeCloseTo(1.090909, 6)
  expect(await value(0.7, 0.7)).toBeCloseTo(await loss('sft', rows), 12)
  expect(await value(10, 1)).toBeCloseTo(await value(1, 0.1), 12)
  expect(await value(1, 0)).toBeCloseTo(1, 12)
  expect(await value(1, 0.1, rows, true)).toBeCloseTo((1 + 0.2 + 0.35) / 1.2, 12)
  // Weights 1 and 0.1 are those of rewards 1 and 0.1 at this β.
  expect(Math.exp((0.1 - 1) / 0.390865)).toBeCloseTo(0.1, 6)
})

test('longpo: the known value; without imitation and with equal prompts it is DPO; turns add up inside the sigmoid', async () => {
  const only = { beta: 0.1, lambda: 1, nllWeight: 0 }
  const row = (policy: number[][], reference: number[][]): ReadRow => ({ answers: policy, reference })
  const one = row([[-20], [-24], [-1, -2]], [[-16], [-30], [0, 0]])
  expect(await loss('longpo', [one], only)).toBeCloseTo(1.313262, 6)
  const dpo = row([[-20], [-24]], [[-16], [-30]])
  expect(await loss('longpo', [one], only)).toBeCloseTo(await loss('dpo', [dpo], { beta: 0.1 }), 12)
  // Two turns, h = −1 and h = 0.5.
  const two = row([[-20, -3], [-24, -8], []], [[-16, -3], [-30, -3], []])
  expect(await loss('longpo', [two], only)).toBeCloseTo(Math.log1p(Math.exp(1 - 0.5)), 12)
  const nll = { beta: 0.1, lambda: 0 }
  expect(await loss('longpo', [one], { ...nll })).toBeCloseTo((20 + 3) / 3, 12)
  expect(await loss('longpo', [one], { ...nll, everyToken: false })).toBeCloseTo(20, 12)
})

test('plackett-luce: with two answers DPO, with more the sum over places', async () => {
  const two = [pair([-2, -5], [-3, -4]), pair([-4, -3], [-3, -3])]
  expect(await loss('plackett-luce', two)).toBeCloseTo(await loss('dpo', two), 12)
  const three: ReadRow = { answers: [[-1], [-3], [-2]], reference: [[-2], [-2], [-2]] }
  const [a, b, c] = [0.1, -0.1, 0].map(Math.exp)
  const alone = -Math.log(a / (a + b + c)) - Math.log(b / (b + c))
  expect(await loss('plackett-luce', [three])).toBeCloseTo(alone, 12)
  // Rows of different lengths side by side.
  expect(await loss('plackett-luce', [three, ...two])).toBeCloseTo((alone + 2 * (await loss('dpo', two))) / 3, 12)
})

test('infonca: cross-entropy of two soft-maxes; sharp scores leave the best answer alone', async () => {
  const graded: ReadRow = { answers: [[-1], [-3]], reference: [[-2], [-2]], values: { score: [2, 1] } }
  const share = Math.E / (Math.E + 1)
  const logShare = (h: number) => Math.log1p(Math.exp(-h))
  expect(await loss('infonca', [graded])).toBeCloseTo(share * logShare(0.2) + (1 - share) * logShare(-0.2), 12)
  expect(await loss('infonca', [graded], { temperature: 1e-3 })).toBeCloseTo(await loss('dpo', [graded]), 12)
})

test('kto: gains and losses about the reference point, which is not below 0 and carries no gradient', async () => {
  const row = (label: number, own: number, other: number): ReadRow => ({
    answers: [[own], [other]],
    reference: [[0], [0]],
    values: { label: [label, Number.NaN] },
  })
  const rows = [row(1, 3, 4), row(0, -2, 1)]
  const value = await at('kto', rows, { desirableWeight: 2 })
  const lost = (h: number) => 1 / (1 + Math.exp(h))
  expect(value.loss).toBeCloseTo((2 * lost(0.1 * (3 - 2.5)) + lost(0.1 * (2.5 + 2))) / 2, 12)
  expect(value.metrics['kl']).toBe(2.5)
  expect([value.cotangents[0][1], value.cotangents[0][3]]).toEqual([0, 0])
  expect((await at('kto', [row(1, 3, -4), row(0, 1, 2)])).metrics['kl']).toBe(0)
})

test('bco: the means of both classes run on, and shift the next batch', async () => {
  const row = (label: number, own: number): ReadRow => ({
    answers: [[own]],
    reference: [[0]],
    values: { label: [label] },
  })
  const rows = [row(1, 4), row(1, 2), row(0, -1)]
  const params = { beta: 1, decay: 0.9 }
  const { state, loss } = await evaluateObjective(host, objectives.bco, params, [readBatch(rows)])
  expect(loss).toBeCloseTo([-4, -2, -1].reduce((sum, x) => sum + Math.log1p(Math.exp(x)), 0) / 3, 12)
  expect(state?.['good']).toBeCloseTo(0.3, 12)
  expect(state?.['bad']).toBeCloseTo(-0.1, 12)
  const next = await evaluateObjective(host, objectives.bco, params, [readBatch([row(1, 4)])], { state })
  expect(next.loss).toBeCloseTo(Math.log1p(Math.exp(-(4 - 0.1))), 12)
  expect(next.state).toEqual({ good: 0.9 * (state?.['good'] ?? 0) + 0.1 * 4, bad: state?.['bad'] })
})

test('aot: distributions are compared, not pairs; weights have no meaning there', async () => {
  const rows = [pair([-1, -5]), pair([-5, -1])]
  const paired = [pair([-1, -5], [-5, -1]), pair([-5, -1], [-1, -5])]
  // The margins of the policy are those of the reference, in another order.
  expect(await loss('aot', paired)).toBeCloseTo(Math.LN2, 12)
  expect(await loss('aot-unpaired', rows)).toBeCloseTo(Math.LN2, 12)
  await expect(at('aot', [{ ...rows[0], values: { weight: [2, 2] } }])).rejects.toMatchObject({ code: 'E_DATA' })
})

test('intuitive-ft: the known values; without a future it is the mean; detached weights change the gradient alone', async () => {
  const row: ReadRow = { answers: [[-2, -1, -0.5]] }
  const value = (discount: number, more: Params = {}) => at('intuitive-ft', [row], { discount, ...more })
  expect((await value(0.95)).loss).toBeCloseTo(1.586143, 6)
  expect((await value(1)).loss).toBeCloseTo(1.590909, 6)
  expect((await value(0)).loss).toBeCloseTo(1.166667, 6)
  // Detached, the gradient of a token is minus its weight over n: those of the paper, which add up to n.
  const { loss, cotangents } = await value(0.95, { detachWeights: true })
  expect(loss).toBe((await value(0.95)).loss)
  for (const [i, weight] of [1.897931, 0.823064, 0.279005].entries()) {
    expect(cotangents[0][i]).toBeCloseTo(-weight / 3, 6)
  }
  expect((await value(0.95)).cotangents).not.toEqual(cotangents)
  // Sequences do not answer for each other, and rows count alike.
  const two = await at('intuitive-ft', [row, { answers: [[-3]] }], {})
  expect(two.loss).toBeCloseTo((1.586143 + 3) / 2, 6)
})

test('sftmix: λ of 1 and 0 leave one answer, the same answer twice its own loss, μ = 0 supervised tuning', async () => {
  const row = (weight: number, first: number[], second: number[]): ReadRow => ({
    ...{ answers: [[-1, -2], [-3]], values: { label: [1, 0] } },
    mix: { weight, first, second },
  })
  const mixOf = async (some: ReadRow) => (await at('sftmix', [some])).metrics['mix']
  expect(await mixOf(row(1, [-1.5], [-9]))).toBeCloseTo(1.5, 12)
  expect(await mixOf(row(0, [-9], [-2.5]))).toBeCloseTo(2.5, 12)
  expect(await mixOf(row(0.3, [-0.920976], [-0.820976]))).toBeCloseTo(0.850976, 6)
  expect(await mixOf(row(0.3, [-1], [-1]))).toBeCloseTo(1, 12)
  const { loss: plain } = await at('sft', [row(0.3, [], [])])
  expect(await loss('sftmix', [row(0.3, [-1], [-2])], { mixWeight: 0 })).toBeCloseTo(plain, 12)
  expect(await loss('sftmix', [row(0.3, [-1], [-2])], { mixWeight: 0.5 })).toBeCloseTo(plain + 0.5 * 1.7, 12)
})

test('distill: nothing to learn from oneself; forward, reverse and Jensen–Shannon by hand, the rest as one outcome', async () => {
  const logs = (values: number[]) => values.map(Math.log)
  const row = (own: number[], teacher: number[]): ReadRow => ({
    answers: [[-1]],
    candidates: [{ own: logs(own), teacher: logs(teacher) }],
  })
  const [p, q] = [
    [0.5, 0.3],
    [0.2, 0.6],
  ]
  for (const mixing of [0, 0.3, 1]) expect(await loss('distill', [row(p, p)], { mixing })).toBeCloseTo(0, 12)
  const kl = (a: number[], b: number[]) => a.reduce((sum, x, i) => sum + x * Math.log(x / b[i]), 0)
  const [own, teacher] = [p, q].map((list) => [...list, 1 - list[0] - list[1]])
  expect(await loss('distill', [row(p, q)], { mixing: 0 })).toBeCloseTo(kl(teacher, own), 12)
  expect(await loss('distill', [row(p, q)], { mixing: 1 })).toBeCloseTo(kl(own, teacher), 12)
  const middle = own.map((x, i) => 0.3 * teacher[i] + 0.7 * x)
  const jsd = 0.3 * kl(teacher, middle) + 0.7 * kl(own, middle)
  expect(await loss('distill', [row(p, q)], { mixing: 0.3 })).toBeCloseTo(jsd, 12)
  expect(await loss('distill', [row(p, q)], { mixing: 0, nllWeight: 2 })).toBeCloseTo(kl(teacher, own) + 2, 12)
})

test('limits: small β leaves the imitation of rpo-sft and of poft, no imitation leaves tpo a DPO under a uniform reference', async () => {
  const row = pair([-3, -5], [-4, -2], [2, 3])
  const imitation = (await loss('rpo-sft', [row], { beta: 1e-6, eta: 0.02 / 1e-6 })) - Math.LN2
  expect(imitation).toBeCloseTo(0.02 * 3, 5)

  const beta = 1e-4
  const known: ReadRow = { answers: [[-1, -2, -0.5]], values: { baseline: [-0.7] } }
  const [own, plain] = [await slopes('poft', [known], { beta }), await slopes('sft', [known], {})]
  for (const [i, slope] of own.entries()) expect(slope / beta).toBeCloseTo(plain[i] / 2, 3)

  const triple: ReadRow = { answers: [[-1, -2], [-2, -2], [-1]] }
  const uniform: ReadRow = {
    answers: triple.answers.slice(0, 2),
    reference: [
      [-4, -4],
      [-4, -4],
    ],
  }
  const only = { beta: 0.2, sftWeight: 0 }
  expect(await loss('tpo', [triple], only)).toBeCloseTo(await loss('dpo', [uniform], { beta: 0.2 }), 12)
})

test('turned pairs: rdpo is unbiased in its gradient, DPO pulls along the same line, ASFT does not', async () => {
  const turn = ([a, b]: number[]) => [b, a]
  const [h, epsilon] = [0.8, 0.3]
  const straight = await slopes('rdpo', [byMargin(h, 0.1)], { beta: 0.1, epsilon })
  const flipped = turn(await slopes('rdpo', [byMargin(-h, 0.1)], { beta: 0.1, epsilon }))
  const clean = await slopes('dpo', [byMargin(h, 0.1)], { beta: 0.1 })
  for (const i of [0, 1]) expect((1 - epsilon) * straight[i] + epsilon * flipped[i]).toBeCloseTo(clean[i], 6)

  const collinear = async (id: ObjectiveId) => {
    const [a, b] = await slopes(id, [pair([-0.5, -1])], {})
    const [c, d] = turn(await slopes(id, [pair([-1, -0.5])], {}))
    return Math.abs(a * d - b * c) < 1e-9
  }
  expect([await collinear('dpo'), await collinear('asft')]).toEqual([true, false])
})

test('nash-md: the slope of a token is β times its log-ratio less what was won above ½', async () => {
  const row: ReadRow = { answers: [[-1, -2]], reference: [[-1.5, -1.8]], values: { score: [0.9] } }
  const [first, second] = await slopes('nash-md', [row], { beta: 0.2 })
  expect(first).toBeCloseTo(0.2 * 0.5 - 0.4, 6)
  expect(second).toBeCloseTo(0.2 * -0.2 - 0.4, 6)
  const even: ReadRow = { answers: [[-1, -2]], reference: [[-1, -2]], values: { score: [0.5] } }
  expect(await slopes('nash-md', [even], {})).toEqual([0, 0])
})

test('SPIN is DPO at β = λ: the known value, and no gradient where its own answer is the demonstration', async () => {
  expect(await loss('dpo', [pair([4, 0])], { beta: 0.1 })).toBeCloseTo(0.513015, 6)
  const same = pair([-3, -3], [-3, -3])
  expect(await loss('dpo', [same], { beta: 0.1 })).toBeCloseTo(Math.LN2, 14)
  // Equal slopes up and down on one and the same answer cancel.
  const [up, down] = await slopes('dpo', [same], { beta: 0.1 })
  expect(up + down).toBe(0)
})

test('INPO is IPO against a mixture of references: the known values, and IPO at either end', async () => {
  const policy: [number, number] = [-10, -12]
  const [start, current] = [
    [-10.5, -11],
    [-10.2, -11.4],
  ] as const
  const mixed = (share: number) => start.map((value, i) => share * value + (1 - share) * current[i]) as [number, number]
  const inpo = (share: number, eta: number) => loss('ipo', [pair(policy, mixed(share))], { beta: eta, averaged: false })
  expect(await inpo(1 / 3, 0.5)).toBeCloseTo(0.001111, 6)
  expect(await inpo(1 / 3, 0.0075)).toBeCloseTo(4307.734444, 5)
  const ipo = (reference: readonly number[]) =>
    loss('ipo', [pair(policy, [...reference] as [number, number])], { beta: 0.5, averaged: false })
  expect(await inpo(1, 0.5)).toBe(await ipo(start))
  expect(await inpo(0, 0.5)).toBe(await ipo(current))
  const rest = pair(policy, policy)
  const [eta, params] = [0.5, { beta: 0.5, averaged: false }]
  expect(await loss('ipo', [rest], params)).toBeCloseTo(1 / (4 * eta ** 2), 12)
  const [better, worse] = await slopes('ipo', [rest], params)
  expect(better).toBeCloseTo(-1 / eta, 12)
  expect(worse).toBeCloseTo(1 / eta, 12)
})
