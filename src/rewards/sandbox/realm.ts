import { readFileSync } from 'node:fs'
import release from '@jitl/quickjs-wasmfile-release-sync'
import {
  newQuickJSWASMModuleFromVariant,
  newVariant,
  type QuickJSContext,
  type QuickJSHandle,
  type QuickJSRuntime,
  type QuickJSSyncVariant,
} from 'quickjs-emscripten-core'

const page = 1 << 16
/** What the engine itself needs beside the program's heap: its memory at the start. */
const own = 16 << 20
/** Of the five megabytes that the engine is linked with; a plain recursion gets as deep as in Node. */
const stack = 2 << 20
/** Its last words go into an error anyway. */
const quiet = { print() {}, printErr() {} } as object

let compiled: WebAssembly.Module | null = null
function wasmModule(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(
    readFileSync(new URL(import.meta.resolve('@jitl/quickjs-wasmfile-release-sync/wasm'))),
  )
  return compiled
}

/**
 * A QuickJS engine in a WebAssembly memory of its own that cannot grow past the limit. Its memory as it was after `setUp` is kept, and
 * put back before each program: none finds a trace of another, and nothing is set up twice.
 */
export class Engine<T> {
  #memory: WebAssembly.Memory
  #image: { at: number; bytes: Uint8Array }[]
  #stopped: () => boolean = () => false
  readonly limit: number
  readonly sides: T

  static async open<T>(limit: number, setUp: (realm: Realm) => T): Promise<Engine<T>> {
    const maximum = Math.min(1 << 16, Math.ceil((limit + own) / page))
    const wasmMemory = new WebAssembly.Memory({ initial: own / page, maximum })
    const module = await newQuickJSWASMModuleFromVariant(
      newVariant(release as unknown as QuickJSSyncVariant, {
        ...{ wasmModule: wasmModule(), wasmMemory, emscriptenModule: quiet },
      }),
    )
    return new Engine(module.newRuntime(), wasmMemory, limit, setUp)
  }

  private constructor(runtime: QuickJSRuntime, memory: WebAssembly.Memory, limit: number, setUp: (realm: Realm) => T) {
    runtime.setMemoryLimit(limit)
    runtime.setMaxStackSize(stack)
    runtime.setInterruptHandler(() => this.#stopped())
    this.#memory = memory
    this.limit = limit
    const realm = new Realm(runtime)
    this.sides = setUp(realm)
    // The last thing of the heap is not empty, so that the image ends where the heap does.
    realm.evaluate('new Uint8Array(1 << 16).fill(1)', 'hone')
    this.#image = imageOf(new Uint8Array(memory.buffer))
  }

  /** A memory never shrinks: one that a program has made larger is thrown away with it. */
  get isUsable(): boolean {
    return this.#memory.buffer.byteLength === own
  }

  /** The engine as it was in the beginning; `stopped` is asked again and again whether the program must end. */
  begin(stopped: () => boolean): T {
    this.#stopped = stopped
    const all = new Uint8Array(this.#memory.buffer)
    for (const { at, bytes } of this.#image) all.set(bytes, at)
    return this.sides
  }
}

/**
 * What a memory holds, but for its end and for its longest empty stretch: that one is the stack below its deepest use so far, where
 * whatever comes later writes before it reads.
 */
function imageOf(all: Uint8Array): { at: number; bytes: Uint8Array }[] {
  const words = new Uint32Array(all.buffer)
  let gap = { from: 0, to: 0 }
  let from = 0
  for (let at = 0; at < words.length; at++) {
    if (words[at] === 0) continue
    if (at - from > gap.to - gap.from) gap = { from, to: at }
    from = at + 1
  }
  const parts = [
    [0, gap.from * 4],
    [gap.to * 4, from * 4],
  ]
  return parts.map(([start, end]) => ({ at: start, bytes: all.slice(start, end) }))
}

/** What code threw, as text: an error's name, message and stack. */
export class Thrown extends Error {}

/** One global object with its own heap and queue of jobs. Values stay inside; the host sees texts. */
export class Realm {
  #runtime: QuickJSRuntime
  #context: QuickJSContext
  readonly global: QuickJSHandle
  readonly #undefined: QuickJSHandle

  constructor(runtime: QuickJSRuntime) {
    this.#runtime = runtime
    this.#context = runtime.newContext()
    // Made once, before the image: the context keeps them, and an address of later would be one of nothing.
    this.global = this.#context.global
    this.#undefined = this.#context.undefined
  }

  /** @throws Thrown */
  evaluate(code: string, file: string, type: 'global' | 'module' = 'global'): QuickJSHandle {
    return this.#unwrap(this.#context.evalCode(code, file, { type }))
  }

  /** @throws Thrown */
  call(target: QuickJSHandle, ...args: QuickJSHandle[]): QuickJSHandle {
    return this.#unwrap(this.#context.callFunction(target, this.#undefined, ...args))
  }

  /** Calls a function from texts to a text, and keeps nothing. @throws Thrown */
  ask(target: QuickJSHandle, ...args: string[]): string {
    const given = args.map((arg) => this.#context.newString(arg))
    try {
      const result = this.#unwrap(this.#context.callFunction(target, this.#undefined, ...given))
      const text = this.#context.getString(result)
      result.dispose()
      return text
    } finally {
      for (const handle of given) handle.dispose()
    }
  }

  get(object: QuickJSHandle, key: string): QuickJSHandle {
    return this.#context.getProp(object, key)
  }

  set(object: QuickJSHandle, key: string, value: QuickJSHandle): void {
    this.#context.setProp(object, key, value)
  }

  /** A function of the host over texts, which only `setUp` may make. What it throws is thrown inside. */
  host(work: (...args: string[]) => string): QuickJSHandle {
    const context = this.#context
    return context.newFunction('host', (...args) =>
      context.newString(work(...args.map((arg) => context.getString(arg)))),
    )
  }

  /** Runs what waits in the queue. @throws Thrown */
  runJobs(): void {
    const result = this.#runtime.executePendingJobs()
    if (result.error) {
      const told = describe((result.error.context as QuickJSContext).dump(result.error))
      result.error.dispose()
      throw new Thrown(told)
    }
    result.dispose()
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
