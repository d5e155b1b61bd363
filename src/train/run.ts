import { isAbsolute, joinPath, platform } from '../base/index.ts'
import type { RowInput } from '../batch/index.ts'
import type { DataSource } from '../data/index.ts'
import { type OpenModel, openModel, requireReadout } from '../engine/index.ts'
import { exportHuggingFace, exportPeft } from '../export/index.ts'
import type { Objective, Params } from '../objectives/index.ts'
import { checkOutput, createRun, runPaths } from '../runs/index.ts'
import { scheduleDefaults } from '../tensor/index.ts'
import { learningRates, type TrainConfig } from './config.ts'
import { type DriveResult, drive } from './drive.ts'
import type { TrainEvent, WarningEvent } from './events.ts'
import type { TeacherReader } from './prepare.ts'
import { createTrainer, type ReferenceReader, type TrainData } from './trainer.ts'

/** What every training is called with besides its keys. */
export interface TrainTarget {
  /** A folder, a hub id, or a shipped model's name. */
  model: string
  /** Files, a hub id, or rows in memory. */
  data: DataSource
  /** The folder that will hold the result and, under `run/`, the run. */
  out: string
  resume?: boolean
  overwrite?: boolean
}

export interface TrainHooks {
  /** When it fires, the update under way is left out, a checkpoint is written and the result says `interrupted`. */
  signal?: AbortSignal
  onEvent?: (event: TrainEvent) => void
  /** Lines about what comes before the first update. */
  onProgress?: (line: string) => void
}

export interface TrainResult extends DriveResult {
  /** The run's own folder. */
  run: string
}

/** The keys that say how a model learns, whatever it learns from. */
export type LearningConfig = Pick<
  TrainConfig,
  | 'seed'
  | 'precision'
  | 'threads'
  | 'checkpoint'
  | 'template'
  | 'maxLength'
  | 'learningRate'
  | 'schedule'
  | 'warmup'
  | 'optimizer'
  | 'weightDecay'
  | 'clip'
  | 'momentum'
  | 'beta1'
  | 'beta2'
  | 'eps'
  | 'adapter'
  | 'rank'
  | 'alpha'
  | 'dropout'
  | 'targets'
  | 'rsLora'
  | 'quantize'
  | 'saveEvery'
  | 'saveSeconds'
  | 'saveDtype'
> &
  Partial<Pick<TrainConfig, 'evalEvery' | 'patience' | 'keepBest'>>

/** What is learnt from, looked through and ready. */
export interface Lessons {
  data: TrainData
  totalSteps: number
  /** Rows held out, in micro-batches. */
  evaluation?: RowInput[][] | null
  reference?: ReferenceReader
  warnings: WarningEvent[]
  close(): Promise<void>
}

export interface Plan<P extends Params> {
  target: TrainTarget
  /** What the run calls itself: an objective's id, or what is done with one. */
  kind: string
  config: LearningConfig
  hooks: TrainHooks
  objective: Objective<P>
  params: P
  /** What the record of the run names besides its keys. */
  record?: Readonly<Record<string, unknown>>
  /**
   * Opens what is learnt from.
   * @param maxLength longest row in tokens
   * @param runFolder where the run's own files will be
   */
  lessons(opened: OpenModel, context: { maxLength: number; runFolder: string }): Promise<Lessons>
  /** Opens the model that is learnt from, where the objective has one. */
  teacher?: (opened: OpenModel) => Promise<{ read: TeacherReader; close: () => Promise<void> }>
}

/**
 * A training from its names to its result: opens the model, looks through the data, opens the run folder, and drives the
 * trainer. Whatever is wrong with the input is found before the run folder is made.
 */
