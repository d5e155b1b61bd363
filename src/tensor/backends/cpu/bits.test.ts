import { afterAll, describe, expect, test } from 'vitest'
import { type CaseBuffer, contentOf, draws, filled } from '../../../../test/kernel-run.ts'
import { philox } from '../../../base/index.ts'
import { type Backend, isQuantised, type Values } from '../../backend.ts'
import type { BufferId, KernelArgs, KernelName } from '../../kernels.ts'
import { openCpuBackend } from './index.ts'
import { isas } from './isas.ts'

const backends: Backend[] = []
for (const isa of isas) {
  const opened = await openCpuBackend({ isa, threads: 1 }).catch((error) => error)
  if (opened.code !== 'E_ISA') backends.push(opened as Backend)
}
afterAll(() => {
  for (const backend of backends) backend.close()
})

type Input = Values | CaseBuffer | null

/** Runs one kernel on arrays; those named in `outputs` are read back. */
async function call<K extends KernelName>(
  backend: Backend,
  kernel: K,
  buffers: Record<string, Input>,
  numbers: Record<string, number>,
  outputs: string[],
): Promise<Record<string, Values>> {
  const ids: Record<string, BufferId | null> = {}
  const made: Record<string, CaseBuffer> = {}
  for (const [name, input] of Object.entries(buffers)) {
    if (input === null) {
      ids[name] = null
      continue
    }
    made[name] =
      'dtype' in input ? input : { dtype: input instanceof Int32Array ? 'i32' : 'f32', values: input as Values }
    ids[name] = filled(backend, made[name])
  }
  backend.run(kernel, { ...ids, ...numbers } as unknown as KernelArgs<K>)
  const results: Record<string, Values> = {}
  for (const name of outputs) results[name] = await contentOf(backend, ids[name] as BufferId, made[name])
  for (const id of Object.values(ids)) if (id !== null) backend.free(id)
  return results
}

/** Equal to the last bit, NaN and the sign of zero included. */
function sameBits(got: Values, want: Values, what: string) {
  expect(got.length, what).toBe(want.length)
  const bits = (values: Values) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  expect(Buffer.compare(bits(got), bits(want)), `${what}: bits differ`).toBe(0)
}

const rowsOf = (values: Values, width: number, from: number, count: number) =>
  values.slice(from * width, (from + count) * width)

