import { expect, test } from 'vitest'
import { openOptimizer, openReferenceBackend, Parameter, scheduleFactor } from './index.ts'

const backend = openReferenceBackend()

async function run(kind: 'adamw' | 'sgd' | 'lion', steps: number[][], settings = {}) {
  const w = new Parameter('w', backend, [1, 2])
  w.write(Float64Array.of(1, -2))
  const optimizer = openOptimizer(backend, [w], { kind, ...settings })
  for (const gradient of steps) {
    backend.write(w.grad(), Float64Array.from(gradient))
    await optimizer.step(0.1)
  }
  return [...(await w.read())]
}

// lr 0.1, decay 0.1.
test('AdamW gives the values of its definition, written out by hand', async () => {
  const [g1, g2] = [
    [0.3, -0.2],
    [-0.1, 0.4],
  ]
  const expected = [1, -2].map((start, i) => {
    let p = start
    let m = 0
    let v = 0
    for (const [t, g] of [g1[i], g2[i]].entries()) {
      m = 0.9 * m + 0.1 * g
      v = 0.999 * v + 0.001 * g * g
      p = p - 0.1 * 0.1 * p - (0.1 * (m / (1 - 0.9 ** (t + 1)))) / (Math.sqrt(v / (1 - 0.999 ** (t + 1))) + 1e-8)
    }
    return p
  })
  const found = await run('adamw', [g1, g2], { weightDecay: 0.1, clip: 0 })
  for (const i of [0, 1]) expect(found[i]).toBeCloseTo(expected[i], 12)
})

test('SGD with momentum and Lion', async () => {
  expect(
    (
      await run(
        'sgd',
        [
          [1, 1],
          [1, 1],
        ],
        { momentum: 0.9, clip: 0 },
      )
    ).map((v) => v.toFixed(6)),
  ).toEqual(['0.710000', '-2.290000'])
  expect((await run('lion', [[5, -1]], { clip: 0 })).map((v) => v.toFixed(6))).toEqual(['0.900000', '-1.900000'])
})

test('the norm covers every parameter and clips them together', async () => {
  expect((await run('sgd', [[30, 40]], { clip: 5 })).map((v) => v.toFixed(6))).toEqual(['0.700000', '-2.400000'])
})

test('a gradient that is not a number changes nothing', async () => {
  const w = new Parameter('w', backend, [2])
  w.write(Float64Array.of(1, 2))
  const optimizer = openOptimizer(backend, [w])
  backend.write(w.grad(), Float64Array.of(Number.NaN, 1))
  await expect(optimizer.step(0.1)).rejects.toThrow(/norm is NaN at update 1/)
  expect([...(await w.read())]).toEqual([1, 2])
  expect(optimizer.steps).toBe(0)
})

test('schedules begin and end where they should', () => {
  const at = (kind: 'constant' | 'linear' | 'cosine' | 'wsd', step: number) =>
    scheduleFactor(step, 100, { kind, warmup: 10, floor: 0.1, decay: 0.5 })
  for (const kind of ['constant', 'linear', 'cosine', 'wsd'] as const) {
    expect(at(kind, 1)).toBeCloseTo(1 / 11)
    expect(at(kind, 11)).toBe(1)
  }
  expect(at('constant', 100)).toBe(1)
  expect(at('linear', 100)).toBeCloseTo(0.1 + 0.9 / 90)
  expect(at('cosine', 56)).toBeCloseTo(0.55)
  expect(at('wsd', 55)).toBe(1)
  expect(at('wsd', 100)).toBeLessThan(0.13)
})
