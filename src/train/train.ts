import { HoneError } from '../base/index.ts'
import { parseConfig } from '../base/schema.ts'
import { type OpenModel, openModel } from '../engine/index.ts'
import { weightsHash } from '../models/index.ts'
import { type ObjectiveId, type ObjectiveParams, objectives, type Params, withParams } from '../objectives/index.ts'
import { type TrainConfig, trainConfig } from './config.ts'
import { cachedReference, liveReference } from './reference.ts'
import type { PreparedRows } from './rows.ts'
import { runTraining, type TrainHooks, type TrainResult, type TrainTarget } from './run.ts'

/** The keys of every training, the parameters of the objective (`hone objectives` lists them), and its reference. */
export type TrainOptions<I extends ObjectiveId> = TrainTarget &
  Partial<TrainConfig & ObjectiveParams<I>> & { reference?: string }

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
  })
}

type Configured = TrainConfig & { reference?: string }

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
    const other = await openModel(reference, { precision, threads: config.threads ?? undefined, signal, onProgress })
    if (other.tokenizer.fingerprint !== opened.tokenizer.fingerprint) {
      await other.close()
      throw new HoneError(
        'E_TOKENIZER_MISMATCH',
        `the reference ${reference} has another tokenizer than ${opened.folder}`,
        {
          help: 'Log-probs of two models compare only over the same tokens: choose a reference of the same family.',
        },
      )
    }
    return { read: liveReference(other.engine), close: other.close }
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
