import { parentPort, workerData } from 'node:worker_threads'
import { type Engines, type Job, judge, readSources } from './judge.ts'
import { Engine } from './realm.ts'

const sources = readSources(workerData as string)
let engines: Engines | null = null

/** Fresh engines where there are none, where the limit is another, and where a program has made the memory large. */
async function enginesFor({ limits: { memory } }: Job): Promise<Engines> {
  const open = async (kept?: Engine) =>
    kept && kept.limit === memory && !kept.isLarge && !kept.isSpoilt ? kept : await Engine.open(memory)
  engines = { program: await open(engines?.program), tests: await open(engines?.tests) }
  return engines
}

parentPort?.on('message', async (job: Job) => {
  try {
    parentPort?.postMessage(judge(sources, await enginesFor(job), job))
  } catch (error) {
    // The engine itself broke (memory, stack): its state is worth nothing.
    engines = null
    parentPort?.postMessage({ broken: error instanceof Error ? error.message : String(error) })
  }
})
