import { isQuantised } from '../src/tensor/backend.ts'
import { type KernelName, unaryKinds } from '../src/tensor/kernels.ts'
import { type Draws, draws, f32, i32, type KernelCase } from './kernel-run.ts'

type Maker = (d: Draws, size: (most: number) => number) => Omit<KernelCase, 'kernel' | 'label'>

const gatedKinds = [unaryKinds.silu, unaryKinds.gelu, unaryKinds.geluTanh]

/** Segments and spans of a random forest in which children continue whole paths; T query rows in all. */
export function forest(d: Draws, segmentCount: number, most: number) {
  const counts = Array.from({ length: segmentCount }, () => d.below(most + 1))
  const starts = counts.map((_, i) => counts.slice(0, i).reduce((a, b) => a + b, 0))
  const parents = counts.map((_, i) => d.below(i + 2) - 1 - (i > 0 && d.below(3) === 0 ? 0 : 0))
  const segments: number[] = []
  const spans: number[] = []
  for (let i = 0; i < segmentCount; i++) {
    const path = [i]
    while (parents[path[0]] >= 0 && parents[path[0]] < path[0]) path.unshift(parents[path[0]])
    const position = path.slice(0, -1).reduce((sum, s) => sum + counts[s], 0)
    segments.push(starts[i], counts[i], position, spans.length / 2, path.length)
    for (const s of path) spans.push(starts[s], counts[s])
  }
  const rows = counts.reduce((a, b) => a + b, 0)
  return { rows, segments: i32(segments), spans: i32(spans), segmentCount }
}

function attentionShape(d: Draws, size: (most: number) => number) {
  const tree = forest(d, 1 + d.below(5), size(90))
  const keyHeads = 1 + d.below(3)
  const heads = keyHeads * (1 + d.below(3))
  const width = d.pick([1, 3, 8, 16, 33, 64])
  const window = d.pick([0, 0, 1, 5, 70])
  const softcap = d.pick([0, 0, 4])
  const { segmentCount, segments, spans, rows } = tree
  const precision = d.pick([0, 0, 1])
  const numbers = { segmentCount, heads, keyHeads, width, scale: 1 / Math.sqrt(width), window, softcap, precision }
  const q = d.normals(rows * heads * width)
  const k = d.normals(rows * keyHeads * width)
  const v = d.normals(rows * keyHeads * width)
  return { rows, heads, keyHeads, width, numbers, buffers: { q, k, v, segments, spans } }
}

const headShape = (d: Draws, size: (most: number) => number) =>
  headOf(d, size(20), d.pick([size(40), 32, 96]), 1 + d.pick([d.below(40), 1023, 1024, 1500]))

function headOf(d: Draws, rows: number, width: number, vocab: number) {
  const softcap = d.pick([0, 0, 3])
  const x = d.normals(rows * width)
  const w = d.weights(vocab * width, undefined, 0.3, width)
  const numbers = { rows, width, vocab, softcap, precision: d.pick([0, 0, 1]) }
  return { rows, width, vocab, numbers, buffers: { x, w, targets: d.ids(rows, vocab) } }
}

/** Whole rows in or out of blocks. */
function copyOfRows(d: Draws, size: (most: number) => number): ReturnType<Maker> {
  const width = 32 * (1 + d.below(5))
  const rows = Math.min(200, size(70))
  const [xOffset, yOffset] = [d.below(40) * width, d.below(40) * width]
  const x = d.weights(rows * width + xOffset, undefined, 1, width)
  const y = isQuantised(x.dtype)
    ? d.weights(rows * width + yOffset)
    : d.weights(rows * width + yOffset, d.pick(['q8_0', 'nf4']), 1, width)
  return { buffers: { x, y }, numbers: { n: rows * width, xOffset, yOffset }, outputs: { y: 0 } }
}

const tolerance = 2e-5
/** bf16 products: both sides round the same way but add in another order and precision. */
const loose = (precision: number) => (precision === 1 ? 2e-4 : tolerance)

