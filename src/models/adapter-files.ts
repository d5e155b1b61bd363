import { HoneError, joinPath, platform, showValue } from '../base/index.ts'
import { fromFloat32, openSafetensors, type TensorEntry, writeSafetensors } from '../formats/index.ts'
import { readJsonObject } from '../formats/json.ts'
import type { Parameter } from '../tensor/index.ts'
import { scoreName } from './architecture.ts'
import { type ConfigReader, configReader } from './config-reader.ts'
import { allocateAdapter, PREFIX, putOn, targetList } from './lora.ts'
import type { Adapter, LoraConfig, Model } from './types.ts'

const CONFIG = 'adapter_config.json'
const WEIGHTS = 'adapter_model.safetensors'

/** Keys of PEFT's LoRA config that are read below, that only describe, or that only matter before training. */
const known = new Set(
  `peft_type task_type auto_mapping peft_version base_model_name_or_path revision inference_mode r target_modules
  lora_alpha lora_dropout fan_in_fan_out use_rslora init_lora_weights megatron_core qalora_group_size runtime_config
  eva_config corda_config lora_ga_config`.split(/\s+/),
)
/** Values of `init_lora_weights` that leave the base weights as they were. */
const harmlessInits: unknown[] = [undefined, null, true, false, 'gaussian', 'orthogonal', 'eva']

const isNeutral = (value: unknown) =>
  value === null ||
  value === false ||
  value === 'none' ||
  value === 0 ||
  (typeof value === 'object' && Object.keys(value as object).length === 0)

function readAdapterConfig(config: ConfigReader): LoraConfig {
  const refuse = (key: string, expected: string) => {
    const got = `${config.where}: ${key} is ${showValue(config.raw[key])}`
    return new HoneError('E_ADAPTER', `${got}, which is not supported; expected ${expected}`)
  }
  if (config.text('peft_type', 'LORA') !== 'LORA') throw refuse('peft_type', 'LORA')
  for (const [key, value] of Object.entries(config.raw)) {
    if (key === 'modules_to_save' && savesScore(config.raw)) continue
    if (!known.has(key) && !isNeutral(value)) throw refuse(key, 'it unset')
  }
  if (!harmlessInits.includes(config.raw['init_lora_weights'])) {
    throw refuse('init_lora_weights', 'an initialisation that leaves the base weights unchanged')
  }
  return {
    rank: config.integer('r'),
    alpha: config.number('lora_alpha'),
    dropout: config.number('lora_dropout', 0),
    rsLora: config.flag('use_rslora', false),
    targets: readTargets(config),
  }
}

/** PEFT saves the scalar head of a classifier beside the adapter; it names both ways in which families call it. */
const savesScore = ({ modules_to_save: saved }: Readonly<Record<string, unknown>>) =>
  Array.isArray(saved) && saved.includes('score') && saved.every((name) => name === 'score' || name === 'classifier')

/** Whether the adapter in a folder is that of a reward model, with its scalar head. @throws HoneError E_NOT_FOUND, E_CORRUPT */
export async function adapterHasScore(folder: string): Promise<boolean> {
  return savesScore(await readJsonObject(joinPath(folder, CONFIG)))
}

/** What an adapter's file holds, by name: its own weights and the scalar head that was trained with them. */
const savedParameters = ({ score }: Model, { parameters }: Adapter): [string, Parameter][] => [
  ...parameters,
  ...(score ? [[`${PREFIX}${scoreName}`, score] as [string, Parameter]] : []),
]

function readTargets(config: ConfigReader): LoraConfig['targets'] {
  const value = config.raw['target_modules']
  if (value === 'all-linear') return value
  if (Array.isArray(value) && value.every((target) => typeof target === 'string')) return value
  throw new HoneError(
    'E_ADAPTER',
    `${config.where}: target_modules is ${showValue(value)}, expected a list of module names or "all-linear"`,
  )
}

const storedAs: Partial<Record<string, 'f32' | 'bf16' | 'f16'>> = { F32: 'f32', BF16: 'bf16', F16: 'f16' }

