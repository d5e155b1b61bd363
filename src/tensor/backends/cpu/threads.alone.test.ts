import { expect, test } from 'vitest'
import { caseMakers, makeCase } from '../../../../test/kernel-cases.ts'
import { draws, type KernelCase, runCase } from '../../../../test/kernel-run.ts'
import type { Values } from '../../backend.ts'
import type { KernelName } from '../../kernels.ts'
import { openCpuBackend } from './index.ts'
import { isas } from './isas.ts'

/** Sums of gradients and whole updates must not know how many threads there were: neither may one bit. */
async function acrossThreads(isa: string, made: KernelCase[]) {
  const results: Record<string, Values>[][] = []
  for (const threads of [1, 2, 3]) {
    const backend = await openCpuBackend({ isa, threads })
    const outputs: Record<string, Values>[] = []
    for (const one of made) outputs.push(await runCase(backend, one))
    results.push(outputs)
    backend.close()
  }
  for (const [i, one] of made.entries()) {
    for (const name of Object.keys(one.outputs)) {
      const bits = results.map((all) => new Uint8Array(all[i][name].buffer))
      expect(Buffer.compare(bits[0], bits[1]), `${isa}, ${one.label}: ${name}, 1 and 2 threads`).toBe(0)
      expect(Buffer.compare(bits[0], bits[2]), `${isa}, ${one.label}: ${name}, 1 and 3 threads`).toBe(0)
    }
  }
}

/** Cases of every kernel, large enough that the work is really shared; a size of a list grows more than one of a matrix. */
function largeCases(): KernelCase[] {
  const lists = [
    'fill',
    'copy',
    'axpy',
    'unary',
    'unaryGrad',
    'binary',
    'sumSquares',
    'gated',
    'gatedGrad',
    'adamw',
    'sgd',
    'lion',
  ]
  return (Object.keys(caseMakers) as KernelName[]).flatMap((kernel) =>
    lists.includes(kernel) ? [makeCase(kernel, 1, 1500)] : [1, 2].map((seed) => makeCase(kernel, seed, 5)),
  )
}

/** Gradients want the outputs of their forward pass. */
async function gradientCases(isa: string): Promise<KernelCase[]> {
  const backend = await openCpuBackend({ isa, threads: 1 })
  const made: KernelCase[] = []
  for (const seed of [1, 2, 3]) {
    const d = draws(seed + 50)
    const attention = makeCase('attention', seed, 3)
    const { y, lse } = await runCase(backend, attention)
    const { q, k, v } = attention.buffers
    const { keyHeads, width } = attention.numbers
    const floats = (values: Values) => ({ dtype: 'f32' as const, values })
    const gradients = {
      dy: d.normals(q!.values.length),
      dq: d.normals(q!.values.length),
      dk: d.normals(k!.values.length),
      dv: d.normals(v!.values.length),
    }
    const keyRows = k!.values.length / (keyHeads * width)
    made.push({
      kernel: 'attentionGrad',
      label: `attentionGrad #${seed}`,
      buffers: { ...attention.buffers, y: floats(y), lse: floats(lse), ...gradients },
      numbers: { ...attention.numbers, keyRows },
      outputs: { dq: 0, dk: 0, dv: 0 },
    })
    const logprobs = makeCase('logprobs', seed, 4)
    const head = await runCase(backend, logprobs)
    const { x, w, targets } = logprobs.buffers
    made.push({
      kernel: 'logprobsGrad',
      label: `logprobsGrad #${seed}`,
      buffers: {
        x,
        w,
        targets,
        lse: floats(head.lse),
        dy: d.normals(targets!.values.length),
        dx: d.normals(x!.values.length),
        dw: d.normals(w!.values.length),
      },
      numbers: { ...logprobs.numbers, accumulate: 1 },
      outputs: { dx: 0, dw: 0 },
    })
  }
  backend.close()
  return made
}

test('1, 2 and 3 threads give the same bits', async () => {
  const cases = largeCases()
  for (const isa of isas) {
    const known = await openCpuBackend({ isa, threads: 1 }).catch((error) => error)
    if (known.code === 'E_ISA') continue
    known.close()
    await acrossThreads(isa, [...cases, ...(await gradientCases(isa))])
  }
})
