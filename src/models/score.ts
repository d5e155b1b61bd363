import { HoneError, random } from '../base/index.ts'
import { type Backend, Parameter } from '../tensor/index.ts'
import { scoreName } from './architecture.ts'
import type { ParsedConfig } from './config.ts'
import type { ConfigReader } from './config-reader.ts'
import { families } from './families/index.ts'

const CLASS = /ForSequenceClassification$/

/**
 * Whether a config.json is that of a reward model: a classifier of sequences with one label, as the reference stores them.
 * @throws HoneError E_CONFIG for one with more labels
 */
export function hasScore({ raw, where }: ConfigReader): boolean {
  const classes = Array.isArray(raw['architectures']) ? raw['architectures'] : []
  if (!classes.some((name) => typeof name === 'string' && CLASS.test(name))) return false
  const labels = raw['num_labels'] ?? Object.keys(raw['id2label'] ?? [0]).length
  if (labels === 1) return true
  throw new HoneError('E_CONFIG', `${where}: the model tells ${labels} labels apart, expected 1: a reward model`)
}

/**
 * The config of a decoder with a scalar head in the place of the vocabulary's. The reference reads the score at the last
 * token that is not `pad_token_id`, so that has to be an id that no answer ends with.
 */
export function withScore({ config, architecture }: ParsedConfig): ParsedConfig {
  if (architecture.score) return { config, architecture }
  const { source, eosIds } = config
  const spare = [source['pad_token_id'], source['bos_token_id']].find(
    (id, i) => typeof id === 'number' && (i === 0 || !eosIds.includes(id)),
  )
  return {
    architecture: { ...architecture, score: true },
    config: {
      ...config,
      source: {
        ...source,
        architectures: [
          families[config.family].className.replace(/(ForCausalLM|LMHeadModel)$/, 'ForSequenceClassification'),
        ],
        id2label: { 0: 'LABEL_0' },
        label2id: { LABEL_0: 0 },
        ...(spare !== undefined && { pad_token_id: spare }),
      },
    },
  }
}

/** A fresh scalar head, drawn from N(0, 1 / (D + 1)) (Stiennon et al. 2020, arXiv:2009.01325). */
export function drawScore(backend: Backend, width: number, seed: number, trainable: boolean): Parameter {
  const parameter = new Parameter(scoreName, backend, [1, width], 'f32', trainable)
  const { normal } = random(seed, scoreName)
  parameter.write(Float32Array.from({ length: width }, (_, i) => normal(i) / Math.sqrt(width + 1)))
  return parameter
}
