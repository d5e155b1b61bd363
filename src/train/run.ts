import { isAbsolute, joinPath, platform } from '../base/index.ts'
import type { DataSource } from '../data/index.ts'
import { type OpenModel, openModel, requireReadout } from '../engine/index.ts'
import { exportHuggingFace, exportPeft } from '../export/index.ts'
import type { Objective, Params } from '../objectives/index.ts'
import { checkOutput, createRun } from '../runs/index.ts'
import { scheduleDefaults } from '../tensor/index.ts'
import { learningRates, type TrainConfig } from './config.ts'
import { type DriveResult, drive } from './drive.ts'
import type { TrainEvent } from './events.ts'
import type { TeacherReader } from './prepare.ts'
import { type PreparedRows, prepareRows } from './rows.ts'
import { createTrainer, type ReferenceReader } from './trainer.ts'

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

export interface Plan<P extends Params> {
  target: TrainTarget
  config: TrainConfig
  hooks: TrainHooks
  objective: Objective<P>
  params: P
  /** Makes the reader of reference log-probs, where the objective needs them, and what to close after. */
  reference?: (opened: OpenModel, rows: PreparedRows) => Promise<{ read: ReferenceReader; close?: () => Promise<void> }>
  /** Opens the model that is learnt from, where the objective has one. */
  teacher?: (opened: OpenModel) => Promise<{ read: TeacherReader; close: () => Promise<void> }>
}

/**
 * A training from its names to its result: opens the model, looks through the data, opens the run folder, and drives the
 * trainer. Whatever is wrong with the input is found before the run folder is made.
 */
export async function runTraining<P extends Params>(plan: Plan<P>): Promise<TrainResult> {
  const { target, config, hooks, objective, params } = plan
  const { signal, onProgress } = hooks
  await checkOutput(target.out, target)
  await using closers = new AsyncDisposableStack()
  const opened = closers.use(await openModel(target.model, openOptions(plan)))
  const { model, engine, tokenizer } = opened
  requireReadout(engine.readouts, objective)
  const maxLength = config.maxLength ?? model.config.contextLength
  const context = { tokenizer, template: opened.template, vocabSize: model.config.vocabSize, maxLength }
  const rows = await prepareRows({ data: target.data, config, objective, context, signal, onProgress })
  closers.defer(rows.close)
  const reference = await plan.reference?.(opened, rows)
  if (reference?.close) closers.defer(reference.close)
  const teacher = await plan.teacher?.(opened)
  if (teacher) closers.defer(teacher.close)

  const rates = learningRates[kindOf(objective)]
  const learningRate = config.learningRate ?? rates[config.adapter ?? 'full']
  const run = closers.use(
    await createRun<TrainEvent>(target.out, {
      kind: objective.id,
      config: { ...describeTarget(target), ...config, learningRate, maxLength, parameters: learningSize(opened) },
      environment: { ...engine.hardware, node: platform().name, arch: platform().arch },
      resume: target.resume,
      overwrite: target.overwrite,
    }),
  )
  const training = createTrainer({
    engine,
    objective,
    params,
    data: rows.train,
    totalSteps: rows.totalSteps,
    learningRate,
    schedule: { ...scheduleDefaults, kind: config.schedule, warmup: config.warmup },
    seed: config.seed,
    dropout: config.adapter !== null && config.dropout > 0,
    reference: reference?.read,
    teacher: teacher?.read,
    evaluation: rows.evaluation
      ? { micros: rows.evaluation, every: config.evalEvery, reference: reference?.read }
      : undefined,
    warnings: rows.warnings,
    finish: (folder) => writeResult(opened, folder, plan),
  })
  closers.defer(() => training.close())
  const result = await drive(training, {
    run,
    saveEvery: config.saveEvery,
    saveSeconds: config.saveSeconds,
    patience: config.patience,
    result: config.keepBest ? 'best' : 'last',
    signal,
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
