import { HoneError, platform } from '../../../base/index.ts'
import { type Backend, type DType, isQuantised, type KernelTime, quantisedWidth, type Values } from '../../backend.ts'
import { type BufferId, type KernelName, kernelSpecs } from '../../kernels.ts'
import { buildNative } from './build.ts'
import { loadNative, type NativeModule } from './native.ts'

export interface CpuOptions {
  /** Threads that compute; default `HONE_THREADS`, else the number of processors. */
  threads?: number
  /** One of `isas`; default `HONE_ISA`, else the best that the processor has. */
  isa?: string
  /** Told in a line what takes long, which is compiling the kernels once. */
  onProgress?: (line: string) => void
}

/** Codes of the dtypes on the native side, and bytes of an element: on average, where elements share scales. */
const dtypes: Record<DType, { code: number; bytes: number }> = {
  f32: { code: 0, bytes: 4 },
  bf16: { code: 1, bytes: 2 },
  f16: { code: 2, bytes: 2 },
  i32: { code: 3, bytes: 4 },
  q8_0: { code: 4, bytes: 34 / 32 },
  nf4: { code: 5, bytes: 36 / 64 },
}

interface Slot {
  dtype: DType
  length: number
}

/** Where each kernel's arguments lie in the queue's array. */
interface Layout {
  opcode: number
  buffers: { name: string; optional: boolean }[]
  numbers: readonly string[]
}

/** Where this process found its kernels; looked up once, since that starts the compiler to ask its version. */
let built: Promise<string> | null = null

/**
 * Opens the native CPU backend; the first time on a machine its kernels are compiled. Several may be open at once.
 *
 * @throws HoneError E_NO_COMPILER, E_COMPILE, E_THREADS, E_ISA.
 */
export async function openCpuBackend(options: CpuOptions = {}): Promise<Backend> {
  const threads = threadCount(options.threads)
  built ??= buildNative(options.onProgress)
  const native = loadNative(
    await built.catch((error) => {
      built = null
      throw error
    }),
  )
  const isa = options.isa ?? platform().env('HONE_ISA') ?? native.isas[0]
  if (!native.isas.includes(isa)) {
    throw new HoneError(
      'E_ISA',
      `the instruction set '${isa}' was asked for; this processor has ${native.isas.join(', ')}`,
      {
        help: 'Leave HONE_ISA and the option isa away to take the best one.',
      },
    )
  }
  return connect(native, threads, isa)
}

function threadCount(given?: number): number {
  const named = platform().env('HONE_THREADS')
  const threads = given ?? (named ? Number(named) : platform().cpuCount)
  if (!Number.isInteger(threads) || threads < 1 || threads > 1024) {
    throw new HoneError('E_THREADS', `${given ?? `HONE_THREADS=${named}`} threads were asked for, expected 1 to 1024`)
  }
  return threads
}

function layouts(native: NativeModule): Map<KernelName, Layout> {
  const found = new Map<KernelName, Layout>()
  for (const [opcode, { name }] of native.kernels.entries()) {
    const spec = kernelSpecs[name as KernelName]
    if (!spec) continue
    const buffers = spec.buffers.map((key) => ({ name: key.replace(/\?$/, ''), optional: key.endsWith('?') }))
    found.set(name as KernelName, { opcode, buffers, numbers: spec.numbers })
  }
  return found
}

/** The native side's errors carry their code; to a user they are hone's own. */
function asHoneError(error: unknown): unknown {
  const { code, message } = error as { code?: string; message: string }
  return code?.startsWith('E_') ? new HoneError(code as `E_${string}`, message) : error
}