/**
 * Puts a PEFT LoRA adapter from its folder over the model. It learns on from there unless `train` is false.
 * @throws HoneError E_ADAPTER for features that are not supported, by name, and for tensors that are missing, unknown or
 * of another shape, all in one error; E_LORA_TARGET, E_NOT_FOUND, E_CORRUPT
 */
export async function loadAdapter(
  model: Model,
  folder: string,
  { train = true }: { train?: boolean } = {},
): Promise<Adapter> {
  const path = joinPath(folder, CONFIG)
  const config = readAdapterConfig(configReader(await readJsonObject(path), path))
  const { tensors, path: file } = await openSafetensors(joinPath(folder, WEIGHTS))
  const adapter = allocateAdapter(model, config)
  try {
    const parameters = savedParameters(model, adapter)
    checkTensors(parameters, tensors, file)
    for (const [name, { buffer, size }] of parameters) {
      const { file: path, offset, dtype } = tensors.get(name)!
      await model.backend.load(buffer, 0, { path, offset, dtype: storedAs[dtype]!, length: size })
    }
  } catch (error) {
    for (const parameter of adapter.parameters.values()) parameter.dispose()
    throw error
  }
  if (!train) for (const [, parameter] of savedParameters(model, adapter)) parameter.freeze()
  return putOn(model, adapter)
}

function checkTensors(parameters: [string, Parameter][], tensors: Map<string, TensorEntry>, file: string): void {
  const faults: string[] = []
  for (const [name, { shape }] of parameters) {
    const entry = tensors.get(name)
    if (!entry) faults.push(`${name} [${shape}] is missing`)
    else if (entry.shape.join() !== shape.join()) faults.push(`${name} is [${entry.shape}], expected [${shape}]`)
    else if (!storedAs[entry.dtype]) faults.push(`${name} is ${entry.dtype}, expected F32, BF16 or F16`)
  }
  const names = new Set(parameters.map(([name]) => name))
  for (const name of tensors.keys()) if (!names.has(name)) faults.push(`${name} is unknown`)
  if (faults.length === 0) return
  const shown = faults.length > 24 ? [...faults.slice(0, 24), `and ${faults.length - 24} more`] : faults
  throw new HoneError('E_ADAPTER', `${file} does not fit the model and its ${CONFIG}:\n  ${shown.join('\n  ')}`, {
    help: 'Check that the adapter was trained on this base model.',
  })
}

/**
 * Writes the model's adapter as PEFT does, in f32: adapter_model.safetensors, then adapter_config.json.
 * @param options.base how the config names the base model: a folder or a hub id
 * @throws HoneError E_ADAPTER where there is none
 */
export async function saveAdapter(model: Model, folder: string, { base }: { base?: string } = {}): Promise<void> {
  const { adapter } = model
  if (!adapter) throw new HoneError('E_ADAPTER', 'the model has no adapter to save')
  const { rank, alpha, dropout, rsLora, targets } = adapter.config
  await platform().makeFolder(folder)
  const tensors = savedParameters(model, adapter).map(([name, parameter]) => ({
    name,
    dtype: 'F32' as const,
    shape: parameter.shape,
    bytes: async () => fromFloat32(Float32Array.from(await parameter.read()), 'F32'),
  }))
  await writeSafetensors(joinPath(folder, WEIGHTS), tensors, { format: 'pt' })
  const config = {
    peft_type: 'LORA',
    task_type: model.score ? 'SEQ_CLS' : 'CAUSAL_LM',
    base_model_name_or_path: base ?? null,
    inference_mode: true,
    r: rank,
    lora_alpha: alpha,
    lora_dropout: dropout,
    use_rslora: rsLora,
    target_modules: targetList(model, targets),
    bias: 'none',
    fan_in_fan_out: model.architecture.inputMajor,
    init_lora_weights: true,
    modules_to_save: model.score ? ['score'] : null,
    rank_pattern: {},
    alpha_pattern: {},
  }
  await platform().writeAtomic(joinPath(folder, CONFIG), `${JSON.stringify(config, null, 2)}\n`)
}
