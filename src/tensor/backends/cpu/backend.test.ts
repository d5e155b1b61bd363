import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { draws } from '../../../../test/kernel-run.ts'
import type { Backend } from '../../backend.ts'
import { type KernelName, kernelSpecs } from '../../kernels.ts'
import { buildNative } from './build.ts'
import { openCpuBackend } from './index.ts'
import { loadNative } from './native.ts'

let backend: Backend
let folder: string
beforeAll(async () => {
  backend = await openCpuBackend({ threads: 1 })
  folder = await mkdtemp(join(tmpdir(), 'hone-cpu-'))
  // Long enough to compile the kernels, should this be the first test to need them.
}, 240_000)
afterAll(async () => {
  backend.close()
  await rm(folder, { recursive: true })
})

const floats = (...values: number[]) => Float32Array.from(values)
const unary = (x: number, y: number, n: number, on = backend) => on.run('unary', { x, y, n, kind: 5 })

test('the native table has the names, order and counts of kernels.ts', async () => {
  const { kernels } = loadNative(await buildNative())
  const specs = Object.entries(kernelSpecs)
  expect(kernels).toEqual(
    specs.map(([name, { buffers, numbers }]) => ({ name, buffers: [...buffers], numbers: [...numbers] })),
  )
})

test('buffers: written at an offset, read in part, each dtype as stored', async () => {
  const a = backend.alloc('f32', 5)
  backend.write(a, floats(1, 2, 3, 4, 5))
  backend.write(a, Float64Array.of(9, 8), 3)
  expect(await backend.read(a, 1, 4)).toEqual(floats(2, 3, 9, 8))
  const h = backend.alloc('bf16', 2)
  backend.write(h, Uint16Array.of(0x3f80, 0xc000))
  expect(await backend.read(h, 0, 2)).toEqual(Uint16Array.of(0x3f80, 0xc000))
  const i = backend.alloc('i32', 2)
  backend.write(i, Int32Array.of(-5, 7))
  expect(await backend.read(i, 0, 2)).toEqual(Int32Array.of(-5, 7))
  expect(() => backend.write(h, floats(1, 2))).toThrow(expect.objectContaining({ code: 'E_BUFFER' }))
  expect(() => backend.write(a, floats(1), 5)).toThrow(expect.objectContaining({ code: 'E_BUFFER' }))
  await expect(backend.read(a, 3, 3)).rejects.toMatchObject({ code: 'E_BUFFER' })
  const empty = backend.alloc('f32', 0)
  expect(await backend.read(empty, 0, 0)).toEqual(new Float32Array(0))
  for (const id of [a, h, i, empty]) backend.free(id)
})

test('the values of a write are taken at once', async () => {
  const a = backend.alloc('f32', 1)
  const values = floats(1)
  backend.write(a, values)
  values[0] = 2
  expect(await backend.read(a, 0, 1)).toEqual(floats(1))
  backend.free(a)
})

test('statistics count what is allocated and not freed', async () => {
  const { held: _, ...before } = backend.stats()
  const ids = [backend.alloc('f32', 10), backend.alloc('bf16', 10)]
  expect(backend.stats()).toMatchObject({ buffers: before.buffers + 2, bytes: before.bytes + 60 })
  // What is taken from the system is known once the queue is empty.
  await backend.idle()
  expect(backend.stats().held).toBeGreaterThanOrEqual(before.bytes + 60)
  for (const id of ids) backend.free(id)
  expect(backend.stats()).toMatchObject(before)
})

test('use after free names the kernel and the argument, on both sides of the door', async () => {
  const x = backend.alloc('f32', 4)
  const y = backend.alloc('f32', 4)
  backend.free(x)
  expect(() => unary(x, y, 4)).toThrow(/unary, x/)
  expect(() => backend.free(x)).toThrow(expect.objectContaining({ code: 'E_BUFFER' }))
  const native = loadNative(await buildNative())
  const context = native.open(1, native.isas[0])
  const unaryCode = native.kernels.findIndex(({ name }) => name === 'unary')
  native.enqueue(context, unaryCode, Float64Array.of(123, 0, 4, 0))
  await expect(native.idle(context)).rejects.toMatchObject({
    code: 'E_BUFFER',
    message: expect.stringMatching(/unary: x is buffer 123/),
  })
  expect(() => native.enqueue(context, 9999, new Float64Array(20))).toThrow(TypeError)
  expect(() => native.enqueue(context, unaryCode, Float64Array.of(1, 2))).toThrow(TypeError)
  expect(() => native.enqueue({} as never, 0, new Float64Array(20))).toThrow(TypeError)
  native.close(context)
  expect(() => native.idle(context)).toThrow(expect.objectContaining({ code: 'E_CLOSED' }))
  backend.free(y)
})

