import { expect, test } from 'vitest'
import { parts } from './contests.ts'
import type { Contest } from './results.ts'
import { flopsPerToken, shapes } from './shapes.ts'
import { summary } from './summary.ts'

const peak = { f32: 200, bf16: 400, read: 30 }
const contest = (what: string, shape: string, rates: Record<string, number>): Contest => ({
  what,
  shape,
  unit: 'tokens/s',
  date: '2026-01-01',
  outcomes: Object.entries(rates).map(([name, rate]) => ({
    name,
    rate,
    low: rate,
    high: rate,
    rounds: 5,
    disturbed: 0,
    more: {},
  })),
})

test('the figures of training and decoding, by shape and precision', () => {
  const { train, decode } = summary({
    peak,
    contests: [
      contest('train', 'b', { 'hone f32': 500, 'hone bf16': 1000, 'PyTorch f32': 400 }),
      contest('lora', 'b', { 'hone f32': 700 }),
      contest('decode 1', 'b', { 'hone f32': 150, 'llama.cpp q8_0': 400 }),
      contest('decode 16', 'b', { 'hone f32': 1300 }),
    ],
  }) as Record<string, Record<string, unknown>>
  const gflops = (500 * flopsPerToken(shapes.b)) / 1e9
  const row = (tokens: number, share: number) => ({
    tokens_per_second: tokens,
    gflops: expect.closeTo(gflops * (tokens / 500), 6),
    share_of_peak: expect.closeTo(share, 6),
  })
  expect(train).toEqual({
    b: { f32: row(500, gflops / 200), bf16: row(1000, (2 * gflops) / 400), lora_f32: expect.any(Object) },
  })
  // 4 operations a frozen weight where training all of them takes 6.
  expect(flopsPerToken(shapes.b, 16) / flopsPerToken(shapes.b)).toBeGreaterThan(0.65)
  expect(flopsPerToken(shapes.b, 16) / flopsPerToken(shapes.b)).toBeLessThan(0.8)
  expect(decode).toEqual({ b: { f32: { b1: 150, b16: 1300 } } })
})

test('every figure is found among the contests that are held', () => {
  const plans = [...parts.train(), ...parts.decode(), ...parts.sharing()]
  const contests = plans.map(({ what, shape, contestants }) =>
    contest(what, shape, Object.fromEntries(contestants.map(({ name }) => [name, 1]))),
  )
  const { train, decode, sharing } = summary({ peak, contests }) as Record<string, Record<string, object>>
  expect(Object.keys(train)).toEqual(['a', 'b', 'c'])
  for (const shape of Object.values(train)) expect(Object.keys(shape)).toEqual(['f32', 'bf16', 'lora_f32', 'lora_bf16'])
  const batches = { b1: 1, b16: 1 }
  expect(decode).toMatchObject({ a: { f32: batches }, b: { f32: batches, bf16: batches } })
  expect(sharing).toEqual({ f32: 1, bf16: 1 })
})

test('sharing is the time of the step with shared prompts over that without', () => {
  const shared = contest('sharing', 'b', { 'hone f32': 2, 'hone f32 apart': 1.2 })
  expect(summary({ peak, contests: [shared] })).toEqual({ sharing: { f32: expect.closeTo(0.6) } })
})
