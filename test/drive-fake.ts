/** A program to be killed: drives the fake training in the folder it is given, from wherever the last one was stopped. */
import { createRun } from '../src/runs/index.ts'
import { drive } from '../src/train/drive.ts'
import type { TrainEvent } from '../src/train/events.ts'
import { fakeTraining } from './fake-training.ts'

const training = fakeTraining({ totalSteps: 40, evalEvery: 4 })
const run = await createRun<TrainEvent>(process.argv[2], { kind: 'sft', config: { steps: 40 }, resume: true })
console.log('started')
await drive(training, { run, saveEvery: 1 })
await run.close()