export const caseMakers: { [K in KernelName]?: Maker } = {
  fill: (d, size) => {
    const n = size(100)
    return { buffers: { y: d.weights(n + 3) }, numbers: { n, value: 1.5 }, outputs: { y: 0 } }
  },
  copy: (d, size) => {
    if (d.below(3) === 0) return copyOfRows(d, size)
    const n = size(100)
    const [xOffset, yOffset] = [d.below(20), d.below(20)]
    return {
      buffers: { x: d.weights(n + 20), y: d.weights(n + 20) },
      numbers: { n, xOffset, yOffset },
      outputs: { y: 0 },
    }
  },
  axpy: (d, size) => {
    const n = size(100)
    return { buffers: { x: d.normals(n), y: d.normals(n) }, numbers: { n, alpha: -0.7 }, outputs: { y: 1e-6 } }
  },
  unary: (d, size) => {
    const n = size(100)
    const kind = d.below(Object.keys(unaryKinds).length)
    const positive =
      kind === unaryKinds.log || kind === unaryKinds.sqrt || kind === unaryKinds.log1p || kind === unaryKinds.reciprocal
    return {
      buffers: { x: positive ? d.positive(n) : d.normals(n, 3), y: d.normals(n) },
      numbers: { n, kind },
      outputs: { y: 1e-6 },
    }
  },
  unaryGrad: (d, size) => {
    const n = size(100)
    const kind = d.below(Object.keys(unaryKinds).length)
    const positive =
      kind === unaryKinds.log || kind === unaryKinds.sqrt || kind === unaryKinds.log1p || kind === unaryKinds.reciprocal
    const x = positive ? d.positive(n) : d.normals(n, 3)
    return {
      buffers: { x, dy: d.normals(n), dx: d.normals(n) },
      numbers: { n, kind, accumulate: d.below(2) },
      outputs: { dx: 2e-6 },
    }
  },
  binary: (d, size) => {
    const n = size(200)
    const [aRepeat, bRepeat] = [d.pick([1, 1, 3, 40]), d.pick([1, 1, 7, 17])]
    const [aLength, bLength] = [d.pick([1, 5, 33, n]), d.pick([1, 4, 19, n])].map((x) => Math.max(1, x))
    const numbers = { n, kind: d.below(6), aLength, aRepeat, bLength, bRepeat }
    const b = d.pick([d.positive(bLength), d.weights(bLength, 'f16', 1)])
    return { buffers: { a: d.weights(aLength), b, y: d.normals(n) }, numbers, outputs: { y: 1e-6 } }
  },
  sumRows: (d, size) => {
    const [rows, columns] = [size(20), size(150)]
    return {
      buffers: { x: d.normals(rows * columns), y: d.normals(rows) },
      numbers: { rows, columns, accumulate: d.below(2) },
      outputs: { y: tolerance },
    }
  },
  sumColumns: (d, size) => {
    const [rows, columns] = [size(150), size(50)]
    return {
      buffers: { x: d.normals(rows * columns), y: d.normals(columns) },
      numbers: { rows, columns, accumulate: d.below(2) },
      outputs: { y: tolerance },
    }
  },
  sumSquares: (d, size) => {
    const n = size(300)
    return { buffers: { x: d.normals(n), y: d.normals(4) }, numbers: { n, index: 2 }, outputs: { y: 1e-6 } }
  },
  gatherRows: (d, size) => {
    const [count, width] = [size(30), d.pick([1 + size(40), 32, 160])]
    const x = d.weights(9 * width, undefined, 1, width)
    return {
      buffers: { x, index: d.ids(count, 9), y: d.normals(count * width) },
      numbers: { count, width },
      outputs: { y: 0 },
    }
  },
  scatterRows: (d, size) => {
    const [count, width] = [size(30), 1 + size(40)]
    const index = i32(
      Int32Array.from({ length: count }, (_, i) => (i * 7 + 3) % 97).map((v, i, all) =>
        all.indexOf(v) === i ? v : 97 + i,
      ),
    )
    return {
      buffers: { x: d.normals(count * width), index, y: d.normals((count + 98) * width) },
      numbers: { count, width },
      outputs: { y: 0 },
    }
  },
  scatterAddRows: (d, size) => {
    const [count, width] = [size(30), 1 + size(40)]
    return {
      buffers: { x: d.normals(count * width), index: d.ids(count, 21), y: d.normals(21 * width) },
      numbers: { count, width },
      outputs: { y: 1e-6 },
    }
  },
  sliceColumns: (d, size) => {
    const [rows, count] = [size(20), size(30)]
    const from = d.below(9)
    const columns = from + count + d.below(5)
    return {
      buffers: { x: d.normals(rows * columns), y: d.normals(rows * count) },
      numbers: { rows, columns, from, count },
      outputs: { y: 0 },
    }
  },
  addColumns: (d, size) => {
    const [rows, count] = [size(20), size(30)]
    const from = d.below(9)
    const columns = from + count + d.below(5)
    return {
      buffers: { x: d.normals(rows * count), y: d.normals(rows * columns) },
      numbers: { rows, columns, from, count },
      outputs: { y: 1e-6 },
    }
  },
  matmul: (d, size) => {
    // With many rows a task packs its own part of a.
    const many = d.below(4) === 0
    let [m, n, k] = many
      ? [99 + d.below(200), size(20), d.pick([size(40), 513])]
      : [size(50), size(70), d.pick([size(40), size(600), 512, 513])]
    const [transA, transB, accumulate, precision, weight] = [
      d.below(2),
      d.below(2),
      d.below(2),
      d.pick([0, 0, 1]),
      d.below(2),
    ]
    // Rows that may be quantised.
    if (d.below(2) === 0 && transB) k = 32 * (1 + d.pick([d.below(4), 17, 22]))
    else if (d.below(2) === 0) n = 32 * (1 + d.below(5))
    const numbers = { m, n, k, transA, transB, accumulate, alpha: d.pick([1, -0.5]), precision, weight }
    const buffers = {
      a: d.weights(m * k),
      b: d.weights(n * k, undefined, 1, transB ? k : n),
      y: d.normals(m * n),
      bias: d.pick([null, d.weights(n)]),
    }
    return { buffers, numbers, outputs: { y: loose(precision) } }
  },
  rmsnorm: (d, size) => {
    const [rows, width] = [size(20), 1 + size(100)]
    const buffers = {
      x: d.normals(rows * width),
      w: d.weights(width),
      y: d.normals(rows * width),
      rstd: d.normals(rows),
    }
    return { buffers, numbers: { rows, width, eps: 1e-5, offset: d.below(2) }, outputs: { y: 2e-6, rstd: 1e-6 } }
  },
  rmsnormGrad: (d, size) => {
    const [rows, width] = [size(150), 1 + size(70)]
    const all = rows * width
    const buffers = {
      x: d.normals(all),
      w: d.weights(width),
      rstd: d.positive(rows),
      dy: d.normals(all),
      dx: d.normals(all),
      dw: d.pick([null, d.normals(width)]),
    }
    return {
      buffers,
      numbers: { rows, width, offset: d.below(2), accumulate: d.below(2) },
      outputs: { dx: tolerance, dw: tolerance },
    }
  },
  layernorm: (d, size) => {
    const [rows, width] = [size(20), 1 + size(100)]
    const buffers = {
      x: d.normals(rows * width, 2),
      w: d.weights(width),
      b: d.weights(width),
      y: d.normals(rows * width),
      mean: d.normals(rows),
      rstd: d.normals(rows),
    }
    return { buffers, numbers: { rows, width, eps: 1e-5 }, outputs: { y: 1e-5, mean: 1e-6, rstd: 1e-5 } }
  },
  layernormGrad: (d, size) => {
    const [rows, width] = [size(150), 1 + size(70)]
    const all = rows * width
    const buffers = {
      x: d.normals(all),
      w: d.weights(width),
      mean: d.normals(rows),
      rstd: d.positive(rows),
      dy: d.normals(all),
      dx: d.normals(all),
      dw: d.pick([null, d.normals(width)]),
      db: d.pick([null, d.normals(width)]),
    }
    return {
      buffers,
      numbers: { rows, width, accumulate: d.below(2) },
      outputs: { dx: tolerance, dw: tolerance, db: tolerance },
    }
  },
  ropeTable: (d, size) => {
    const [rows, half] = [size(20), size(33)]
    const frequencies = f32(Float32Array.from({ length: half }, (_, i) => 10000 ** (-i / Math.max(1, half))))
    const buffers = {
      positions: d.ids(rows, 100_000),
      frequencies,
      cos: d.normals(rows * half),
      sin: d.normals(rows * half),
    }
    return { buffers, numbers: { rows, half, scale: 1.25 }, outputs: { cos: 1e-6, sin: 1e-6 } }
  },
  rope: (d, size) => {
    const [rows, heads, half] = [size(20), 1 + d.below(4), size(33)]
    const width = 2 * half + d.below(5)
    const all = rows * heads * width
    const buffers = { x: d.normals(all), cos: d.normals(rows * half), sin: d.normals(rows * half), y: d.normals(all) }
    return { buffers, numbers: { rows, heads, width, half, sign: d.pick([1, -1]) }, outputs: { y: 1e-6 } }
  },
  attention: (d, size) => {
    const { rows, heads, width, numbers, buffers } = attentionShape(d, size)
    const y = f32(new Float32Array(rows * heads * width))
    return {
      buffers: { ...buffers, y, lse: f32(new Float32Array(rows * heads)) },
      numbers,
      // In bf16 weights are rounded before their sum is known, in the reference after.
      outputs: { y: numbers.precision === 1 ? 2e-2 : tolerance, lse: numbers.precision === 1 ? 2e-4 : 1e-5 },
    }
  },
  gated: (d, size) => {
    const n = size(100)
    return {
      buffers: { gate: d.normals(n, 3), up: d.normals(n), y: d.normals(n) },
      numbers: { n, kind: d.pick(gatedKinds) },
      outputs: { y: 1e-6 },
    }
  },
  gatedGrad: (d, size) => {
    const n = size(100)
    const buffers = {
      gate: d.normals(n, 3),
      up: d.normals(n),
      dy: d.normals(n),
      dGate: d.normals(n),
      dUp: d.normals(n),
    }
    return { buffers, numbers: { n, kind: d.pick(gatedKinds) }, outputs: { dGate: 2e-6, dUp: 1e-6 } }
  },
  logprobs: (d, size) => {
    const { rows, numbers, buffers } = headShape(d, size)
    return {
      buffers: { ...buffers, y: d.normals(rows), lse: d.normals(rows) },
      numbers,
      outputs: { y: loose(numbers.precision), lse: loose(numbers.precision) },
    }
  },
  logprobsWithGrad: (d, size) => {
    // Many rows are taken in slices.
    const many = d.below(8) === 0
    const { rows, vocab, width, numbers, buffers } = many
      ? headOf(d, 1100 + d.below(1300), 1 + d.below(6), 1 + d.below(40))
      : headShape(d, size)
    const dw = d.pick([null, d.normals(vocab * width)])
    // With bf16 products the gradient of the logits is rounded too, which the reference does not do.
    const allowed = numbers.precision === 1 ? 2e-2 : 3e-5
    return {
      buffers: { ...buffers, dy: d.normals(rows), y: d.normals(rows), dx: d.normals(rows * width), dw },
      numbers,
      outputs: { y: loose(numbers.precision), dx: allowed, dw: allowed },
    }
  },
  logits: (d, size) => {
    const { rows, vocab, numbers, buffers } = headShape(d, size)
    return {
      buffers: { x: buffers.x, w: buffers.w, y: d.normals(rows * vocab) },
      numbers,
      outputs: { y: loose(numbers.precision) },
    }
  },
  logitsLogprobs: (d, size) => {
    const [rows, vocab] = [size(20), 1 + d.pick([d.below(40), 1023, 1024, 1500])]
    return {
      buffers: { logits: d.normals(rows * vocab, 5), targets: d.ids(rows, vocab), y: d.normals(rows) },
      numbers: { rows, vocab },
      outputs: { y: 1e-6 },
    }
  },
  sampleTokens: (d, size) => {
    const [rows, vocab] = [size(20), 1 + d.pick([d.below(40), 700, 1500])]
    const settings = f32(
      Float32Array.from(
        { length: rows * 4 },
        (_, i) => [d.pick([0, 0.7, 1, 1.3]), d.pick([1, 0.9, 0.3]), d.pick([0, 0, 0.1]), 0][i % 4],
      ),
    )
    const topK = i32(Int32Array.from({ length: rows }, () => d.pick([0, 0, 1, 5, 200])))
    const keys = d.ids(rows * 4, 2 ** 31)
    const buffers = {
      logits: d.normals(rows * vocab, 3),
      settings,
      topK,
      keys,
      tokens: d.ids(rows, 9),
      logprobs: d.normals(rows),
      drawn: d.normals(rows),
    }
    return {
      buffers,
      numbers: { rows, vocab, seedLow: d.below(2 ** 32), seedHigh: 7 },
      outputs: { tokens: 0, logprobs: 1e-6, drawn: 1e-5 },
    }
  },
  topTokens: (d, size) => {
    const [rows, vocab] = [size(20), 1 + d.pick([d.below(40), 700, 1500])]
    const count = 1 + d.below(Math.min(vocab, 24))
    return {
      buffers: {
        logits: d.normals(rows * vocab, 3),
        tokens: d.ids(rows * count, 9),
        logprobs: d.normals(rows * count),
      },
      numbers: { rows, vocab, count },
      outputs: { tokens: 0, logprobs: 1e-6 },
    }
  },
  dropout: (d, size) => {
    const [rows, width] = [size(20), size(50)]
    const buffers = {
      x: d.normals(rows * width),
      y: d.normals(rows * width),
      rowIds: d.ids(rows, 1000),
      positions: d.ids(rows, 500),
    }
    return {
      buffers,
      numbers: { rows, width, rate: d.pick([0, 0.1, 0.5]), seedLow: d.below(2 ** 32), seedHigh: 3, stream: 11 },
      outputs: { y: 1e-6 },
    }
  },
  clipFactor: (d) => ({
    buffers: { sums: d.positive(5), y: d.normals(2) },
    numbers: { count: 5, maxNorm: d.pick([0, 0.5, 100]) },
    outputs: { y: 1e-6 },
  }),
  adamw: (d, size) => {
    const n = size(100)
    const buffers = { p: d.normals(n), m: d.normals(n), v: d.positive(n), g: d.normals(n), factor: f32([9, 0.5]) }
    const numbers = {
      n,
      learningRate: 0.01,
      beta1: 0.9,
      beta2: 0.99,
      eps: 1e-8,
      weightDecay: 0.1,
      step: 1 + d.below(5),
    }
    return { buffers, numbers, outputs: { p: 1e-6, m: 1e-6, v: 1e-6 } }
  },
  sgd: (d, size) => {
    const n = size(100)
    const buffers = { p: d.normals(n), m: d.pick([null, d.normals(n)]), g: d.normals(n), factor: f32([9, 0.5]) }
    return {
      buffers,
      numbers: { n, learningRate: 0.1, momentum: 0.9, weightDecay: 0.01 },
      outputs: { p: 1e-6, m: 1e-6 },
    }
  },
  lion: (d, size) => {
    const n = size(100)
    const buffers = { p: d.normals(n), m: d.normals(n), g: d.normals(n), factor: f32([9, 0.5]) }
    return {
      buffers,
      numbers: { n, learningRate: 0.01, beta1: 0.9, beta2: 0.99, weightDecay: 0.1 },
      outputs: { p: 1e-6, m: 1e-6 },
    }
  },
  multiplyAdds: (d, size) => {
    const n = 256 * size(2)
    return {
      buffers: { y: d.normals(n) },
      numbers: { n, steps: d.below(50), precision: d.below(2) },
      outputs: { y: 1e-5 },
    }
  },
  blockSums: (d, size) => {
    const n = d.below(4) * 65_536 + size(100)
    return { buffers: { x: d.positive(n), y: d.normals(Math.ceil(n / 65_536)) }, numbers: { n }, outputs: { y: 1e-5 } }
  },
}

/** Sizes of small cases hit the edges of vectors and tiles; `scale` > 1 makes work enough for several threads. */
const edges = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65]

export function makeCase(kernel: KernelName, seed: number, scale = 1): KernelCase {
  const d = draws(seed)
  const size = (most: number) =>
    scale > 1 ? most * scale : d.below(2) === 0 ? Math.min(most, d.pick(edges)) : d.below(most + 1)
  const make = caseMakers[kernel]
  if (!make) throw new Error(`no cases for ${kernel}`)
  const made = make(d, size)
  const label = `${kernel} #${seed} ${JSON.stringify(made.numbers)}`
  for (const [name, buffer] of Object.entries(made.buffers)) if (buffer === null) delete made.outputs[name]
  return { kernel, label, ...made }
}
