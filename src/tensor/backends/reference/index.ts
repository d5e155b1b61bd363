import { HoneError, platform } from '../../../base/index.ts'
import { throughBlocks } from '../../../formats/blocks.ts'
import { type Backend, type DType, type FileSlice, isQuantised, type KernelTime, type Values } from '../../backend.ts'
import { type BufferId, type KernelName, kernelSpecs } from '../../kernels.ts'
import { narrow, widen } from './floats.ts'
import { referenceKernels } from './kernels.ts'

interface Slot {
  dtype: DType
  data: Float64Array | Int32Array
  /** Length of its rows. */
  width: number
}

/**
 * The backend that the others are held against: every kernel written out plainly in f64, at once and on the calling
 * thread. It also evaluates objectives, whose tensors are small. What it does not do: speed.
 */
export function openReferenceBackend(): Backend {
  const slots = new Map<BufferId, Slot>()
  let nextId = 1
  let timed: KernelTime[] | null = null
  let recorded: { calls: [KernelName, Record<string, number | null>][]; freed: BufferId[] } | null = null

  const slot = (id: BufferId, what: string): Slot => {
    const found = slots.get(id)
    if (!found) throw new HoneError('E_BUFFER', `${what}: buffer ${id} is not allocated or was freed`)
    return found
  }

  return {
    name: 'reference',
    isa: 'f64',
    threads: 1,
    kernels: new Set(Object.keys(kernelSpecs) as KernelName[]),

    alloc(dtype, length, width = length) {
      slots.set(nextId, {
        dtype,
        width,
        data: dtype === 'i32' ? new Int32Array(length) : new Float64Array(length).fill(Number.NaN),
      })
      return nextId++
    },
    free(buffer) {
      slot(buffer, 'free')
      if (recorded) recorded.freed.push(buffer)
      else slots.delete(buffer)
    },
    write(buffer, values, offset = 0) {
      const { dtype, data } = slot(buffer, 'write')
      if (offset + values.length > data.length) {
        throw new HoneError('E_BUFFER', `write: ${offset} + ${values.length} values into a buffer of ${data.length}`)
      }
      data.set(values instanceof Uint16Array ? widen(values, dtype as 'bf16' | 'f16') : values, offset)
    },
    async read(buffer, offset, length) {
      return slot(buffer, 'read').data.slice(offset, offset + length)
    },
    async load(buffer, offset, source) {
      const held = slot(buffer, 'load')
      held.data.set(await readSlice(source), offset)
      if (isQuantised(held.dtype)) quantise(held, offset, source.length)
    },
    run(kernel, args) {
      const spec = kernelSpecs[kernel]
      const given = args as unknown as Record<string, number | null>
      recorded?.calls.push([kernel, { ...given }])
      const buffers: Record<string, Float64Array | Int32Array | null> = {}
      const dtypes: Record<string, DType> = {}
      for (const key of spec.buffers) {
        const name = key.endsWith('?') ? key.slice(0, -1) : key
        const id = given[name]
        if (id === null && key.endsWith('?')) buffers[name] = null
        else {
          const held = slot(id as BufferId, `${kernel}, ${name}`)
          buffers[name] = held.data
          dtypes[name] = held.dtype
        }
      }
      for (const name of spec.numbers) {
        if (typeof given[name] !== 'number') throw new HoneError('E_KERNEL', `${kernel}: number '${name}' is missing`)
      }
      const begin = timed ? platform().elapsed() : 0
      ;(referenceKernels[kernel] as (b: unknown, n: unknown) => void)(buffers, given)
      timed?.push({ kernel, args: { ...given }, begin, seconds: platform().elapsed() - begin })
      if (kernel === 'copy' && isQuantised(dtypes['y'])) {
        quantise(slot(given['y'] as BufferId, 'copy'), given['yOffset'] as number, given['n'] as number)
      }
      for (const [name, dtype] of Object.entries(dtypes)) {
        if ((dtype === 'bf16' || dtype === 'f16') && name === 'y') narrow(buffers[name] as Float64Array, dtype)
      }
    },
    record(work) {
      const held = { calls: [] as [KernelName, Record<string, number | null>][], freed: [] as BufferId[] }
      recorded = held
      try {
        work()
      } finally {
        recorded = null
      }
      return {
        replay: () => {
          for (const [kernel, args] of held.calls) this.run(kernel, args as never)
        },
        dispose: () => {
          for (const buffer of held.freed.splice(0)) this.free(buffer)
        },
      }
    },
    cancel() {},
    async idle() {},
    stats() {
      const bytes = [...slots.values()].reduce((sum, { data }) => sum + data.byteLength, 0)
      return { buffers: slots.size, bytes, held: bytes }
    },
    profile() {
      const times: KernelTime[] = []
      timed = times
      return {
        async stop() {
          timed = null
          return times
        },
      }
    },
    close: () => slots.clear(),
  }
}

/** Rounds whole rows in place to what their blocks can hold. */
function quantise({ dtype, data, width }: Slot, offset: number, length: number): void {
  const rows = Float32Array.from(data.subarray(offset, offset + length))
  data.set(throughBlocks(dtype as 'q8_0', rows, width), offset)
}

async function readSlice({ path, offset, dtype, length }: FileSlice): Promise<Values> {
  const width = dtype === 'f32' || dtype === 'i32' ? 4 : 2
  const file = await platform().open(path)
  try {
    const bytes = await file.read(offset, length * width)
    if (bytes.length < length * width) {
      throw new HoneError('E_CORRUPT', `${path} ends before byte ${offset + length * width}: the file is truncated`)
    }
    const aligned = bytes.slice().buffer
    if (dtype === 'f32') return new Float32Array(aligned)
    if (dtype === 'i32') return new Int32Array(aligned)
    return widen(new Uint16Array(aligned), dtype)
  } finally {
    await file.close()
  }
}
