import { HoneError, platform } from '../base/index.ts'
import type { Json, Run } from '../runs/index.ts'
import type { EvalEvent, StepEvent, TrainEvent, Training } from './events.ts'

export interface DriveOptions {
  /** An open run; the caller closes it, and the training. */
  run: Run<TrainEvent>
  /** Updates between two checkpoints; none by step when it is null or absent. */
  saveEvery?: number | null
  /** Seconds after which an update is followed by a checkpoint in any case; default 600. */
  saveSeconds?: number
  /** Ends the training after this many evaluations without a new least loss. */
  patience?: number | null
  /** Which state becomes the result: that after the last update (default) or that of the least evaluation loss. */
  result?: 'last' | 'best'
  /** When it fires, the current update is finished and a checkpoint written; the result says `interrupted`. */
  signal?: AbortSignal
  /** Gets every event after it was put on the record. */
  onEvent?: (event: TrainEvent) => void
}

export interface DriveResult {
  /** Updates done, those before a resume included, as all figures here. */
  steps: number
  /** Loss of the last update. */
  loss: number | null
  /** Loss of the last evaluation. */
  evalLoss: number | null
  /** The least evaluation loss and its step. */
  best: { step: number; loss: number } | null
  /** Tokens run through the model in updates. */
  tokens: number
  /** Wall-clock seconds, evaluations and checkpoints included. */
  seconds: number
  /** Tokens by the seconds of updates alone. */
  tokensPerSecond: number
  out: string
  /** The signal fired before the end; the run can be resumed. */
  interrupted: boolean
  /** The run had already ended: nothing was done. */
  alreadyFinished: boolean
}

/** The driver's own part of a checkpoint. */
interface Progress {
  steps: number
  loss: number | null
  evalLoss: number | null
  best: { step: number; loss: number } | null
  evalsSinceBest: number
  stoppedEarly: boolean
  tokens: number
  seconds: number
  updateSeconds: number
}

const beginning: Progress = {
  steps: 0,
  loss: null,
  evalLoss: null,
  best: null,
  evalsSinceBest: 0,
  stoppedEarly: false,
  tokens: 0,
  seconds: 0,
  updateSeconds: 0,
}

/**
 * Runs a training to its end: records its events, writes checkpoints by step, by time and at each new least evaluation
 * loss, goes on from the run's latest checkpoint, stops early or on a signal, and puts the result into the output folder.
 * @throws E_NON_FINITE when a loss or a gradient is no number: the last good checkpoint stands. E_DISK_FULL likewise.
 */
export async function drive(training: Training, options: DriveOptions): Promise<DriveResult> {
  const { run, signal } = options
  if (run.report) {
    const { format: _, kind: __, ...figures } = run.report
    return { ...(figures as unknown as DriveResult), out: run.out, interrupted: false, alreadyFinished: true }
  }

  const progress: Progress = { ...beginning, ...(run.latest?.cursor as Partial<Progress> | undefined) }
  if (run.latest) await restore(training, run.latest)
  const session = openSession(training, options, progress)

  const wants = () => !signal?.aborted && (!progress.stoppedEarly || training.owed === true)
  try {
    if (wants()) {
      for await (const event of training.run({ signal })) {
        await session.take(event)
        if (!wants()) break
      }
    }
  } catch (error) {
    if (!(error instanceof HoneError && error.code === 'E_ABORTED' && signal?.aborted)) throw await session.fail(error)
  }
  // A training that stopped within an update it has not reported yet is left at the checkpoint before.
  if (training.step === progress.steps) await session.saveIfNew()
  const interrupted = Boolean(signal?.aborted) && !progress.stoppedEarly
  if (interrupted) return session.result(true)

  if (options.result === 'best') {
    const best = await run.bestCheckpoint()
    if (best && best.step !== training.step) await training.load(best.folder)
  }
  await run.publish((folder) => training.finish(folder))
  const result = session.result(false)
  const { out: _, interrupted: __, alreadyFinished: ___, ...figures } = result
  await run.finish(figures)
  return result
}

async function restore(training: Training, { folder, step }: { folder: string; step: number }): Promise<void> {
  await training.load(folder)
  if (training.step === step) return
  throw new HoneError('E_CORRUPT', `${folder} holds the state after update ${training.step}, expected ${step}`, {
    help: 'Delete that checkpoint to go on from the one before it.',
  })
}

