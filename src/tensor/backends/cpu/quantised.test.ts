import { afterAll, describe, expect, test } from 'vitest'
import { contentOf, draws, filled } from '../../../../test/kernel-run.ts'
import { decodeGguf, encodeGguf } from '../../../formats/gguf-types.ts'
import type { Backend } from '../../backend.ts'
import { linear, logprobs, Parameter, Scope } from '../../index.ts'
import { openReferenceBackend } from '../reference/index.ts'
import { openCpuBackend } from './index.ts'
import { isas } from './isas.ts'

const backends: Backend[] = []
for (const isa of isas) {
  const opened = await openCpuBackend({ isa, threads: 2 }).catch((error) => error)
  if (opened.code !== 'E_ISA') backends.push(opened as Backend)
}
const reference = openReferenceBackend()
afterAll(() => {
  for (const backend of backends) backend.close()
})

/** What a backend's blocks give back of these rows. */
async function through(backend: Backend, dtype: 'q8_0' | 'nf4', values: Float32Array, width: number) {
  const buffer = { dtype, values, width }
  const id = filled(backend, buffer)
  const content = await contentOf(backend, id, buffer)
  backend.free(id)
  return Float32Array.from(content)
}

/** The 16 levels that bitsandbytes calls nf4 (functional.py, get_4bit_type), as printed there. */
const published = [
  -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
  -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
  0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
]