test('a failure is told once by the next read or idle; kernels between are skipped', async () => {
  const x = backend.alloc('f32', 4)
  const y = backend.alloc('f32', 4)
  backend.write(x, floats(1, 2, 3, 4))
  backend.write(y, floats(0, 0, 0, 0))
  unary(x, y, 5)
  unary(x, y, 4)
  await expect(backend.idle()).rejects.toMatchObject({
    code: 'E_BUFFER',
    message: expect.stringMatching(/unary: x has 4 elements, expected at least 5/),
  })
  await backend.idle()
  expect(await backend.read(y, 0, 4)).toEqual(floats(0, 0, 0, 0))
  unary(x, y, 4)
  expect(await backend.read(y, 0, 4)).toEqual(floats(1, 4, 9, 16))
  backend.free(x)
  backend.free(y)
})

test('ids outside their range are reported, not read', async () => {
  const table = backend.alloc('f32', 6)
  const index = backend.alloc('i32', 2)
  const y = backend.alloc('f32', 4)
  for (const bad of [3, -1, 2 ** 31 - 1]) {
    backend.write(index, Int32Array.of(0, bad))
    backend.run('gatherRows', { x: table, index, y, count: 2, width: 2 })
    await expect(backend.idle()).rejects.toMatchObject({
      code: 'E_INDEX',
      message: expect.stringMatching(new RegExp(`index\\[1\\] is ${bad}, expected 0 … 2`)),
    })
  }
  for (const id of [table, index, y]) backend.free(id)
})

test('no number, however wrong, crashes a kernel or reads out of bounds', async () => {
  const d = draws(77)
  const wrong = [0, 1, -1, 0.5, 3, 7, 1e6, 2 ** 31, 2 ** 32, 2 ** 53, 1e300, Number.NaN, Number.POSITIVE_INFINITY]
  const native = loadNative(await buildNative())
  const context = native.open(2, native.isas[0])
  const ids = [1, 2, 3, 4, 5, 6, 7, 8]
  for (const id of ids) native.alloc(context, id, [0, 0, 0, 1, 2, 3, 3, 0][id - 1], 1 + d.below(40), 0)
  for (const id of [9, 10]) native.alloc(context, id, id - 5, 96, 32)
  let failures = 0
  for (let round = 0; round < 4000; round++) {
    const opcode = d.below(native.kernels.length)
    const { buffers, numbers } = native.kernels[opcode]
    const args = Float64Array.from([...buffers.map(() => d.below(12)), ...numbers.map(() => d.pick(wrong))])
    native.enqueue(context, opcode, args)
    await native.idle(context).catch((error) => {
      failures++
      expect(error.code).toMatch(/^E_(BUFFER|KERNEL|INDEX|MEMORY)$/)
    })
  }
  expect(failures).toBeGreaterThan(3000)
  native.close(context)
})

test('trees whose segments or spans are wrong are refused', async () => {
  const [q, y] = [backend.alloc('f32', 40), backend.alloc('f32', 40)]
  const lse = backend.alloc('f32', 10)
  const segments = backend.alloc('i32', 5)
  const spans = backend.alloc('i32', 2)
  const shape = { segmentCount: 1, heads: 1, keyHeads: 1, width: 4, scale: 1, window: 0, softcap: 0, precision: 0 }
  const attempt = async (s: number[], p: number[]) => {
    backend.write(segments, Int32Array.from(s))
    backend.write(spans, Int32Array.from(p))
    backend.run('attention', { q, k: q, v: q, y, lse, segments, spans, ...shape })
    await backend.idle()
  }
  await attempt([0, 10, 0, 0, 1], [0, 10])
  for (const [s, p] of [
    [
      [0, 11, 0, 0, 1],
      [0, 11],
    ],
    [
      [-1, 3, 0, 0, 1],
      [0, 3],
    ],
    [
      [0, 3, 0, 1, 1],
      [0, 3],
    ],
    [
      [0, 3, 0, 0, 1],
      [8, 3],
    ],
    [
      [0, 3, 1, 0, 1],
      [0, 3],
    ],
    [
      [0, 3, 0, 0, 1],
      [-2, 3],
    ],
    [
      [0, 3, -3, 0, 0],
      [0, 0],
    ],
  ]) {
    await expect(attempt(s, p), `${s} / ${p}`).rejects.toMatchObject({
      code: expect.stringMatching(/E_INDEX|E_KERNEL/),
    })
  }
  for (const id of [q, y, lse, segments, spans]) backend.free(id)
})