function openSession(training: Training, options: DriveOptions, progress: Progress) {
  const { run, saveEvery = null, saveSeconds = 600, patience = null, onEvent } = options
  const begun = platform().elapsed()
  const before = progress.seconds
  let savedAt = begun
  let isNew = false
  let isDue = false
  let isBest = false

  const seconds = () => before + platform().elapsed() - begun
  const record = (event: TrainEvent) => {
    run.append(event)
    isNew = true
    onEvent?.(event)
  }
  const save = async () => {
    progress.seconds = seconds()
    const cursor = { ...progress } as unknown as Json
    await run.saveCheckpoint(progress.steps, (folder) => training.save(folder), { best: isBest, cursor })
    savedAt = platform().elapsed()
    isNew = false
    isDue = false
    isBest = false
  }

  const judge = ({ step, loss }: EvalEvent) => {
    progress.evalLoss = loss
    const isBetter = loss < (progress.best?.loss ?? Number.POSITIVE_INFINITY)
    if (isBetter) progress.best = { step, loss }
    isBest ||= isBetter
    progress.evalsSinceBest = isBetter ? 0 : progress.evalsSinceBest + 1
    if (patience !== null && progress.evalsSinceBest >= patience && !progress.stoppedEarly) {
      progress.stoppedEarly = true
      const message = `stopped after update ${step}: no better evaluation loss than ${progress.best?.loss} of update ${progress.best?.step} in ${patience} evaluations`
      record({ type: 'warning', code: 'W_EARLY_STOP', message })
    }
  }

  return {
    /** Puts an event on the record and saves when it is time to. */
    async take(event: TrainEvent): Promise<void> {
      if (event.type === 'step') refuseNonFinite(event)
      record(event)
      if (event.type === 'step') {
        progress.steps = event.step
        progress.loss = event.loss
        progress.tokens += event.tokens
        progress.updateSeconds += event.seconds
        const byStep = saveEvery !== null && event.step % saveEvery === 0
        isDue ||= byStep || platform().elapsed() - savedAt >= saveSeconds
      }
      if (event.type === 'eval') judge(event)
      // What was drawn cannot be drawn again once the weights have moved on.
      if (event.type === 'round') isDue = true
      // What is still to come of the same update is waited for: one checkpoint serves both reasons.
      if ((isBest || isDue) && !training.owed) await save()
    },
    /** Before the first update there is nothing to keep: a resume begins anew. */
    async saveIfNew(): Promise<void> {
      if (isNew && progress.steps > 0) await save()
    },
    /** The error to end with: a non-finite loss is put on the record and told where to go on from. */
    async fail(error: unknown): Promise<unknown> {
      if (!(error instanceof HoneError) || error.code !== 'E_NON_FINITE') {
        await run.flush().catch(() => {})
        return error
      }
      const good = run.latestStep()
      const kept = good === null ? 'no checkpoint was written before it' : `the checkpoint of update ${good} is kept`
      const message = `${error.message}; ${kept}`
      const help = error.help ?? 'Lower learningRate, lengthen warmup or set clip; look at the named batch.'
      try {
        record({ type: 'warning', code: error.code, message })
        await run.flush()
      } catch {
        // The record could not be written: the loss is the error to tell of.
      }
      return new HoneError('E_NON_FINITE', message, { help, cause: error })
    },
    result(interrupted: boolean): DriveResult {
      const { steps, loss, evalLoss, best, tokens, updateSeconds } = progress
      const tokensPerSecond = updateSeconds > 0 ? tokens / updateSeconds : 0
      const figures = { steps, loss, evalLoss, best, tokens, seconds: seconds(), tokensPerSecond }
      return { ...figures, out: run.out, interrupted, alreadyFinished: false }
    },
  }
}

function refuseNonFinite({ step, loss, gradNorm }: StepEvent): void {
  if (Number.isFinite(loss) && Number.isFinite(gradNorm)) return
  const got = Number.isFinite(loss) ? `the gradient norm ${gradNorm}` : `the loss ${loss}`
  throw new HoneError('E_NON_FINITE', `update ${step} gave ${got}, expected a finite number`)
}