describe.each(backends.map((backend) => [backend.isa, backend] as const))('%s', (_, backend) => {
  test('q8_0 holds what the GGUF writer writes, to the last bit', async () => {
    for (const [rows, width, scale] of [
      [1, 32, 1],
      [70, 96, 1e-3],
      [33, 1376, 40],
      [2, 64, 1e-41],
    ]) {
      const values = draws(rows).normals(rows * width, scale).values as Float32Array
      values[3] = 0
      const got = await through(backend, 'q8_0', values, width)
      const blocks = encodeGguf('Q8_0', values)
      expect(got).toEqual(decodeGguf('Q8_0', blocks))
      // And its blocks made again are the same bytes.
      if (scale > 1e-10) expect(encodeGguf('Q8_0', got)).toEqual(blocks)
    }
  })

  test('nf4 holds the published levels, the nearest one of each value', async () => {
    const width = 96
    // Every level at its own place, in both blocks of a row, one of them half as long.
    const levels = Float32Array.from({ length: 3 * width }, (_, i) => published[i % 16])
    expect(await through(backend, 'nf4', levels, width)).toEqual(levels)
    const values = draws(5).normals(40 * width).values as Float32Array
    const got = await through(backend, 'nf4', values, width)
    for (let row = 0; row < 40; row++) {
      for (const [from, to] of [
        [0, 64],
        [64, 96],
      ]) {
        const block = values.subarray(row * width + from, row * width + to)
        const largest = block.reduce((most, x) => Math.max(most, Math.abs(x)), 0)
        for (const [i, x] of block.entries()) {
          const nearest = Math.min(...published.map((level) => Math.abs(level * largest - x)))
          const kept = got[row * width + from + i]
          expect(Math.abs(kept - x)).toBeCloseTo(nearest, 5)
          expect(Math.min(...published.map((level) => Math.abs(level * largest - kept)))).toBeLessThan(1e-6)
        }
      }
    }
    expect(got).toEqual(await through(reference, 'nf4', values, width))
  })

  test('a block with a value that is not finite, or too large for its scale, becomes NaN, and its neighbours do not', async () => {
    for (const dtype of ['q8_0', 'nf4'] as const) {
      const values = new Float32Array(2 * 128).fill(0.5)
      values[70] = Number.POSITIVE_INFINITY
      values[128] = Number.NaN
      if (dtype === 'q8_0') values[192] = 1e9
      const got = await through(backend, dtype, values, 128)
      const block = dtype === 'q8_0' ? 32 : 64
      for (const [i, x] of got.entries()) {
        const bad =
          (i >= 64 && i < 64 + block) || (i >= 128 && i < 128 + block) || (dtype === 'q8_0' && i >= 192 && i < 224)
        expect(Number.isNaN(x), `${dtype} ${i}`).toBe(bad)
      }
    }
  })

  test('a frozen weight in blocks passes gradients on: dx is that of finite differences', async () => {
    const [rows, n, width, vocab] = [5, 64, 96, 50]
    const d = draws(8)
    const x = Float64Array.from(d.normals(rows * width).values)
    const drawn = [d.normals(n * width, 0.3).values, d.normals(vocab * n, 0.3).values] as Float32Array[]
    const targets = d.ids(rows, vocab).values as Int32Array
    /** The sum of the log-probs, and its gradient in x. */
    const evaluate = async (on: Backend, dtypes: readonly ('q8_0' | 'nf4')[], at: Float64Array) => {
      const [w, head] = drawn.map((values, i) => {
        const parameter = new Parameter(`w${i}`, on, i === 0 ? [n, width] : [vocab, n], dtypes[i], false)
        const staged = on.alloc('f32', values.length)
        on.write(staged, values)
        on.run('copy', { x: staged, y: parameter.buffer, n: values.length, xOffset: 0, yOffset: 0 })
        on.free(staged)
        return parameter
      })
      using scope = new Scope(on, { record: true })
      const leaf = scope.from(on === reference ? at : Float32Array.from(at), [rows, width], { needsGrad: true })
      const y = logprobs(linear(leaf, w), head, scope.from(targets))
      const sum = Array.from(await y.read()).reduce((a, b) => a + b, 0)
      scope.backward(y)
      const gradient = await scope.gradient(leaf)
      for (const parameter of [w, head]) parameter.dispose()
      return { sum, gradient }
    }
    for (const dtypes of [
      ['q8_0', 'q8_0'],
      ['nf4', 'nf4'],
    ] as const) {
      const { gradient } = await evaluate(backend, dtypes, x)
      for (const i of [0, 17, 95, 96, 300, rows * width - 1]) {
        const moved = (by: number) => evaluate(reference, dtypes, x.with(i, x[i] + by))
        const difference = ((await moved(1e-5)).sum - (await moved(-1e-5)).sum) / 2e-5
        expect(gradient[i], `${dtypes} ${i}`).toBeCloseTo(difference, 4)
      }
    }
  })

  test('what cannot be is refused by name', async () => {
    const refused = (work: () => unknown) => expect(work).toThrow(expect.objectContaining({ code: 'E_BUFFER' }))
    refused(() => backend.alloc('q8_0', 40, 40))
    refused(() => backend.alloc('nf4', 65, 64))
    const w = backend.alloc('q8_0', 128, 64)
    const y = backend.alloc('f32', 128)
    refused(() => backend.write(w, new Float32Array(128)))
    await expect(backend.read(w, 0, 64)).rejects.toMatchObject({ code: 'E_BUFFER' })
    const wrong = async (code: string, work: () => void) => {
      work()
      await expect(backend.idle()).rejects.toMatchObject({ code })
    }
    await wrong('E_BUFFER', () => backend.run('fill', { y: w, n: 128, value: 1 }))
    await wrong('E_BUFFER', () => backend.run('axpy', { x: w, y, n: 128, alpha: 1 }))
    await wrong('E_KERNEL', () => backend.run('copy', { x: w, y, n: 40, xOffset: 0, yOffset: 0 }))
    const numbers = { m: 1, n: 2, transA: 0, transB: 1, accumulate: 0, alpha: 1, precision: 0, weight: 1 }
    await wrong('E_BUFFER', () => backend.run('matmul', { a: y, b: w, y: y, bias: null, k: 32, ...numbers }))
    for (const id of [w, y]) backend.free(id)
  })
})
