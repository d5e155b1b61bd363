import type { BufferId, KernelArgs, KernelName } from './kernels.ts'

/**
 * How a buffer is stored. The reference backend holds every float type as f64. `q8_0` (GGML's: 32 values share a scale in
 * f16, 8 bits each) and `nf4` (QLoRA's: 64 share one in f32, 4 bits each) are for frozen weights.
 */
export type DType = 'f32' | 'bf16' | 'f16' | 'i32' | QuantisedType
export type QuantisedType = 'q8_0' | 'nf4'

export const isQuantised = (dtype: DType): dtype is QuantisedType => dtype === 'q8_0' || dtype === 'nf4'
/** Rows of a quantised buffer are a multiple of this long. */
export const quantisedWidth = 32

export type Values = Float32Array | Float64Array | Int32Array | Uint16Array

/** Where a tensor's bytes lie in a file. */
export interface FileSlice {
  path: string
  /** Bytes from the start of the file. */
  offset: number
  dtype: Exclude<DType, QuantisedType>
  /** Elements. */
  length: number
}

export interface BackendStats {
  /** Buffers that were allocated and not freed, and their bytes. */
  buffers: number
  bytes: number
  /** Bytes that the backend has by now taken from the system: these, what kernels need beside them, and what is kept for later. */
  held: number
}

/** A kernel that ran. */
export interface KernelTime {
  kernel: KernelName
  args: Readonly<Record<string, number | null>>
  /** Seconds on a clock of the backend's own. */
  begin: number
  seconds: number
}

export interface Profile {
  /** Ends the timing once all that was queued is done. */
  stop(): Promise<KernelTime[]>
}

/** Kernels that can be queued again with one call, on the buffers that they had. */
export interface Recording {
  replay(): void
  /** Frees what was freed while it was recorded. */
  dispose(): void
}

/**
 * A connector to something that computes: buffers, and kernels over them. Every call but `read`, `load` and `idle`
 * returns at once: work is queued and done in order, on the backend's own threads.
 *
 * What a backend does not do: shapes, gradients, lifetimes, broadcasting rules, randomness of its own.
 */
export interface Backend {
  readonly name: string
  /** The instruction set in use; recorded in runs, since bits are promised within one. */
  readonly isa: string
  readonly threads: number
  /** The kernels it has. */
  readonly kernels: ReadonlySet<KernelName>

  /**
   * A buffer of `length` elements with undefined content. A quantised one has whole rows, `width` long; its values go in
   * by `load` and `copy` and out by `copy`, whole rows at a time, and the layout is the backend's own.
   */
  alloc(dtype: DType, length: number, width?: number): BufferId
  free(buffer: BufferId): void
  /** Copies the values at once; they may be changed after the call. A bf16 or f16 buffer takes its 16-bit patterns. */
  write(buffer: BufferId, values: Values, offset?: number): void
  /** The content as stored: f32 → Float32Array, bf16 and f16 → Uint16Array patterns, i32 → Int32Array; the reference: Float64Array. */
  read(buffer: BufferId, offset: number, length: number): Promise<Values>
  /** Fills a buffer from a file without a copy in JavaScript, converting to the buffer's dtype. */
  load(buffer: BufferId, offset: number, source: FileSlice): Promise<void>
  run<K extends KernelName>(kernel: K, args: KernelArgs<K>): void
  /**
   * Runs `work` and keeps the kernels that it queues. Buffers that it frees stay until the recording is disposed of, so
   * that a replay finds them; what it writes or reads is not part of the recording.
   */
  record(work: () => void): Recording
  /** Drops the queued kernels that have not begun (memory operations still happen): buffers they would write are undefined. */
  cancel(): void
  /** Resolves when all that was queued is done; rejects with the first error since the last read or idle. */
  idle(): Promise<void>
  stats(): BackendStats
  /** Times each kernel queued from here on, `most` at most. One profile at a time; `cancel` spoils it. */
  profile(most?: number): Profile
  /** Frees everything; the backend cannot be used after. */
  close(): void
}
