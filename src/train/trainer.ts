import { HoneError, joinPath, platform, random, throwIfAborted } from '../base/index.ts'
import type { RowInput, TokenTree } from '../batch/index.ts'
import type { Engine } from '../engine/index.ts'
import { evaluateObjective, type Objective, type Params, type ReadBatch } from '../objectives/index.ts'
import { openReferenceBackend, type ScheduleConfig, scheduleFactor } from '../tensor/index.ts'
import type { EvalEvent, StepEvent, TrainEvent, Training, WarningEvent } from './events.ts'
import { openPacker, type TeacherReader } from './prepare.ts'

/** Encoded rows in some order: all that a trainer knows of data. */
export interface TrainData {
  /** The rows of update `index` (from 0), in micro-batches, and how many epochs are done after it; null where none are left. */
  update(index: number): Promise<{ micros: RowInput[][]; epoch: number } | null>
  /**
   * For data that the model itself makes: what has to happen before update `index`, as the events that tell of it; none
   * where the rows are there.
   */
  prepare?(index: number, options: { signal?: AbortSignal }): Promise<TrainEvent[]>
  /** Writes the rows that cannot be made again into the folder of a checkpoint, and reads them. */
  save?(folder: string): Promise<void>
  load?(folder: string): Promise<void>
}

/** Gives the reference model's log-probs of a micro-batch's targets. */
export type ReferenceReader = (rows: readonly RowInput[]) => Promise<Float32Array>

export interface TrainerOptions<P extends Params> {
  engine: Engine
  objective: Objective<P>
  params: P
  data: TrainData
  totalSteps: number
  learningRate: number
  schedule: ScheduleConfig
  seed: number
  /** Whether the model drops anything, and so needs a seed for each update. */
  dropout: boolean
  reference?: ReferenceReader
  /** Where the objective learns from a teacher. */
  teacher?: TeacherReader
  /** Rows held out, already in micro-batches. */
  evaluation?: { micros: RowInput[][]; every: number | null; reference?: ReferenceReader }
  /** What there is to say of the data before the first update. */
  warnings?: WarningEvent[]
  /** Writes the result. */
  finish(folder: string): Promise<void>
}

/**
 * The one loop under supervised and preference tuning: update by update, an objective over packed rows. What differs
 * between them is the objective and how rows were encoded.
 */
export function createTrainer<P extends Params>(options: TrainerOptions<P>): Training {
  const { engine, objective, params, data, totalSteps, evaluation } = options
  const host = openReferenceBackend()
  const draws = random(options.seed, 'dropout')
  const pack = openPacker(options)
  let step = 0
  let owed = false
  /** Events that tell of what is done already: a checkpoint waits until they are told. */
  let untold: TrainEvent[] = []
  let state = objective.state

  async function update(signal?: AbortSignal): Promise<StepEvent | null> {
    const began = platform().elapsed()
    const rows = await data.update(step)
    if (!rows) return null
    const { micros, epoch } = rows
    const trees: TokenTree[] = []
    for (const micro of micros) trees.push(await pack(micro, step, signal))
    const reference: Float32Array[] = []
    for (const micro of micros) if (options.reference) reference.push(await options.reference(micro))
    const [low, high] = draws.words(step)
    const result = await engine.forwardBackward(trees, {
      objective,
      params,
      reference: options.reference ? reference : undefined,
      state,
      dropoutSeed: options.dropout ? low + (high & 0x1fffff) * 2 ** 32 : undefined,
      signal,
    })
    const learningRate = options.learningRate * scheduleFactor(step + 1, totalSteps, options.schedule)
    const { gradNorm } = await engine.optimStep({ learningRate })
    const { loss, metrics } = result
    state = result.state
    step++
    return {
      type: 'step',
      step,
      loss,
      learningRate,
      gradNorm,
      tokens: trees.reduce((sum, tree) => sum + tree.tokens.length, 0),
      lossTokens: trees.reduce((sum, tree) => sum + tree.targets.length, 0),
      seconds: platform().elapsed() - began,
      epoch,
      metrics,
    }
  }

  async function evaluate(signal?: AbortSignal): Promise<EvalEvent> {
    const parts: ReadBatch[] = []
    for (const rows of evaluation?.micros ?? []) {
      const tree = await pack(rows, 0, signal)
      const read = await engine.forward(tree, { signal })
      parts.push({ tree, ...read, reference: await evaluation?.reference?.(rows) })
    }
    const { loss, metrics } = await evaluateObjective(host, objective, params, parts, { state })
    return { type: 'eval', step, loss, metrics }
  }

  const evaluationDue = () =>
    evaluation !== undefined && (step === totalSteps || (evaluation.every !== null && step % evaluation.every === 0))

  return {
    totalSteps,
    get step() {
      return step
    },
    get owed() {
      return owed || untold.length > 0
    },
    async *run({ signal } = {}): AsyncGenerator<TrainEvent> {
      if (step === 0) yield* options.warnings ?? []
      for (;;) {
        // After a resume the evaluation of the last update may still be due.
        if (owed) {
          const event = await evaluate(signal)
          owed = false
          yield event
        }
        if (step >= totalSteps) return
        throwIfAborted(signal)
        untold = (await data.prepare?.(step, { signal })) ?? []
        for (let event = untold.shift(); event; event = untold.shift()) yield event
        throwIfAborted(signal)
        const event = await update(signal)
        if (!event) return
        owed = evaluationDue()
        yield event
      }
    },
    async save(folder) {
      await engine.save(folder)
      await data.save?.(folder)
      await platform().writeAtomic(joinPath(folder, 'trainer.json'), JSON.stringify({ step, owed, state }))
    },
    async load(folder) {
      const path = joinPath(folder, 'trainer.json')
      const saved = JSON.parse(await platform().readText(path)) as {
        step?: unknown
        owed?: unknown
        state?: Record<string, number>
      }
      if (!Number.isInteger(saved.step))
        throw new HoneError('E_CHECKPOINT', `${path} does not say which update it follows`)
      await engine.load(folder)
      await data.load?.(folder)
      step = saved.step as number
      owed = saved.owed === true
      state = saved.state ?? objective.state
    },
    finish: options.finish,
    async close() {
      host.close()
    },
  }
}