describe.each(backends.map((backend) => [backend.isa, backend] as const))(
  '%s: a row has its own bits',
  (_, backend) => {
    test('matmul: alone, in any company, packed anew or kept packed, transposed or not', async () => {
      const d = draws(1)
      for (const [m, n, k] of [
        [37, 70, 33],
        [61, 33, 1100],
        [5, 200, 512],
        [90, 16, 1],
        [140, 40, 600],
        // Quantised rows, on both sides of the numbers of rows at which their product takes another way.
        [67, 300, 544],
      ]) {
        for (const precision of [0, 1]) {
          for (const dtype of ['f32', 'bf16', 'f16', 'q8_0', 'nf4'] as const) {
            if (isQuantised(dtype) && k % 32 !== 0) continue
            const a = d.normals(m * k).values
            const b = d.weights(n * k, dtype, 1, k)
            const bias = d.normals(n).values
            const numbers = { n, k, transA: 0, transB: 1, accumulate: 0, alpha: 0.7, precision }
            const run = async (from: number, count: number, weight: number) => {
              const buffers = { a: rowsOf(a, k, from, count), b, y: new Float32Array(count * n), bias }
              return (await call(backend, 'matmul', buffers, { ...numbers, m: count, weight }, ['y'])).y
            }
            const whole = await run(0, m, 0)
            for (const [from, count] of [
              [0, 1],
              [m - 1, 1],
              [1, 2],
              [2, 3],
              [0, 4],
              [m - 5, 5],
              [m - 8, 8],
              [3, 9],
              [m - 64, 64],
              [1, m - 1],
            ]) {
              if (from < 0 || from + count > m) continue
              for (const weight of [0, 1]) {
                const label = `rows ${from}+${count} of ${m}×${n}×${k}, ${dtype}, precision ${precision}, weight ${weight}`
                sameBits(await run(from, count, weight), rowsOf(whole, n, from, count), label)
              }
            }
            // The same product from [k, n] storage; blocks across would hold other values.
            if (isQuantised(dtype)) continue
            const patterns = b.values
            const across = patterns.slice()
            for (let j = 0; j < n; j++) for (let p = 0; p < k; p++) across[p * n + j] = patterns[j * k + p]
            const buffers = { a, b: { dtype, values: across }, y: new Float32Array(m * n), bias }
            const { y } = await call(backend, 'matmul', buffers, { ...numbers, transB: 0, m, weight: 1 }, ['y'])
            sameBits(y, whole, `transposed ${m}×${n}×${k} ${dtype}`)
          }
        }
      }
    })

    test('matmul: a kept pack is dropped when its weight is written', async () => {
      const [m, n, k] = [2, 40, 24]
      const d = draws(2)
      const [first, second, x] = [d.normals(n * k).values, d.normals(n * k).values, d.normals(m * k).values]
      const [a, b, y] = [backend.alloc('f32', m * k), backend.alloc('f32', n * k), backend.alloc('f32', m * n)]
      const factor = backend.alloc('f32', 2)
      const numbers = { m, n, k, transA: 0, transB: 1, accumulate: 0, alpha: 1, precision: 0, weight: 1 }
      const product = async () => {
        backend.run('matmul', { a, b, y, bias: null, ...numbers })
        return (await backend.read(y, 0, m * n)) as Float32Array
      }
      const fresh = async (values: Values) =>
        (
          await call(
            backend,
            'matmul',
            { a: x, b: values, y: new Float32Array(m * n), bias: null },
            { ...numbers, weight: 0 },
            ['y'],
          )
        ).y
      backend.write(a, x)
      backend.write(factor, Float32Array.of(1, 1))
      backend.write(b, first)
      sameBits(await product(), await fresh(first), 'first')
      backend.write(b, second)
      sameBits(await product(), await fresh(second), 'after write')
      backend.run('sgd', { p: b, m: null, g: b, factor, n: n * k, learningRate: 0.5, momentum: 0, weightDecay: 0 })
      const updated = await backend.read(b, 0, n * k)
      sameBits(await product(), await fresh(updated), 'after an optimizer')
      for (const id of [a, b, y, factor]) backend.free(id)
    })

    test('norms', async () => {
      const [rows, width] = [21, 77]
      const d = draws(3)
      const [x, w, b] = [d.normals(rows * width).values, d.normals(width).values, d.normals(width).values]
      for (const kernel of ['rmsnorm', 'layernorm'] as const) {
        const run = (from: number, count: number) => {
          const y = new Float32Array(count * width)
          const buffers = { x: rowsOf(x, width, from, count), w, y, rstd: new Float32Array(count) }
          const more: Record<string, Input> = kernel === 'layernorm' ? { b, mean: new Float32Array(count) } : {}
          return call(backend, kernel, { ...buffers, ...more }, { rows: count, width, eps: 1e-5, offset: 0 }, [
            'y',
            'rstd',
          ])
        }
        const whole = await run(0, rows)
        for (let r = 0; r < rows; r++) sameBits((await run(r, 1)).y, rowsOf(whole.y, width, r, 1), `${kernel} row ${r}`)
      }
    })

    test('log-probs: trainer, scorer and sampler give the same floats', async () => {
      for (const [rows, width, vocab, softcap, precision, dtype] of [
        [70, 19, 2500, 0, 0, 'bf16'],
        [9, 530, 1024, 5, 0, 'bf16'],
        [33, 40, 77, 0, 1, 'bf16'],
        [70, 96, 1100, 0, 0, 'q8_0'],
        [9, 64, 1030, 0, 1, 'q8_0'],
        [70, 96, 1100, 0, 1, 'nf4'],
      ] as const) {
        const d = draws(vocab)
        const [x, w] = [d.normals(rows * width).values, d.weights(vocab * width, dtype, 0.5, width)]
        const numbers = { width, vocab, softcap, precision }
        const targets = d.ids(rows, vocab).values
        const floats = (n: number) => new Float32Array(n)
        const trained = await call(
          backend,
          'logprobs',
          { x, w, targets, y: floats(rows), lse: floats(rows) },
          { rows, ...numbers },
          ['y', 'lse'],
        )
        const all = await call(backend, 'logits', { x, w, y: floats(rows * vocab) }, { rows, ...numbers }, ['y'])
        const scored = await call(
          backend,
          'logitsLogprobs',
          { logits: all.y, targets, y: floats(rows) },
          { rows, vocab },
          ['y'],
        )
        sameBits(scored.y, trained.y, 'scorer')
        for (const r of [0, 1, rows - 1]) {
          const one = await call(
            backend,
            'logits',
            { x: rowsOf(x, width, r, 1), w, y: floats(vocab) },
            { rows: 1, ...numbers },
            ['y'],
          )
          sameBits(one.y, rowsOf(all.y, vocab, r, 1), 'logits of one row')
          const settings = Float32Array.of(1, 1, 0, 0)
          const sampling = { logits: one.y, settings, topK: Int32Array.of(0), keys: Int32Array.of(r, 2, 3, 4) }
          const results = { tokens: Int32Array.of(0), logprobs: floats(1), drawn: floats(1) }
          const drawn = await call(
            backend,
            'sampleTokens',
            { ...sampling, ...results },
            { rows: 1, vocab, seedLow: 5, seedHigh: 6 },
            ['tokens', 'logprobs'],
          )
          const alone = { x: rowsOf(x, width, r, 1), w, targets: drawn.tokens, y: floats(1), lse: floats(1) }
          const again = await call(backend, 'logprobs', alone, { rows: 1, ...numbers }, ['y', 'lse'])
          sameBits(drawn.logprobs, again.y, 'sampler')
          sameBits(again.lse, rowsOf(trained.lse, 1, r, 1), 'lse of one row')
        }
      }
    })

    test('attention: one row from a scattered cache equals its place in a training pack', async () => {
      for (const [seed, length, width, window, softcap, precision] of [
        [1, 150, 16, 0, 0, 0],
        [2, 200, 33, 70, 0, 0],
        [3, 140, 8, 3, 7, 0],
        [4, 130, 64, 64, 0, 0],
        [5, 150, 16, 0, 0, 1],
        [6, 200, 33, 70, 0, 1],
        [7, 140, 8, 3, 7, 1],
        [8, 130, 64, 64, 0, 1],
      ]) {
        const d = draws(seed)
        const [heads, keyHeads] = [6, 2]
        const queryWidth = heads * width
        const keyWidth = keyHeads * width
        // A root of 2/3 and two leaves, behind an unrelated segment.
        const root = Math.floor((length * 2) / 3)
        const leaf = length - root
        const lead = 5
        const rows = lead + root + 2 * leaf
        const [q, k, v] = [
          d.normals(rows * queryWidth).values,
          d.normals(rows * keyWidth).values,
          d.normals(rows * keyWidth).values,
        ]
        const segments = Int32Array.of(
          0,
          lead,
          0,
          0,
          1,
          lead,
          root,
          0,
          1,
          1,
          lead + root,
          leaf,
          root,
          2,
          2,
          lead + root + leaf,
          leaf,
          root,
          4,
          2,
        )
        const spans = Int32Array.of(
          0,
          lead,
          lead,
          root,
          lead,
          root,
          lead + root,
          leaf,
          lead,
          root,
          lead + root + leaf,
          leaf,
        )
        const numbers = { heads, keyHeads, width, scale: 0.3, window, softcap, precision }
        const buffers = {
          q,
          k,
          v,
          y: new Float32Array(rows * queryWidth),
          lse: new Float32Array(rows * heads),
          segments,
          spans,
        }
        const packed = await call(backend, 'attention', buffers, { segmentCount: 4, ...numbers }, ['y', 'lse'])
        // The path of the second leaf, in a cache whose rows lie in reverse pages of 7; the rest of it is not a number.
        const path = [...Array(root).keys()]
          .map((i) => lead + i)
          .concat([...Array(leaf).keys()].map((i) => lead + root + leaf + i))
        const page = 7
        const pages = Math.ceil(length / page)
        const cacheRow = (p: number) => (pages - 1 - Math.floor(p / page)) * page + (p % page)
        const cache = (values: Values, filled: number) => {
          const held = new Float32Array(pages * page * keyWidth).fill(Number.NaN)
          for (let p = 0; p < filled; p++)
            held.set(rowsOf(values, keyWidth, path[p], 1) as Float32Array, cacheRow(p) * keyWidth)
          return held
        }
        for (const p of [0, 1, 6, 7, 62, 63, 64, 65, root - 1, root, 127, 128, length - 1]) {
          if (p >= length) continue
          const cacheSpans: number[] = []
          for (let at = 0; at <= p; at += page) cacheSpans.push(cacheRow(at), Math.min(page, p + 1 - at))
          const one = {
            q: rowsOf(q, queryWidth, path[p], 1),
            k: cache(k, p + 1),
            v: cache(v, p + 1),
            y: new Float32Array(queryWidth),
            lse: new Float32Array(heads),
            segments: Int32Array.of(0, 1, p, 0, cacheSpans.length / 2),
            spans: Int32Array.from(cacheSpans),
          }
          const alone = await call(backend, 'attention', one, { segmentCount: 1, ...numbers }, ['y', 'lse'])
          sameBits(alone.y, rowsOf(packed.y, queryWidth, path[p], 1), `position ${p}, window ${window}`)
          sameBits(alone.lse, rowsOf(packed.lse, heads, path[p], 1), `lse at ${p}, window ${window}`)
        }
      }
    })

    test('attention in f32: what a query does not see cannot touch it, not even as NaN', async () => {
      const [rows, width] = [100, 16]
      const d = draws(9)
      const [q, k, v] = [d.normals(rows * width).values, d.normals(rows * width).values, d.normals(rows * width).values]
      const numbers = {
        segmentCount: 1,
        heads: 1,
        keyHeads: 1,
        width,
        scale: 0.25,
        window: 0,
        softcap: 0,
        precision: 0,
      }
      const tree = { segments: Int32Array.of(0, rows, 0, 0, 1), spans: Int32Array.of(0, rows) }
      const run = (keys: Values, values: Values) =>
        call(
          backend,
          'attention',
          { q, k: keys, v: values, y: new Float32Array(rows * width), lse: new Float32Array(rows), ...tree },
          numbers,
          ['y', 'lse'],
        )
      const clean = await run(k, v)
      const poisoned = (values: Values) => Float32Array.from(values, (x, i) => (i >= 70 * width ? Number.NaN : x))
      const dirty = await run(poisoned(k), poisoned(v))
      sameBits(rowsOf(dirty.y, width, 0, 70), rowsOf(clean.y, width, 0, 70), 'rows before the poison')
      expect(dirty.y[70 * width]).toBeNaN()
    })

    test('Philox is the one of src/base/random.ts', async () => {
      const [rows, width, rate] = [40, 22, 0.5]
      const positions = Int32Array.from({ length: rows }, (_, i) => i * 3 - 5)
      const rowIds = Int32Array.from({ length: rows }, (_, i) => 2 ** 31 - 1 - i)
      const x = new Float32Array(rows * width).fill(1)
      const numbers = { rows, width, rate, seedLow: 0xdeadbeef, seedHigh: 0xffffffff, stream: 0x80000001 }
      const { y } = await call(backend, 'dropout', { x, y: x, rowIds, positions }, numbers, ['y'])
      for (let t = 0; t < rows; t++) {
        for (let c = 0; c < width; c++) {
          const words = philox([0xdeadbeef, 0xffffffff], [c >>> 2, positions[t] >>> 0, rowIds[t] >>> 0, 0x80000001])
          expect(y[t * width + c]).toBe(words[c & 3] >= 2 ** 31 ? 2 : 0)
        }
      }
    })

    test('sampling follows the distribution, and temperature 0 takes the first of the largest', async () => {
      const [rows, vocab] = [4000, 5]
      const logits = new Float32Array(rows * vocab)
      const weights = [0.4, 0.3, 0.2, 0.06, 0.04]
      for (let i = 0; i < logits.length; i++) logits[i] = Math.log(weights[i % vocab])
      const settings = Float32Array.from({ length: rows * 4 }, (_, i) => [1, 0.85, 0, 0][i % 4])
      const keys = Int32Array.from({ length: rows * 4 }, (_, i) => (i % 4 === 0 ? i / 4 : 0))
      const results = { tokens: new Int32Array(rows), logprobs: new Float32Array(rows), drawn: new Float32Array(rows) }
      const numbers = { rows, vocab, seedLow: 1, seedHigh: 2 }
      const { tokens, logprobs, drawn } = await call(
        backend,
        'sampleTokens',
        { logits, settings, topK: new Int32Array(rows), keys, ...results },
        numbers,
        ['tokens', 'logprobs', 'drawn'],
      )
      const counts = [0, 0, 0, 0, 0]
      for (let r = 0; r < rows; r++) {
        counts[tokens[r]]++
        expect(logprobs[r]).toBeCloseTo(Math.log(weights[tokens[r]]), 5)
        expect(drawn[r]).toBeCloseTo(Math.log(weights[tokens[r]] / 0.9), 5)
      }
      // Top-p 0.85 keeps three; five standard deviations are below 0.04.
      for (const [v, share] of [4 / 9, 3 / 9, 2 / 9, 0, 0].entries())
        expect(Math.abs(counts[v] / rows - share)).toBeLessThan(0.04)
      const greedy = { settings: new Float32Array(4), topK: Int32Array.of(0), keys: new Int32Array(4) }
      const one = { tokens: Int32Array.of(9), logprobs: Float32Array.of(0), drawn: Float32Array.of(9) }
      const first = await call(
        backend,
        'sampleTokens',
        { logits: Float32Array.of(1, 7, 7, 2, 7), ...greedy, ...one },
        { ...numbers, rows: 1 },
        ['tokens', 'drawn'],
      )
      expect([first.tokens[0], first.drawn[0]]).toEqual([1, 0])
    })
  },
)