export async function runTraining<P extends Params>(plan: Plan<P>): Promise<TrainResult> {
  const { target, config, hooks, objective, params } = plan
  await checkOutput(target.out, target)
  await using closers = new AsyncDisposableStack()
  const opened = closers.use(await openModel(target.model, openOptions(plan)))
  const { model, engine } = opened
  requireReadout(engine.readouts, objective)
  const maxLength = config.maxLength ?? model.config.contextLength
  const lessons = await plan.lessons(opened, { maxLength, runFolder: runPaths(target.out).folder })
  closers.defer(lessons.close)
  const teacher = await plan.teacher?.(opened)
  if (teacher) closers.defer(teacher.close)

  const rates = learningRates[kindOf(objective)]
  const learningRate = config.learningRate ?? rates[config.adapter ?? 'full']
  const run = closers.use(
    await createRun<TrainEvent>(target.out, {
      kind: plan.kind,
      config: {
        ...describeTarget(target),
        ...plan.record,
        ...config,
        learningRate,
        maxLength,
        parameters: learningSize(opened),
      },
      environment: { ...engine.hardware, node: platform().name, arch: platform().arch },
      resume: target.resume,
      overwrite: target.overwrite,
    }),
  )
  const training = createTrainer({
    engine,
    objective,
    params,
    data: lessons.data,
    totalSteps: lessons.totalSteps,
    learningRate,
    schedule: { ...scheduleDefaults, kind: config.schedule, warmup: config.warmup },
    seed: config.seed,
    dropout: config.adapter !== null && config.dropout > 0,
    reference: lessons.reference,
    teacher: teacher?.read,
    evaluation: lessons.evaluation
      ? { micros: lessons.evaluation, every: config.evalEvery ?? null, reference: lessons.reference }
      : undefined,
    warnings: lessons.warnings,
    finish: (folder) => writeResult(opened, folder, plan),
  })
  closers.defer(() => training.close())
  const result = await drive(training, {
    run,
    saveEvery: config.saveEvery,
    saveSeconds: config.saveSeconds,
    patience: config.patience,
    result: config.keepBest ? 'best' : 'last',
    signal: hooks.signal,
    onEvent: hooks.onEvent,
  })
  return { ...result, run: run.folder }
}

function kindOf({ form, reads }: Pick<Objective, 'form' | 'reads'>): keyof typeof learningRates {
  if (reads === 'score') return 'rewards'
  return form === 'demonstrations' ? 'demonstrations' : 'preferences'
}

function openOptions<P extends Params>({ config, hooks, objective }: Plan<P>) {
  const { rank, alpha, dropout, targets, rsLora } = config
  const { optimizer: kind, weightDecay, clip, momentum, beta1, beta2, eps } = config
  return {
    train: config.adapter ? ('adapter' as const) : ('full' as const),
    score: objective.reads === 'score',
    lora: config.adapter ? { rank, alpha, dropout, targets, rsLora } : undefined,
    quantize: config.quantize ?? undefined,
    seed: config.seed,
    precision: config.precision,
    checkpoint: config.checkpoint,
    threads: config.threads ?? undefined,
    template: config.template ?? undefined,
    optimizer: { kind, weightDecay, clip, momentum, beta1, beta2, eps },
    signal: hooks.signal,
    onProgress: hooks.onProgress,
  }
}

/** Model and data as the record names them: rows in memory by their number and content. */
function describeTarget({ model, data }: TrainTarget): Record<string, unknown> {
  if (typeof data === 'string') return { model, data }
  const hash = platform().sha256().update(JSON.stringify(data)).digest()
  return { model, data: `${data.length} rows in memory, sha256 ${hash.slice(0, 16)}` }
}

const learningSize = ({ model }: OpenModel) => model.trainable().reduce((sum, { size }) => sum + size, 0)

async function writeResult({ model, template, base }: OpenModel, folder: string, plan: Writing): Promise<void> {
  const { target, config } = plan
  const files = config.template && template ? [{ name: 'chat_template.jinja', content: template.source }] : []
  if (model.adapter) await exportPeft(model, folder, { base: await lastingName(target.model), files })
  else {
    await exportHuggingFace(model, folder, { dtype: config.saveDtype ?? undefined, sourceFolder: base })
    for (const { name, content } of files) await platform().writeAtomic(joinPath(folder, name), content)
  }
}

type Writing = Pick<Plan<Params>, 'target' | 'config'>

/** How an adapter names its base: a folder by its whole path, a hub id or shipped model as it is. */
async function lastingName(name: string): Promise<string> {
  const isFolder = (await platform().stat(name))?.kind === 'folder'
  return isFolder && !isAbsolute(name) ? joinPath(platform().workingFolder(), name) : name
}
