import { HoneError } from '../base/index.ts'
import { parseConfig } from '../base/schema.ts'
import { packTree } from '../batch/index.ts'
import type { DataSource } from '../data/index.ts'
import { type OpenModel, openModel } from '../engine/index.ts'
import { weightsHash } from '../models/index.ts'
import {
  type Objective,
  type ObjectiveId,
  type ObjectiveParams,
  objectives,
  type Params,
  withParams,
} from '../objectives/index.ts'
import { type TrainConfig, trainConfig } from './config.ts'
import type { TeacherReader } from './prepare.ts'
import { cachedReference, liveReference } from './reference.ts'
import { type PreparedRows, prepareRows } from './rows.ts'
import { type Lessons, runTraining, type TrainHooks, type TrainResult, type TrainTarget } from './run.ts'
import type { ReferenceReader } from './trainer.ts'

/** The keys of every training, the parameters of the objective (`hone objectives` lists them), and its reference. */
export type TrainOptions<I extends ObjectiveId> = TrainTarget &
  Partial<TrainConfig & ObjectiveParams<I>> & { reference?: string; teacher?: string }

/**
 * Tunes a model by one of the objectives, on rows of the form that it reads. A reference, where it has one, is the model as
 * it stands at the start (its log-probs computed once and cached), the model without its adapter, or another model.
 *
 * @throws HoneError for anything wrong with the input, before the output folder is touched
 */
export function train<I extends ObjectiveId>(
  id: I,
  options: TrainOptions<I>,
  hooks: TrainHooks = {},
): Promise<TrainResult> {
  const objective = objectives[id]
  const { model, data, out, resume, overwrite, ...keys } = options
  const config = parseConfig(trainConfig(objective), keys, { what: id }) as Configured
  if (config.reference === 'adapter-off' && !config.adapter) {
    throw new HoneError('E_CONFIG', "reference is 'adapter-off' and there is no adapter", {
      help: 'Train one with adapter=lora, or take reference=cache.',
    })
  }
  return runTraining({
    target: { model, data, out, resume, overwrite },
    kind: id,
    config,
    hooks,
    objective,
    params: ownParams(objective, config),
    lessons: (opened, { maxLength }) => openRows(opened, { data, objective, config, hooks, maxLength }),
    teacher: config.teacher === undefined ? undefined : (opened) => openTeacher(opened, config, hooks),
  })
}

/** The values of an objective's own parameters among the keys of a training. */
export function ownParams<P extends Params>(objective: Objective<P>, config: object): P {
  const own = Object.keys(objective.params).map((name) => [name, (config as Params)[name]])
  return withParams(objective, Object.fromEntries(own))
}

type Configured = TrainConfig & { reference?: string; teacher?: string }

/** Supervised tuning on rows of text, of prompts with completions, of conversations, or of tokens. */
export const sft = (options: TrainOptions<'sft'>, hooks?: TrainHooks): Promise<TrainResult> =>
  train('sft', options, hooks)

/** Direct preference optimisation on rows with a chosen and a rejected answer. */
export const dpo = (options: TrainOptions<'dpo'>, hooks?: TrainHooks): Promise<TrainResult> =>
  train('dpo', options, hooks)

interface Reading {
  data: DataSource
  objective: Objective
  config: Configured
  hooks: TrainHooks
  maxLength: number
}

/** Rows of a file, and the log-probs that a reference gives for them. */
async function openRows(opened: OpenModel, { data, objective, config, hooks, maxLength }: Reading): Promise<Lessons> {
  const { model, tokenizer, template } = opened
  const context = { tokenizer, template, vocabSize: model.config.vocabSize, maxLength }
  const rows = await prepareRows({ data, config, objective, context, ...hooks })
  const { train, totalSteps, evaluation, warnings } = rows
  try {
    const reference = config.reference === undefined ? null : await openReference(opened, rows, config, hooks)
    const close = async () => {
      await reference?.close?.()
      await rows.close()
    }
    return { data: train, totalSteps, evaluation, warnings, reference: reference?.read, close }
  } catch (error) {
    await rows.close()
    throw error
  }
}

async function openReference(
  opened: OpenModel,
  rows: PreparedRows,
  config: Configured,
  { signal, onProgress }: TrainHooks,
): Promise<{ read: ReferenceReader; close?: () => Promise<void> }> {
  const { precision, reference = 'cache' } = config
  if (reference === 'adapter-off') return { read: liveReference(opened.engine, { adapter: false }) }
  if (reference !== 'cache') {
    const { engine, close } = await openBeside(opened, reference, config, { signal, onProgress })
    return { read: liveReference(engine), close }
  }
  const read = await cachedReference({
    engine: opened.engine,
    rows: await rows.all(),
    weightsHash: await weightsHash(opened.model),
    precision,
    microTokens: config.microTokens,
    signal,
    onProgress: onProgress && ((done, total) => onProgress(`reference log-probs ${done}/${total}`)),
  })
  return { read }
}

async function openTeacher(opened: OpenModel, config: Configured, hooks: TrainHooks) {
  const { engine, close } = await openBeside(opened, config.teacher ?? '', config, hooks)
  const read: TeacherReader = async (rows, count) => {
    const topk = Math.min(count, engine.config.vocabSize)
    return (await engine.forward(packTree(rows), { topk })).topk
  }
  return { read, close }
}

/**
 * Opens another model beside the one that learns, on its backend.
 * @throws HoneError E_TOKENIZER_MISMATCH
 */
export async function openBeside(
  opened: OpenModel,
  name: string,
  { precision }: Pick<TrainConfig, 'precision'>,
  hooks: Pick<TrainHooks, 'signal' | 'onProgress'>,
): Promise<OpenModel> {
  const other = await openModel(name, { precision, beside: opened, ...hooks })
  if (other.tokenizer.fingerprint === opened.tokenizer.fingerprint) return other
  await other.close()
  throw new HoneError('E_TOKENIZER_MISMATCH', `${name} has another tokenizer than ${opened.folder}`, {
    help: 'Log-probs of two models compare only over the same tokens: choose a model of the same family.',
  })
}
