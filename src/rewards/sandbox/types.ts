export type Language = 'python' | 'javascript'

/** JSON as it crosses into a program. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** What one program may use. Each is a ceiling at which it is stopped, not an allowance that is set aside. */
export interface Limits {
  /** Wall time from start to end, tests included; default 10. */
  seconds: number
  /** Bytes of address space of each of a Python program's processes, or of a JavaScript program's heap; default 256 MiB. */
  memory: number
  /** Processes and threads that a Python program may have at once, its first one included; default 8. JavaScript has one. */
  processes: number
  /** Bytes on stdout and stderr together; default 1 MiB. */
  output: number
  /** Bytes of files in the scratch folder; default 16 MiB. JavaScript has no files. */
  scratch: number
}

export interface Program {
  language: Language
  source: string
}

export interface RunOptions {
  /** What stands on standard input; default nothing. */
  stdin?: string
  limits?: Partial<Limits>
  signal?: AbortSignal
}

/** How a program ended: by itself, by a signal, or stopped at a limit. */
export type Ending = 'exit' | 'signal' | 'time' | 'output'

export interface RunResult {
  ended: Ending
  /** Null unless it ended by itself. An uncaught error is 1. */
  exitCode: number | null
  /** Number of the signal, where one ended it. */
  signal: number | null
  stdout: string
  stderr: string
  seconds: number
}

/**
 * One test of a program. The right answer never enters the process or context of the program: values come out as data and are compared
 * outside.
 */
export type CodeTest =
  /** Statements in the program's language that raise nothing when it is right: `assert f(1) == 2`, `assert.equal(f(1), 2)`. */
  | { code: string }
  /** A call of a function with JSON arguments. `tolerance` is absolute and relative; default 0. A tuple counts as a list. */
  | { call: string; args: readonly Json[]; returns: Json; tolerance?: number }
  /** A run of its own; what is printed is compared but for spaces at the ends of lines and empty lines at the end. */
  | { stdin: string; stdout: string }

export interface TestOptions {
  /** Run before the tests of form `code`, on their side: imports, data, functions that compare. */
  setup?: string
  /**
   * Names under test. Only needed where the program's function has the name of one of the language's own (`sum`), which the tests
   * otherwise keep to themselves.
   */
  entry?: readonly string[]
  limits?: Partial<Limits>
  signal?: AbortSignal
}

export interface TestVerdict {
  passed: boolean
  /** Why not; null where it passed. */
  why: string | null
}

export interface TestReport {
  /** One for each test, in their order. */
  tests: TestVerdict[]
  passed: number
  seconds: number
}

/** What keeps programs in on this machine. */
export interface Isolation {
  kind: 'namespaces' | 'webassembly' | 'none'
  /** One sentence. */
  summary: string
}

/** What the two sides of one language share: the pool below runs either. */
export interface Runner {
  run(source: string, options: { stdin: string; limits: Limits; signal?: AbortSignal }): Promise<RunResult>
  /** Tests of the forms `code` and `call`, all against one load of the program. */
  test(source: string, tests: readonly CodeTest[], options: RunnerTestOptions): Promise<TestVerdict[]>
  close(): Promise<void>
}

export interface RunnerTestOptions {
  setup: string
  entry: readonly string[]
  limits: Limits
  signal?: AbortSignal
}
