import { parseConfig } from '../base/schema.ts'
import { sft as objective } from '../objectives/index.ts'
import { learningRates, type SftConfig, sftConfig } from './config.ts'
import { runTraining, type TrainHooks, type TrainResult, type TrainTarget } from './run.ts'

/**
 * Supervised tuning of a model on rows of text, of prompts with completions, of conversations, or of tokens.
 *
 * @throws HoneError for anything wrong with the input, before the output folder is touched
 */
export function sft(options: TrainTarget & Partial<SftConfig>, hooks: TrainHooks = {}): Promise<TrainResult> {
  const { model, data, out, resume, overwrite, ...keys } = options
  return runTraining({
    target: { model, data, out, resume, overwrite },
    config: parseConfig(sftConfig, keys, { what: 'sft' }),
    hooks,
    objective,
    params: {},
    dataKind: 'sft',
    rates: learningRates.sft,
  })
}
