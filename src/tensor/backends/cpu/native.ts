import { createRequire } from 'node:module'
import type { Values } from '../../backend.ts'

/** A context of the native module: one executor with its threads and memory. */
export type NativeContext = { readonly native: unique symbol }

/** Kernels in the form that `replay` takes. */
export type NativeProgram = { readonly program: unique symbol }

/** The module's exports; see `native/door.cpp`. Every call but `open` and `close` only queues work. */
export interface NativeModule {
  /** Instruction sets that this processor has, the best first. */
  isas: string[]
  kernels: { name: string; buffers: string[]; numbers: string[] }[]
  open(threads: number, isa: string): NativeContext
  close(context: NativeContext): void
  enqueue(context: NativeContext, opcode: number, args: Float64Array): void
  /** Kernels one after another: for each its opcode and then its arguments, as `enqueue` takes them. */
  program(context: NativeContext, numbers: Float64Array): NativeProgram
  replay(context: NativeContext, program: NativeProgram): void
  alloc(context: NativeContext, id: number, dtype: number, length: number, width: number): void
  free(context: NativeContext, id: number): void
  write(context: NativeContext, id: number, offset: number, elementBytes: number, values: Values): void
  read<V extends Values>(context: NativeContext, id: number, offset: number, elementBytes: number, into: V): Promise<V>
  load(
    context: NativeContext,
    id: number,
    offset: number,
    path: string,
    fileOffset: number,
    dtype: number,
    length: number,
  ): Promise<unknown>
  idle(context: NativeContext): Promise<unknown>
  cancel(context: NativeContext): void
  /** Bytes taken from the system. */
  memory(context: NativeContext): number
  /** Times kernels from here on: (start, seconds) of each go to `times`, until the next call of this resolves the promise. */
  profile(context: NativeContext, times?: Float64Array): Promise<unknown> | undefined
}

export const loadNative = (path: string): NativeModule => createRequire(import.meta.url)(path) as NativeModule
