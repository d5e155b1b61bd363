import { HoneError } from '../base/index.ts'
import { parseConfig } from '../base/schema.ts'
import { type OpenModel, openModel } from '../engine/index.ts'
import { weightsHash } from '../models/index.ts'
import { dpo as objective } from '../objectives/index.ts'
import { type DpoConfig, dpoConfig, learningRates } from './config.ts'
import { cachedReference, liveReference } from './reference.ts'
import type { PreparedRows } from './rows.ts'
import { runTraining, type TrainHooks, type TrainResult, type TrainTarget } from './run.ts'

/**
 * Direct preference optimisation on rows with a chosen and a rejected answer. The reference is the model as it stands at
 * the start (its log-probs computed once and cached), the model without its adapter, or another model.
 *
 * @throws HoneError for anything wrong with the input, before the output folder is touched
 */
export function dpo(options: TrainTarget & Partial<DpoConfig>, hooks: TrainHooks = {}): Promise<TrainResult> {
  const { model, data, out, resume, overwrite, ...keys } = options
  const config = parseConfig(dpoConfig, keys, { what: 'dpo' })
  if (config.reference === 'adapter-off' && !config.adapter) {
    throw new HoneError('E_CONFIG', "reference is 'adapter-off' and there is no adapter", {
      help: 'Train one with adapter=lora, or take reference=cache.',
    })
  }
  return runTraining({
    target: { model, data, out, resume, overwrite },
    config,
    hooks,
    objective,
    params: { beta: config.beta },
    dataKind: 'preference',
    rates: learningRates.dpo,
    reference: (opened, rows) => openReference(opened, rows, config, hooks),
  })
}

async function openReference(
  opened: OpenModel,
  rows: PreparedRows,
  config: DpoConfig,
  { signal, onProgress }: TrainHooks,
) {
  const { precision, reference } = config
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
