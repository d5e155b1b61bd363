import { readFileSync } from 'node:fs'
import release from '@jitl/quickjs-wasmfile-release-sync'
import {
  newQuickJSWASMModuleFromVariant,
  newVariant,
  type QuickJSContext,
  type QuickJSHandle,
  type QuickJSRuntime,
  type QuickJSSyncVariant,
  type QuickJSWASMModule,
} from 'quickjs-emscripten-core'

const page = 1 << 16
/** What the engine itself needs beside the program's heap. */
const own = 24 << 20
const stack = 2048 << 10

/** Its last words go into an error anyway. */
const quiet = { print() {}, printErr() {} } as object

let compiled: WebAssembly.Module | null = null
const wasmModule = () =>
  (compiled ??= new WebAssembly.Module(
    readFileSync(new URL(import.meta.resolve('@jitl/quickjs-wasmfile-release-sync/wasm'))),
  ))

/**
 * A QuickJS engine in a WebAssembly memory of its own that cannot grow past the limit. Kept from program to program, each of which gets
 * a fresh runtime, until one has made the memory large: it never shrinks.
 */
export class Engine {
  #module: QuickJSWASMModule
  #memory: WebAssembly.Memory
  readonly limit: number
  /** It could not clean up after a program. */
  isSpoilt = false

  static async open(limit: number): Promise<Engine> {
    const memory = new WebAssembly.Memory({
      initial: own / page,
      maximum: Math.min(65536, Math.ceil((limit + own) / page)),
    })
    const variant = newVariant(release as unknown as QuickJSSyncVariant, {
      wasmModule: wasmModule(),
      wasmMemory: memory,
      emscriptenModule: quiet,
    })
    return new Engine(await newQuickJSWASMModuleFromVariant(variant), memory, limit)
  }

  private constructor(module: QuickJSWASMModule, memory: WebAssembly.Memory, limit: number) {
    this.#module = module
    this.#memory = memory
    this.limit = limit
  }

  get isLarge(): boolean {
    return this.#memory.buffer.byteLength > own
  }

  newRealm(stopped: () => boolean): Realm {
    const runtime = this.#module.newRuntime()
    runtime.setMemoryLimit(this.limit)
    runtime.setMaxStackSize(stack)
    runtime.setInterruptHandler(stopped)
    return new Realm(runtime, () => {
      this.isSpoilt = true
    })
  }
}

/** What code threw, as text: an error's name, message and stack. */
export class Thrown extends Error {}

/** One global object with its own heap and queue of jobs. Values stay inside; the host sees texts. */
export class Realm {
  #runtime: QuickJSRuntime
  #context: QuickJSContext
  #held: QuickJSHandle[] = []
  #spoil: () => void

  constructor(runtime: QuickJSRuntime, spoil: () => void) {
    this.#runtime = runtime
    this.#spoil = spoil
    this.#context = runtime.newContext()
  }

  /** @throws Thrown */
  evaluate(code: string, file: string, type: 'global' | 'module' = 'global'): QuickJSHandle {
    return this.#keep(this.#unwrap(this.#context.evalCode(code, file, { type })))
  }

  /** @throws Thrown */
  call(target: QuickJSHandle, ...args: (QuickJSHandle | string)[]): QuickJSHandle {
    const given = args.map((arg) => (typeof arg === 'string' ? this.string(arg) : arg))
    return this.#keep(this.#unwrap(this.#context.callFunction(target, this.#context.undefined, ...given)))
  }

  /** Calls a function from text to text, and keeps nothing. @throws Thrown */
  ask(target: QuickJSHandle, ...args: string[]): string {
    const given = args.map((arg) => this.#context.newString(arg))
    try {
      const result = this.#unwrap(this.#context.callFunction(target, this.#context.undefined, ...given))
      const text = this.#context.getString(result)
      result.dispose()
      return text
    } finally {
      for (const handle of given) handle.dispose()
    }
  }

  string(value: string): QuickJSHandle {
    return this.#keep(this.#context.newString(value))
  }

  get(object: QuickJSHandle, key: string): QuickJSHandle {
    return this.#keep(this.#context.getProp(object, key))
  }

  set(object: QuickJSHandle, key: string, value: QuickJSHandle): void {
    this.#context.setProp(object, key, value)
  }

  get global(): QuickJSHandle {
    return this.#context.global
  }

  /** A function of the host over texts. What it throws is thrown inside. */
  host(work: (...args: string[]) => string): QuickJSHandle {
    const context = this.#context
    return this.#keep(
      context.newFunction('host', (...args) => context.newString(work(...args.map((arg) => context.getString(arg))))),
    )
  }

  /** Runs what waits in the queue. @throws Thrown */
  runJobs(): void {
    const result = this.#runtime.executePendingJobs()
    if (result.error) {
      const context = result.error.context as QuickJSContext
      const told = describe(context.dump(result.error))
      result.error.dispose()
      throw new Thrown(told)
    }
    result.dispose()
  }

  dispose(): void {
    try {
      for (const handle of this.#held) handle.dispose()
      this.#held = []
      this.#context.dispose()
      this.#runtime.dispose()
    } catch {
      // Some programs leave objects that QuickJS has lost count of; the engine asserts that there are none.
      this.#spoil()
    }
  }

  #keep(handle: QuickJSHandle): QuickJSHandle {
    this.#held.push(handle)
    return handle
  }

  #unwrap(result: ReturnType<QuickJSContext['evalCode']>): QuickJSHandle {
    if (!result.error) return result.value
    const told = describe(this.#context.dump(result.error))
    result.error.dispose()
    throw new Thrown(told)
  }
}

function describe(thrown: unknown): string {
  if (typeof thrown !== 'object' || thrown === null) return `${String(thrown)} was thrown`
  const { name, message, stack } = thrown as { name?: unknown; message?: unknown; stack?: unknown }
  const first = message === undefined ? JSON.stringify(thrown) : `${String(name ?? 'Error')}: ${String(message)}`
  const lines = typeof stack === 'string' ? stack.trimEnd().split('\n').filter(Boolean) : []
  return [first, ...lines.slice(0, 10), ...(lines.length > 10 ? ['    …'] : [])].join('\n')
}