test('out of memory is an error, and the backend goes on', async () => {
  const huge = backend.alloc('f32', 2 ** 45)
  await expect(backend.idle()).rejects.toMatchObject({ code: 'E_MEMORY' })
  backend.free(huge)
  await expect(backend.idle()).rejects.toMatchObject({ code: 'E_BUFFER' })
  const x = backend.alloc('f32', 1)
  backend.write(x, floats(3))
  expect(await backend.read(x, 0, 1)).toEqual(floats(3))
  backend.free(x)
})

test('cancel drops kernels that have not begun; memory operations still happen', async () => {
  const n = 1 << 20
  const x = backend.alloc('f32', n)
  const last = backend.alloc('f32', 1)
  backend.run('fill', { y: x, n, value: 0.5 })
  backend.write(last, floats(7))
  for (let i = 0; i < 400; i++) backend.run('unary', { x, y: x, n, kind: 7 })
  backend.run('fill', { y: last, n: 1, value: 1 })
  backend.write(x, floats(42))
  backend.cancel()
  const begun = performance.now()
  expect(await backend.read(last, 0, 1)).toEqual(floats(7))
  expect(performance.now() - begun).toBeLessThan(1000)
  expect(await backend.read(x, 0, 1)).toEqual(floats(42))
  backend.run('fill', { y: last, n: 1, value: 2 })
  expect(await backend.read(last, 0, 1)).toEqual(floats(2))
  backend.free(x)
  backend.free(last)
})

test('load: a slice of a file, converted on the way; a short or missing file is told to the caller alone', async () => {
  const path = join(folder, 'weights.bin')
  const values = Float32Array.from({ length: 3000 }, (_, i) => i / 8 - 100)
  const halves = Uint16Array.from(new Uint32Array(values.buffer), (word) => word >>> 16)
  await writeFile(path, Buffer.concat([Buffer.from(values.buffer), Buffer.from(halves.buffer)]))
  const x = backend.alloc('f32', 3001)
  await backend.load(x, 1, { path, offset: 8, dtype: 'f32', length: 2998 })
  expect(await backend.read(x, 1, 2998)).toEqual(values.slice(2))
  await backend.load(x, 0, { path, offset: 12_000, dtype: 'bf16', length: 3000 })
  const widened = new Float32Array(Uint32Array.from(halves, (half) => half << 16).buffer)
  expect(await backend.read(x, 0, 3000)).toEqual(widened)
  const h = backend.alloc('bf16', 3000)
  await backend.load(h, 0, { path, offset: 12_000, dtype: 'bf16', length: 3000 })
  expect(await backend.read(h, 0, 3000)).toEqual(halves)
  await expect(backend.load(x, 0, { path, offset: 17_000, dtype: 'f32', length: 3000 })).rejects.toMatchObject({
    code: 'E_CORRUPT',
  })
  await expect(
    backend.load(x, 0, { path: join(folder, 'none'), offset: 0, dtype: 'f32', length: 1 }),
  ).rejects.toMatchObject({ code: 'E_NOT_FOUND' })
  await expect(backend.load(x, 3001, { path, offset: 0, dtype: 'f32', length: 1 })).rejects.toMatchObject({
    code: 'E_BUFFER',
  })
  await backend.idle()
  backend.free(x)
  backend.free(h)
})

test('memory is used again and does not grow from round to round', async () => {
  const other = await openCpuBackend({ threads: 1 })
  const resident = () => process.memoryUsage().rss
  let after = 0
  for (let round = 0; round < 60; round++) {
    const ids = [3, 5, 7].map((mega) => other.alloc('f32', mega * 1_000_000 + round * 1000))
    for (const y of ids) other.run('fill', { y, n: 3_000_000, value: round })
    await other.idle()
    for (const id of ids) other.free(id)
    if (round === 10) after = resident()
  }
  expect(resident() - after).toBeLessThan(150e6)
  other.close()
})

test('closing fails what still waits, at once, and refuses what comes after', async () => {
  const other = await openCpuBackend({ threads: 2 })
  const n = 1 << 22
  const x = other.alloc('f32', n)
  for (let i = 0; i < 300; i++) other.run('unary', { x, y: x, n, kind: 7 })
  const waiting = expect(other.idle()).rejects.toMatchObject({ code: 'E_CLOSED' })
  const begun = performance.now()
  other.close()
  expect(performance.now() - begun).toBeLessThan(1000)
  await waiting
  expect(() => other.alloc('f32', 1)).toThrow(expect.objectContaining({ code: 'E_CLOSED' }))
  other.close()
})

