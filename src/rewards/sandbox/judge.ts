import { readFileSync } from 'node:fs'
import { type Engine, type Realm, Thrown } from './realm.ts'
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
  program: Engine
  tests: Engine
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

  write(stream: 'stdout' | 'stderr', text: string): string {
    const room = Math.max(0, this.#most - this.#bytes)
    this.#bytes += Buffer.byteLength(text)
    this.said[stream] += this.#bytes > this.#most ? text.slice(0, room) : text
    if (this.#bytes > this.#most) this.ended ??= 'output'
    return ''
  }
}

/** Runs one program to its end or a limit, and its tests, in contexts that are thrown away. Never asynchronous: a worker does nothing else. */
export function judge(sources: Sources, { program, tests: trusted }: Engines, job: Job): JobResult {
  const begun = performance.now()
  const watch = new Watch(job.limits)
  const verdicts = (job.tests ?? []).map((): TestVerdict => ({ passed: false, why: 'not reached' }))
  const realm = program.newRealm(watch.isOver)
  let exitCode = 0
  try {
    const host = realm.host((stream, text) => watch.write(stream === 'stderr' ? 'stderr' : 'stdout', text))
    const surroundings = realm.call(realm.evaluate(sources.program, 'hone'), host, job.stdin)
    const tick = realm.get(surroundings, 'tick')
    /** Jobs, then the next timer, until `isDone` or nothing is left. */
    const settle = (isDone: () => boolean) => {
      do {
        realm.runJobs()
        if (isDone()) return true
      } while (realm.ask(tick) === 'true')
      return false
    }
    // The codec is made before the program can touch what it is made of.
    let asked: (json: string) => string = () => ''
    const wire = realm.call(
      realm.evaluate(sources.wire, 'hone'),
      realm.host((json) => asked(json)),
      realm.evaluate('true', 'hone'),
    )
    const giver = realm.evaluate(
      '({ encode }, { find }) => ((stringify) => (name) => stringify(encode(find(name))))(JSON.stringify)',
      'hone',
    )
    const give = realm.call(giver, wire, surroundings)
    try {
      load(realm, job.source)
      if (!job.tests) settle(() => false)
    } catch (error) {
      if (!(error instanceof Thrown)) throw error
      exitCode = 1
      watch.write('stderr', `${error.message}\n`)
      for (const verdict of verdicts) verdict.why = `the program did not load: ${error.message.split('\n')[0]}`
      if (job.tests) return result()
    }
    if (job.tests) {
      const serve = realm.get(wire, 'serve')
      const poll = realm.get(wire, 'poll')
      const answer = (json: string) => {
        let reply = watch.guard(() => realm.ask(serve, json))
        if (reply !== '') return reply
        const isSettled = settle(() => (reply = watch.guard(() => realm.ask(poll))) !== '')
        return isSettled ? reply : JSON.stringify({ e: ['Error', 'a promise that nothing settles'] })
      }
      const named = (name: string) => watch.guard(() => realm.ask(give, name))
      runTests(sources, trusted, job, watch, { answer, named, listen: (serve) => (asked = serve) }, verdicts)
    }
    return result()
  } finally {
    realm.dispose()
  }

  function result(): JobResult {
    if (watch.broken !== null) throw watch.broken
    const ended = watch.ended ?? 'exit'
    const why = watch.ended === 'time' ? 'the time was up' : 'it wrote more than it may'
    for (const verdict of verdicts) if (watch.ended && !verdict.passed) verdict.why = why
    return {
      ...watch.said,
      ...{ ended, exitCode: ended === 'exit' ? exitCode : null, signal: null, verdicts },
      seconds: (performance.now() - begun) / 1000,
    }
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

interface ProgramSide {
  answer(json: string): string
  named(name: string): string
  /** Gives the program a way to call functions that tests handed to it. */
  listen(serve: (json: string) => string): void
}

function runTests(
  sources: Sources,
  engine: Engine,
  job: Job,
  watch: Watch,
  { answer, named, listen }: ProgramSide,
  verdicts: TestVerdict[],
): void {
  const realm = engine.newRealm(watch.isOver)
  try {
    const host = realm.host(answer)
    const wire = realm.call(realm.evaluate(sources.wire, 'hone'), host, realm.evaluate('false', 'hone'))
    const serve = realm.get(wire, 'serve')
    listen((json) => realm.ask(serve, json))
    const parse = realm.evaluate('JSON.parse', 'hone')
    const entry = realm.call(parse, JSON.stringify(job.entry))
    const run = realm.call(realm.evaluate(sources.tester, 'hone'), wire, realm.host(named), entry)
    for (const [index, test] of (job.tests ?? []).entries()) {
      if (watch.isOver()) return
      let isDone = false
      const done = realm.host((why) => {
        isDone = true
        verdicts[index] = why === '' ? { passed: true, why: null } : { passed: false, why: why.slice(0, 2000) }
        return ''
      })
      try {
        realm.call(run, realm.call(parse, JSON.stringify(test)), job.setup, done)
        realm.runJobs()
        if (!isDone) verdicts[index] = { passed: false, why: 'the test waits for what never comes' }
      } catch (error) {
        if (!(error instanceof Thrown)) throw error
        verdicts[index] = { passed: false, why: error.message.split('\n')[0] }
      }
      // A verdict after the time is none: what interrupts a program may have been taken for its answer.
      if (watch.isOver()) verdicts[index] = { passed: false, why: null }
    }
  } finally {
    realm.dispose()
  }
}

export interface Sources {
  program: string
  wire: string
  tester: string
}

/** The parts that are written in the language of the programs. */
export function readSources(folder: string): Sources {
  const read = (name: string) => readFileSync(`${folder}/${name}.js`, 'utf8').replace(/^\/\*\*[\s\S]*?\*\/\s*;/, '')
  return { program: read('program'), wire: read('wire'), tester: read('tester') }
}
