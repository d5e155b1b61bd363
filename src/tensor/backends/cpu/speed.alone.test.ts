import { readFileSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import type { Backend } from '../../backend.ts'
import type { KernelName } from '../../kernels.ts'
import { kernelCost, median } from '../../profile.ts'
import { openCpuBackend } from './index.ts'

/**
 * Guards the hot kernels: each takes turns with the loop that only multiplies and adds, and its share of that loop's speed
 * is held against the one recorded for the instruction set. A machine too busy to tell is neither good nor bad.
 */
// HONE_RECORD_SPEED=1 prints the shares of this machine. Products by tiles wait for memory, which others share: what is recorded
// of amx in bf16 is two thirds of what a quiet minute gave.
const recorded: Record<string, Record<string, number>> = JSON.parse(
  readFileSync(new URL('speed.json', import.meta.url), 'utf8'),
)
const rounds = 9
const backend = await openCpuBackend({ threads: 1 })
afterAll(() => backend.close())

interface Hot {
  name: string
  kernel: KernelName
  buffers: Record<string, number | null>
  numbers: Record<string, number>
  /** Keys that an attention's queries see. */
  pairs?: number
}

const floats = (length: number): number => {
  const y = backend.alloc('f32', length)
  backend.run('fill', { y, n: length, value: 0.01 })
  return y
}
const ints = (values: number[]): number => {
  const buffer = backend.alloc('i32', values.length)
  backend.write(buffer, Int32Array.from(values))
  return buffer
}

function product(name: string, precision: number, transA: number, transB: number): Hot {
  const [m, n, k] = transA ? [512, 512, 1026] : [1026, 512, 512]
  const shape = { m, n, k, transA, transB, accumulate: transA, alpha: 1, precision, weight: 0 }
  const buffers = { a: floats(m * k), b: floats(n * k), y: floats(m * n), bias: null }
  return { name, kernel: 'matmul', buffers, numbers: shape }
}

function head(name: string, precision: number): Hot {
  const [rows, width, vocab] = [256, 512, 4096]
  const buffers = {
    ...{ x: floats(rows * width), w: floats(vocab * width), targets: ints(new Array(rows).fill(7)), dy: floats(rows) },
    ...{ y: floats(rows), dx: floats(rows * width), dw: floats(vocab * width) },
  }
  return { name, kernel: 'logprobsWithGrad', buffers, numbers: { rows, width, vocab, softcap: 0, precision } }
}

function attentions(name: string, precision: number): Hot[] {
  const [length, heads, keyHeads, width] = [512, 8, 4, 64]
  const plan = { segments: ints([0, length, 0, 0, 1]), spans: ints([0, length]) }
  const [q, k, v] = [
    floats(length * heads * width),
    floats(length * keyHeads * width),
    floats(length * keyHeads * width),
  ]
  const [y, lse] = [floats(length * heads * width), floats(length * heads)]
  const numbers = { segmentCount: 1, heads, keyHeads, width, scale: 0.1, window: 0, softcap: 0, precision }
  const pairs = (length * (length + 1)) / 2
  const [dy, dq] = [floats(length * heads * width), floats(length * heads * width)]
  const [dk, dv] = [floats(length * keyHeads * width), floats(length * keyHeads * width)]
  return [
    { name: `${name} attention`, kernel: 'attention', buffers: { q, k, v, y, lse, ...plan }, numbers, pairs },
    {
      ...{ name: `${name} attention gradient`, kernel: 'attentionGrad', pairs },
      buffers: { q, k, v, y, lse, dy, dq, dk, dv, ...plan },
      numbers: { ...numbers, keyRows: length },
    },
  ]
}

const hot: Hot[] = [
  ...['f32', 'bf16'].flatMap((name, precision) => [
    product(`${name} forward`, precision, 0, 1),
    product(`${name} input gradient`, precision, 0, 0),
    product(`${name} weight gradient`, precision, 1, 0),
    head(`${name} vocabulary`, precision),
    ...attentions(name, precision),
  ]),
]

/** Seconds of each run of a kernel between runs of the loop, and the loop's: A B A B. */
async function interleave(on: Backend, one: Hot) {
  const lanes = 256 * 8
  const steps = 20_000
  const y = floats(lanes)
  const precision = one.numbers['precision'] ?? 0
  const loop = { y, n: lanes, steps, precision }
  on.run(one.kernel, { ...one.buffers, ...one.numbers } as never)
  on.run('multiplyAdds', loop)
  const profile = on.profile()
  for (let round = 0; round < rounds; round++) {
    on.run('multiplyAdds', loop)
    on.run(one.kernel, { ...one.buffers, ...one.numbers } as never)
  }
  const seconds = (await profile.stop()).map((time) => time.seconds)
  const { flops } = kernelCost(one.kernel, { ...one.buffers, ...one.numbers }, one.pairs)
  const peaks = seconds.filter((_, i) => i % 2 === 0).map((time) => ((precision ? 4 : 2) * lanes * steps) / time)
  const rates = seconds.filter((_, i) => i % 2 === 1).map((time) => (flops as number) / time)
  return { share: median(rates) / median(peaks), spread: Math.max(spreadOf(rates), spreadOf(peaks)) }
}

/** From the second lowest to the second highest, over the median. */
function spreadOf(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return (sorted[sorted.length - 2] - sorted[1]) / median(values)
}

/** Seconds before a kernel that was slow is measured again: a neighbour's load lasts longer than a measurement. */
const pauses = [1, 4, 15]

for (const one of hot) {
  test(`${one.name} keeps its share of the peak`, { timeout: 60_000 }, async (context) => {
    const known = recorded[backend.isa]?.[one.name]
    let { share, spread } = await interleave(backend, one)
    // Another process on the machine costs a kernel more than the loop, and goes away; a slow kernel stays slow.
    for (const seconds of pauses) {
      if (known === undefined || share > 0.75 * known) break
      context.task.meta.paused = (context.task.meta.paused ?? 0) + seconds
      await new Promise((resolve) => setTimeout(resolve, 1000 * seconds))
      ;({ share, spread } = await interleave(backend, one))
    }
    if (process.env['HONE_RECORD_SPEED']) console.log(`"${one.name}": ${share.toFixed(2)},`)
    if (known === undefined) context.skip(`unmeasured: nothing is recorded for ${backend.isa}`)
    if (spread > 0.2) context.skip(`unmeasured: the spread is ${(100 * spread).toFixed(0)} %`)
    expect(share, `share of peak, recorded ${known}`).toBeGreaterThan(0.75 * (known as number))
  })
}