test('two backends at once do not disturb each other', async () => {
  const other = await openCpuBackend({ threads: 2 })
  const [a, b] = [backend.alloc('f32', 1000), other.alloc('f32', 1000)]
  for (let i = 0; i < 50; i++) {
    backend.run('fill', { y: a, n: 1000, value: i })
    other.run('fill', { y: b, n: 1000, value: -i })
  }
  expect(await Promise.all([backend.read(a, 999, 1), other.read(b, 999, 1)])).toEqual([floats(49), floats(-49)])
  backend.free(a)
  other.close()
})

test('unknown instruction sets and thread counts are refused', async () => {
  await expect(openCpuBackend({ isa: 'sse9' })).rejects.toMatchObject({
    code: 'E_ISA',
    message: expect.stringMatching(/portable/),
  })
  for (const threads of [0, -1, 1.5, Number.NaN])
    await expect(openCpuBackend({ threads })).rejects.toMatchObject({ code: 'E_THREADS' })
})

test('the main thread stays free while kernels run', async () => {
  const delay = monitorEventLoopDelay({ resolution: 5 })
  const n = 700
  const [a, y] = [backend.alloc('f32', n * n), backend.alloc('f32', n * n)]
  backend.run('fill', { y: a, n: n * n, value: 0.01 })
  await backend.idle()
  delay.enable()
  for (let i = 0; i < 20; i++) {
    backend.run('matmul', {
      a,
      b: a,
      y,
      bias: null,
      m: n,
      n,
      k: n,
      transA: 0,
      transB: 1,
      accumulate: 0,
      alpha: 1,
      precision: 0,
      weight: 0,
    })
  }
  await backend.idle()
  delay.disable()
  // The median, for neighbours on a shared machine delay single turns.
  expect(delay.percentile(50) / 1e6).toBeLessThan(50)
  backend.free(a)
  backend.free(y)
})

const script = (
  body: string,
) => `import { openCpuBackend } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)}
const backend = await openCpuBackend({ threads: 2 })
const y = backend.alloc('f32', 4)
backend.run('fill', { y, n: 4, value: 5 })
${body}`

test.each([
  [
    'left open and idle, a backend does not hold the process',
    "await backend.read(y, 0, 4); console.log('done')",
    'done\n',
  ],
  ['a pending read does', 'backend.read(y, 0, 4).then((values) => console.log(values[3]))', '5\n'],
  [
    'process.exit in the midst of work is clean',
    "const n = 1 << 22; const x = backend.alloc('f32', n); for (let i = 0; i < 500; i++) backend.run('unary', { x, y: x, n, kind: 7 }); backend.idle().catch(() => {}); console.log('bye'); process.exit(0)",
    'bye\n',
  ],
])('at the end of a process: %s', async (_, body, output) => {
  const path = join(folder, `script-${output.length}-${body.length}.ts`)
  await writeFile(path, script(body))
  const { stdout } = await promisify(execFile)(process.execPath, [path], { timeout: 20_000 })
  expect(stdout).toBe(output)
})

test('it works in worker threads, and ends with them', async () => {
  const run = () =>
    new Promise<string>((resolve, reject) => {
      const path = join(folder, 'worker.ts')
      const worker = new Worker(path)
      const messages: string[] = []
      worker.on('message', (message) => messages.push(message))
      worker.on('error', reject)
      worker.on('exit', (code) => resolve(`${messages.join()} ${code}`))
    })
  await writeFile(
    join(folder, 'worker.ts'),
    script(
      "import { parentPort } from 'node:worker_threads'\nparentPort.postMessage(String((await backend.read(y, 0, 4))[0]))",
    ),
  )
  expect(await Promise.all([run(), run()])).toEqual(['5 0', '5 0'])
  await writeFile(
    join(folder, 'stuck.ts'),
    script(
      "const n = 1 << 22; const x = backend.alloc('f32', n); for (let i = 0; i < 500; i++) backend.run('unary', { x, y: x, n, kind: 7 }); await backend.idle()",
    ),
  )
  const worker = new Worker(join(folder, 'stuck.ts'))
  await new Promise((resolve) => worker.once('online', resolve))
  await new Promise((resolve) => setTimeout(resolve, 300))
  await worker.terminate()
})

test('a kernel name the table lacks is refused', () => {
  expect(() => backend.run('nothing' as KernelName, {} as never)).toThrow(expect.objectContaining({ code: 'E_KERNEL' }))
})
