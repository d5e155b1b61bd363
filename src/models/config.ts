import { HoneError, joinPath, platform, showValue } from '../base/index.ts'
import { readJsonObject } from '../formats/json.ts'
import type { Architecture } from './architecture.ts'
import { type ConfigReader, configReader } from './config-reader.ts'
import { families } from './families/index.ts'
import { hasScore } from './score.ts'
import type { ModelConfig } from './types.ts'

const dtypes: Record<string, ModelConfig['dtype']> = { float32: 'f32', bfloat16: 'bf16', float16: 'f16' }

export interface ParsedConfig {
  config: ModelConfig
  architecture: Architecture
}

/**
 * Reads a config.json (and generation_config.json) that was already parsed.
 * @throws HoneError E_CONFIG naming the key, or the family that is not supported and those that are.
 */
export function parseModelConfig(
  source: Record<string, unknown>,
  { file = 'config.json', generation }: { file?: string; generation?: Record<string, unknown> } = {},
): ParsedConfig {
  const reader = configReader(source, file)
  const type = reader.text('model_type', '')
  if (!Object.hasOwn(families, type)) {
    const known = Object.keys(families).join(', ')
    const got = type === '' ? 'names no model_type' : `has model_type '${type}'`
    throw new HoneError('E_CONFIG', `${file} ${got}, expected one of ${known}`)
  }
  if (reader.has('quantization_config')) {
    throw new HoneError('E_CONFIG', `${file}: the weights are quantised, expected f32, bf16 or f16`, {
      help: 'Take the original model of which this is a quantised copy.',
    })
  }
  const score = hasScore(reader) && { score: true as const }
  const architecture: Architecture = { family: type, ...families[type].read(reader), ...score }
  check(architecture, file)
  const { vocabSize, width, layers, heads, keyHeads, headWidth, contextLength, tiedEmbeddings } = architecture
  const dtype = dtypes[reader.text('dtype', reader.text('torch_dtype', 'float32'))] ?? 'f32'
  const sizes = { vocabSize, width, layers, heads, keyHeads, headWidth, contextLength, tiedEmbeddings }
  const config = { family: type, ...sizes, dtype, eosIds: endIds(reader, generation), source }
  return { config, architecture }
}

/** Reads config.json and, where there is one, generation_config.json of a model's folder. */
export async function readModelConfig(folder: string): Promise<ParsedConfig> {
  const file = joinPath(folder, 'config.json')
  const source = await readJsonObject(file)
  const generationFile = joinPath(folder, 'generation_config.json')
  const generation = (await platform().stat(generationFile)) ? await readJsonObject(generationFile) : undefined
  return parseModelConfig(source, { file, generation })
}

function check({ heads, keyHeads, rope, names }: Architecture, file: string): void {
  if (heads % keyHeads !== 0) {
    throw new HoneError('E_CONFIG', `${file}: ${heads} query heads do not divide into ${keyHeads} key heads`)
  }
  if (!rope && !names.positions) throw new HoneError('E_CONFIG', `${file}: the model knows no positions`)
}

function endIds(config: ConfigReader, generation?: Record<string, unknown>): number[] {
  const value = generation?.['eos_token_id'] ?? config.raw['eos_token_id'] ?? []
  const ids = Array.isArray(value) ? value : [value]
  if (ids.every((id) => Number.isSafeInteger(id) && id >= 0)) return ids
  throw new HoneError('E_CONFIG', `${config.where}: eos_token_id is ${showValue(value)}, expected token ids`)
}
