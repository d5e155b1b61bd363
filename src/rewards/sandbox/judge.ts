import { type Engine, type Realm, Thrown } from './realm.ts'
import type { ProgramSide, TestSide } from './sides.ts'
import type { CodeTest, Limits, RunResult, TestVerdict } from './types.ts'

export interface Job {
  source: string
  limits: Limits
  stdin: string
  /** Absent: the program runs as a script. */
  tests?: readonly CodeTest[]
  setup: string
  entry: readonly string[]
}

export interface JobResult extends RunResult {
  verdicts: TestVerdict[]
}

/** Two engines: a program that found a way through its own memory would not find the tests there. */
export interface Engines {
  program: Engine<ProgramSide>
  tests: Engine<TestSide>
}

/** What holds for one program: how much it has printed, and whether its time is over. */
class Watch {
  said = { stdout: '', stderr: '' }
  ended: 'time' | 'output' | null = null
  broken: unknown = null
  #bytes = 0
  #most: number
  #deadline: number

  constructor({ output, seconds }: Limits) {
    this.#most = output
    this.#deadline = performance.now() + seconds * 1000
  }

  readonly isOver = () => {
    if (!this.ended && performance.now() > this.#deadline) this.ended = 'time'
    return this.ended !== null || this.broken !== null
  }

  /** What breaks the engine is no error of the program, which a test might expect. */
  guard<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      if (!(error instanceof Thrown)) this.broken ??= error
      throw error
    }
  }

  write(stream: string, text: string): void {
    const room = Math.max(0, this.#most - this.#bytes)
    this.#bytes += Buffer.byteLength(text)
    const isOver = this.#bytes > this.#most
    this.said[stream === 'stderr' ? 'stderr' : 'stdout'] += isOver ? text.slice(0, room) : text
    if (isOver) this.ended ??= 'output'
  }
}

/**
 * Runs one program to its end or a limit, and its tests. Never asynchronous: a worker does nothing else.
 * @throws whatever breaks an engine, which is then worth nothing
 */
export function judge({ program, tests }: Engines, job: Job): JobResult {
  const begun = performance.now()
  const watch = new Watch(job.limits)
  const verdicts = (job.tests ?? []).map((): TestVerdict => ({ passed: false, why: 'not reached' }))
  const side = program.begin(watch.isOver)
  side.host.write = (stream, text) => watch.write(stream, text)
  let exitCode = 0
  try {
    side.realm.ask(side.feed, job.stdin)
    load(side.realm, job.source)
    if (!job.tests) settle(side, () => false)
  } catch (error) {
    if (!(error instanceof Thrown)) throw error
    exitCode = 1
    watch.write('stderr', `${error.message}\n`)
    for (const verdict of verdicts) verdict.why = `the program did not load: ${error.message.split('\n')[0]}`
  }
  if (job.tests && exitCode === 0) runTests(side, tests.begin(watch.isOver), job, watch, verdicts)
  if (watch.broken !== null) throw watch.broken
  const ended = watch.ended ?? 'exit'
  const why = ended === 'time' ? 'the time was up' : 'it wrote more than it may'
  for (const verdict of verdicts) if (ended !== 'exit' && !verdict.passed) verdict.why = why
  return {
    ...watch.said,
    ...{ ended, exitCode: ended === 'exit' ? exitCode : null, signal: null, verdicts },
    seconds: (performance.now() - begun) / 1000,
  }
}

/** As a script; what exports as a module does is evaluated as one. */
function load(realm: Realm, source: string): void {
  if (!/^\s*(?:export|import)\b/m.test(source)) {
    realm.evaluate(source, 'program.js')
    return
  }
  const names = realm.evaluate(source, 'program.js', 'module')
  realm.set(realm.get(realm.global, 'module'), 'exports', names)
}

/** Jobs, then the next timer, until `isDone` or nothing is left. */
function settle({ realm, tick }: ProgramSide, isDone: () => boolean): boolean {
  do {
    realm.runJobs()
    if (isDone()) return true
  } while (realm.ask(tick) === 'true')
  return false
}

function runTests(program: ProgramSide, tests: TestSide, job: Job, watch: Watch, verdicts: TestVerdict[]): void {
  const { realm, host } = tests
  host.ask = (json) =>
    watch.guard(() => {
      let reply = program.realm.ask(program.serve, json)
      if (reply !== '') return reply
      const isSettled = settle(program, () => (reply = program.realm.ask(program.poll)) !== '')
      return isSettled ? reply : JSON.stringify({ e: ['Error', 'a promise that nothing settles'] })
    })
  host.find = (name) => watch.guard(() => program.realm.ask(program.find, name))
  program.host.ask = (json) => watch.guard(() => realm.ask(tests.serve, json))
  realm.ask(tests.begin, JSON.stringify(job.entry), job.setup)
  for (const [index, test] of (job.tests ?? []).entries()) {
    if (watch.isOver()) return
    let why: string | null = null
    host.done = (number, told) => {
      if (Number(number) === index) why = told.slice(0, 2000)
    }
    try {
      realm.ask(tests.run, String(index), JSON.stringify(test))
      realm.runJobs()
    } catch (error) {
      if (!(error instanceof Thrown)) throw error
      why = error.message.split('\n')[0]
    }
    // A verdict after the time is none: what interrupts a program may have been taken for its answer.
    if (watch.isOver()) return
    if (why === '') verdicts[index] = { passed: true, why: null }
    else verdicts[index].why = why ?? 'the test waits for what never comes'
  }
}
