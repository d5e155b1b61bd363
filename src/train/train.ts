import { HoneError } from '../base/index.ts'
import { parseConfig } from '../base/schema.ts'
import { packTree } from '../batch/index.ts'
import { type OpenModel, openModel } from '../engine/index.ts'
import { weightsHash } from '../models/index.ts'
import { type ObjectiveId, type ObjectiveParams, objectives, type Params, withParams } from '../objectives/index.ts'
import { type TrainConfig, trainConfig } from './config.ts'
import type { TeacherReader } from './prepare.ts'
import { cachedReference, liveReference } from './reference.ts'
import type { PreparedRows } from './rows.ts'
import { runTraining, type TrainHooks, type TrainResult, type TrainTarget } from './run.ts'

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
  const { reference } = config
  if (reference === 'adapter-off' && !config.adapter) {
    throw new HoneError('E_CONFIG', "reference is 'adapter-off' and there is no adapter", {
      help: 'Train one with adapter=lora, or take reference=cache.',
    })
  }
  const own = Object.keys(objective.params).map((name) => [name, (config as unknown as Params)[name]])
  return runTraining({
    target: { model, data, out, resume, overwrite },
    config,
    hooks,
    objective,
    params: withParams(objective, Object.fromEntries(own)),
    reference: reference === undefined ? undefined : (opened, rows) => openReference(opened, rows, config, hooks),
    teacher: config.teacher === undefined ? undefined : (opened) => openTeacher(opened, config, hooks),
  })
}

type Configured = TrainConfig & { reference?: string; teacher?: string }

/** Supervised tuning on rows of text, of prompts with completions, of conversations, or of tokens. */
export const sft = (options: TrainOptions<'sft'>, hooks?: TrainHooks): Promise<TrainResult> =>
  train('sft', options, hooks)

/** Direct preference optimisation on rows with a chosen and a rejected answer. */
export const dpo = (options: TrainOptions<'dpo'>, hooks?: TrainHooks): Promise<TrainResult> =>
  train('dpo', options, hooks)

async function openReference(
  opened: OpenModel,
  rows: PreparedRows,
  config: Configured,
  { signal, onProgress }: TrainHooks,
) {
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

/** @throws HoneError E_TOKENIZER_MISMATCH */
async function openBeside(
  opened: OpenModel,
  name: string,
  { precision, threads }: Configured,
  hooks: Pick<TrainHooks, 'signal' | 'onProgress'>,
): Promise<OpenModel> {
  const other = await openModel(name, { precision, threads: threads ?? undefined, ...hooks })
  if (other.tokenizer.fingerprint === opened.tokenizer.fingerprint) return other
  await other.close()
  throw new HoneError('E_TOKENIZER_MISMATCH', `${name} has another tokenizer than ${opened.folder}`, {
    help: 'Log-probs of two models compare only over the same tokens: choose a model of the same family.',
  })
}