function connect(native: NativeModule, threads: number, isa: string): Backend {
  const context = native.open(threads, isa)
  const table = layouts(native)
  const slots = new Map<BufferId, Slot>()
  const args = new Float64Array(32)
  let nextId = 1
  let bytes = 0
  let open = true
  /** The kernels queued since a recording began, and the buffers freed meanwhile. */
  let recorded: { numbers: number[]; kernels: Pick<KernelTime, 'kernel' | 'args'>[]; freed: BufferId[] } | null = null
  /** The kernels queued since a profile began, in the order in which the native side times them. */
  let timed: Pick<KernelTime, 'kernel' | 'args'>[] | null = null

  const slotOf = (id: BufferId, what: string): Slot => {
    const slot = slots.get(id)
    if (slot) return slot
    throw new HoneError('E_BUFFER', `${what}: buffer ${id} is not allocated or was freed`)
  }
  const within = (slot: Slot, offset: number, length: number, what: string) => {
    if (
      Number.isInteger(offset) &&
      Number.isInteger(length) &&
      offset >= 0 &&
      length >= 0 &&
      offset + length <= slot.length
    )
      return
    throw new HoneError('E_BUFFER', `${what}: ${length} elements at ${offset} of a buffer of ${slot.length}`)
  }
  const settle = async <T>(promise: Promise<T>): Promise<T> => {
    try {
      return await promise
    } catch (error) {
      throw asHoneError(error)
    }
  }
  const checkOpen = () => {
    if (!open) throw new HoneError('E_CLOSED', 'the backend was closed')
  }

  return {
    name: 'cpu',
    isa,
    threads,
    kernels: new Set(table.keys()),

    alloc(dtype, length, width = length) {
      checkOpen()
      if (!Number.isSafeInteger(length) || length < 0 || length > 2 ** 46) {
        throw new HoneError('E_BUFFER', `alloc: a length of ${length} elements, expected a whole number from 0 on`)
      }
      if (isQuantised(dtype) && (width === 0 || width % quantisedWidth !== 0 || length % width !== 0)) {
        throw new HoneError(
          'E_BUFFER',
          `alloc: ${length} elements of ${dtype} in rows of ${width}, expected whole rows, a multiple of ${quantisedWidth} long`,
        )
      }
      const id = nextId++
      native.alloc(context, id, dtypes[dtype].code, length, width)
      slots.set(id, { dtype, length })
      bytes += length * dtypes[dtype].bytes
      return id
    },
    free(buffer) {
      checkOpen()
      const slot = slotOf(buffer, 'free')
      if (recorded) {
        recorded.freed.push(buffer)
        return
      }
      native.free(context, buffer)
      slots.delete(buffer)
      bytes -= slot.length * dtypes[slot.dtype].bytes
    },
    write(buffer, values, offset = 0) {
      checkOpen()
      const slot = slotOf(buffer, 'write')
      within(slot, offset, values.length, 'write')
      refuseBlocks(slot, 'write')
      native.write(context, buffer, offset, dtypes[slot.dtype].bytes, asStored(values, slot.dtype))
    },
    async read(buffer, offset, length) {
      checkOpen()
      const slot = slotOf(buffer, 'read')
      within(slot, offset, length, 'read')
      refuseBlocks(slot, 'read')
      const into = emptyValues(slot.dtype, length)
      return settle(native.read(context, buffer, offset, dtypes[slot.dtype].bytes, into))
    },
    async load(buffer, offset, source) {
      checkOpen()
      within(slotOf(buffer, 'load'), offset, source.length, 'load')
      const { code } = dtypes[source.dtype]
      await settle(native.load(context, buffer, offset, source.path, source.offset, code, source.length))
    },
    run(kernel, given) {
      checkOpen()
      const layout = table.get(kernel)
      if (!layout) throw new HoneError('E_KERNEL', `the cpu backend has no kernel '${kernel}'`)
      const values = given as unknown as Record<string, number | null | undefined>
      let at = 0
      for (const { name, optional } of layout.buffers) {
        const id = values[name] ?? 0
        if (!(optional && id === 0) && !slots.has(id)) slotOf(id, `${kernel}, ${name}`)
        args[at++] = id
      }
      for (const name of layout.numbers) {
        const value = values[name]
        if (typeof value !== 'number') throw new HoneError('E_KERNEL', `${kernel}: number '${name}' is missing`)
        args[at++] = value
      }
      native.enqueue(context, layout.opcode, args)
      const call = timed || recorded ? { kernel, args: { ...values } as KernelTime['args'] } : null
      if (call) timed?.push(call)
      if (call && recorded) {
        recorded.kernels.push(call)
        recorded.numbers.push(layout.opcode, ...args.subarray(0, at))
      }
    },
    record(work) {
      checkOpen()
      if (recorded) throw new HoneError('E_BACKEND', 'record: a recording is under way')
      const held = {
        numbers: [] as number[],
        kernels: [] as Pick<KernelTime, 'kernel' | 'args'>[],
        freed: [] as BufferId[],
      }
      recorded = held
      try {
        work()
      } finally {
        recorded = null
      }
      const program = native.program(context, Float64Array.from(held.numbers))
      return {
        replay() {
          checkOpen()
          native.replay(context, program)
          timed?.push(...held.kernels)
        },
        dispose: () => {
          for (const buffer of held.freed.splice(0)) if (open) this.free(buffer)
        },
      }
    },
    cancel() {
      checkOpen()
      native.cancel(context)
    },
    async idle() {
      checkOpen()
      await settle(native.idle(context))
    },
    stats: () => ({ buffers: slots.size, bytes, held: open ? native.memory(context) : 0 }),
    profile(most = 100_000) {
      checkOpen()
      const times = new Float64Array(2 * most)
      const filled = native.profile(context, times)
      const kernels: NonNullable<typeof timed> = []
      timed = kernels
      return {
        async stop() {
          native.profile(context)
          timed = null
          await filled
          return kernels.slice(0, most).map((run, i) => ({ ...run, begin: times[2 * i], seconds: times[2 * i + 1] }))
        },
      }
    },
    close() {
      if (!open) return
      open = false
      native.close(context)
      slots.clear()
      bytes = 0
    },
  }
}

function refuseBlocks({ dtype }: Slot, what: string): void {
  if (!isQuantised(dtype)) return
  throw new HoneError('E_BUFFER', `${what}: the buffer is ${dtype}; its values go in and out by the kernel copy`)
}

function emptyValues(dtype: DType, length: number): Values {
  if (dtype === 'f32') return new Float32Array(length)
  return dtype === 'i32' ? new Int32Array(length) : new Uint16Array(length)
}

/** The values in the array type that the buffer stores; doubles are rounded. */
function asStored(values: Values, dtype: DType): Values {
  if (dtype === 'f32') return values instanceof Float32Array ? values : Float32Array.from(values)
  if (dtype === 'i32') return values instanceof Int32Array ? values : Int32Array.from(values)
  if (values instanceof Uint16Array) return values
  throw new HoneError('E_BUFFER', `write: a ${dtype} buffer takes 16-bit patterns (Uint16Array)`)
}
