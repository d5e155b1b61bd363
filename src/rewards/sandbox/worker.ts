import { parentPort, workerData } from 'node:worker_threads'
import { type Engines, type Job, judge } from './judge.ts'
import { Engine, type Realm } from './realm.ts'
import { programSide, readSources, testSide } from './sides.ts'

const sources = readSources(workerData as string)
const sides = { program: programSide(sources), tests: testSide(sources) }
let engines: Engines | null = null

/** Fresh engines where there are none, where the limit is another, and where a program has made the memory larger. */
async function enginesFor({ limits: { memory } }: Job): Promise<Engines> {
  const open = async <T>(kept: Engine<T> | undefined, setUp: (realm: Realm) => T) =>
    kept?.isUsable && kept.limit === memory ? kept : await Engine.open(memory, setUp)
  engines = {
    program: await open(engines?.program, sides.program),
    tests: await open(engines?.tests, sides.tests),
  }
  return engines
}

parentPort?.on('message', async (job: Job) => {
  try {
    parentPort?.postMessage(judge(await enginesFor(job), job))
  } catch (error) {
    // The engine itself broke (memory, stack): its state is worth nothing.
    engines = null
    parentPort?.postMessage({ broken: error instanceof Error ? error.message : String(error) })
  }
})
