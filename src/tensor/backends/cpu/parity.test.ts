import { afterAll, describe, expect, test } from 'vitest'
import { caseMakers, makeCase } from '../../../../test/kernel-cases.ts'
import { draws, type KernelCase, runCase } from '../../../../test/kernel-run.ts'
import type { Backend, DType, Values } from '../../backend.ts'
import { type KernelName, kernelSpecs } from '../../kernels.ts'
import { widen } from '../reference/floats.ts'
import { openReferenceBackend } from '../reference/index.ts'
import { openCpuBackend } from './index.ts'
import { isas } from './isas.ts'

const reference = openReferenceBackend()
const backends: Backend[] = []
for (const isa of isas) {
  const opened = await openCpuBackend({ isa, threads: 1 }).catch((error) => error)
  // A processor without the instruction set cannot run it; anything else is a failure.
  if (opened.code !== 'E_ISA') backends.push(opened as Backend)
}
afterAll(() => {
  for (const backend of backends) backend.close()
})

const asNumbers = (values: Values, dtype: DType): ArrayLike<number> =>
  values instanceof Uint16Array ? widen(values, dtype as 'bf16' | 'f16') : values

/** The largest error relative to the largest magnitude (at least 0.1: inputs are near 1); infinite where one side is NaN. */
function error(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let most = 0.1
  let worst = 0
  for (let i = 0; i < want.length; i++) if (Number.isFinite(want[i])) most = Math.max(most, Math.abs(want[i]))
  for (let i = 0; i < want.length; i++) {
    if (Object.is(got[i], want[i]) || got[i] === want[i]) continue
    const difference = Math.abs(got[i] - want[i])
    worst = Math.max(worst, Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference)
  }
  return worst / most
}

/** The reference's answers, formed once for all instruction sets. */
const answers = new Map<string, Promise<Record<string, Values>>>()

async function compare(backend: Backend, made: KernelCase) {
  if (!answers.has(made.label)) answers.set(made.label, runCase(reference, made))
  const [got, want] = [await runCase(backend, made), await answers.get(made.label)!]
  for (const [name, allowed] of Object.entries(made.outputs)) {
    const { dtype } = made.buffers[name]!
    const off = error(asNumbers(got[name], dtype), asNumbers(want[name], dtype))
    expect(off, `${backend.isa}: ${name} of ${made.label}`).toBeLessThanOrEqual(allowed)
  }
}

test('an instruction set to test is always there', () => {
  expect(backends.map(({ isa }) => isa)).toContain('portable')
})

test('every kernel of the table is compiled, and every one has cases', () => {
  const all = Object.keys(kernelSpecs).sort()
  expect([...backends[0].kernels].sort()).toEqual(all)
  const gradients = ['attentionGrad', 'logprobsGrad']
  expect([...Object.keys(caseMakers), ...gradients].sort()).toEqual(all)
})

describe.each(backends.map((backend) => [backend.isa, backend] as const))(
  '%s agrees with the f64 reference',
  (_, backend) => {
    test.each(Object.keys(caseMakers) as KernelName[])('%s', async (kernel) => {
      for (let seed = 0; seed < 30; seed++) await compare(backend, makeCase(kernel, seed))
    })

    test('attentionGrad, from its own forward pass', async () => {
      for (let seed = 0; seed < 30; seed++) {
        const forward = makeCase('attention', seed)
        const { y, lse } = await runCase(reference, forward)
        const d = draws(seed + 1000)
        const { q, k, v, segments, spans } = forward.buffers as Record<
          string,
          NonNullable<KernelCase['buffers'][string]>
        >
        const { heads, keyHeads, width, ...rest } = forward.numbers
        const keyRows = k.values.length / (keyHeads * width)
        const buffers = {
          ...{ q, k, v, segments, spans },
          y: { dtype: 'f32' as const, values: Float32Array.from(y) },
          lse: { dtype: 'f32' as const, values: Float32Array.from(lse) },
          dy: d.normals(q.values.length),
          dq: d.normals(q.values.length),
          dk: d.normals(k.values.length),
          dv: d.normals(v.values.length),
        }
        const numbers: Record<string, number> = { heads, keyHeads, width, keyRows, ...rest }
        // In bf16 a difference in a rounded weight is a step of 2⁻⁹.
        const allowed = numbers['precision'] === 1 ? 2e-2 : 3e-5
        const outputs = { dq: allowed, dk: allowed, dv: allowed }
        await compare(backend, {
          kernel: 'attentionGrad',
          label: `attentionGrad #${seed} ${JSON.stringify(numbers)}`,
          buffers,
          numbers,
          outputs,
        })
      }
    })

    test('logprobsGrad, from its own forward pass', async () => {
      for (let seed = 0; seed < 30; seed++) {
        const forward = makeCase('logprobs', seed)
        const { lse } = await runCase(reference, forward)
        const d = draws(seed + 1000)
        const { x, w, targets } = forward.buffers as Record<string, NonNullable<KernelCase['buffers'][string]>>
        const buffers = {
          ...{ x, w, targets },
          lse: { dtype: 'f32' as const, values: Float32Array.from(lse) },
          dy: d.normals(targets.values.length),
          dx: d.normals(x.values.length),
          dw: d.pick([null, d.normals(w.values.length)]),
        }
        const numbers: Record<string, number> = { ...forward.numbers, accumulate: d.below(2) }
        // With bf16 products the gradient of the logits is rounded too, which the reference does not do.
        const allowed = numbers.precision === 1 ? 2e-2 : 3e-5
        const outputs: Record<string, number> = buffers.dw ? { dx: allowed, dw: allowed } : { dx: allowed }
        await compare(backend, {
          kernel: 'logprobsGrad',
          label: `logprobsGrad #${seed} ${JSON.stringify(numbers)}`,
          buffers,
          numbers,
          outputs,
        })
      }
    })
  },
)
