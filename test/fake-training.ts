import { joinPath, platform } from '../src/base/index.ts'
import type { TrainEvent, Training } from '../src/train/events.ts'

export interface FakeOptions {
  totalSteps?: number
  evalEvery?: number
  /** Evaluation loss after a step; default falls steadily. */
  evalLoss?: (step: number) => number
  /** Update whose loss is NaN. */
  nonFiniteAt?: number
}

/**
 * A training without a model: its weights are a hash chain over the steps, so that two runs agree only when they took the
 * same steps once each and in order. It holds to the contract of `Training` to the letter.
 */
export function fakeTraining(options: FakeOptions = {}): Training & { readonly weights: string } {
  const { totalSteps = 7, evalEvery = 3, evalLoss = (step) => 10 / step, nonFiniteAt } = options
  let step = 0
  let weights = 'initial'
  let owed: TrainEvent[] = []

  function update(): TrainEvent {
    step++
    weights = platform().sha256().update(`${weights}/${step}`).digest()
    if (step % evalEvery === 0) {
      const loss = evalLoss(step)
      owed.push({ type: 'eval', step, loss, metrics: { accuracy: step / totalSteps } })
      owed.push({ type: 'sample', step, prompt: 'Say "hi" <b>now</b>', text: weights.slice(0, 12) })
    }
    const loss = step === nonFiniteAt ? Number.NaN : 5 / step
    const figures = { loss, learningRate: 1e-3, gradNorm: 1, tokens: 64, lossTokens: 32, seconds: 0.01 }
    return { type: 'step', step, ...figures, epoch: step / totalSteps, metrics: { margin: step } }
  }
  return {
    totalSteps,
    get step() {
      return step
    },
    get owed() {
      return owed.length > 0
    },
    get weights() {
      return weights
    },
    async *run({ signal } = {}) {
      for (;;) {
        if (signal?.aborted) return
        if (owed.length) yield owed.shift() as TrainEvent
        else if (step < totalSteps) yield update()
        else return
      }
    },
    async save(folder) {
      if ((await platform().list(folder)).length) throw new Error(`${folder} is not empty`)
      await platform().writeAtomic(joinPath(folder, 'weights.txt'), weights)
      await platform().writeAtomic(joinPath(folder, 'state.json'), JSON.stringify({ step, owed }))
    },
    async load(folder) {
      weights = await platform().readText(joinPath(folder, 'weights.txt'))
      const state = JSON.parse(await platform().readText(joinPath(folder, 'state.json')))
      step = state.step
      owed = state.owed
    },
    async finish(folder) {
      await platform().writeAtomic(joinPath(folder, 'config.json'), '{"model_type":"fake"}')
      await platform().writeAtomic(joinPath(folder, 'model.safetensors'), weights)
      await platform().makeFolder(joinPath(folder, 'extra'))
      await platform().writeAtomic(joinPath(folder, 'extra/notes.txt'), `after ${step}`)
    },
    close: async () => {},
  }
}
