import { HoneError, joinPath, platform, throwIfAborted } from '../base/index.ts'
import { fromFloat32, type TensorToWrite, writeCheckpoint } from '../formats/index.ts'
import { families, type Model, type ModelConfig, readWeight, saveAdapter, weightsOf } from '../models/index.ts'

/** A text file to stand beside the weights, as a tokenizer's `files()` gives them. */
export interface TextFile {
  name: string
  content: string
}

export interface HuggingFaceOptions {
  /** Storage of the weights; that of the model's source if not given. */
  dtype?: ModelConfig['dtype']
  /** Tokenizer files to write. */
  files?: readonly TextFile[]
  /** Where the model came from: its generation config is copied and, without `files`, its tokenizer files too. */
  sourceFolder?: string
  /** Keys of config.json in the place of the source's. */
  config?: Readonly<Record<string, unknown>>
  /** False leaves out an attached adapter; else the weights are written merged with it. */
  adapter?: boolean
  /** A file of weights is closed before it would grow beyond this many bytes (5 GB). */
  maxShardBytes?: number
  signal?: AbortSignal
}

const stored = {
  f32: { dtype: 'F32', name: 'float32' },
  bf16: { dtype: 'BF16', name: 'bfloat16' },
  f16: { dtype: 'F16', name: 'float16' },
} as const

const tokenizerNames = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
  'tokenizer.model',
  'chat_template.jinja',
]

/**
 * Writes a folder in Hugging Face's format. Weights go tensor by tensor from the backend to the file, rounded to nearest
 * even where the storage is narrower; config.json comes last, so that a folder cut short is not taken for a model.
 * @throws HoneError E_NOT_FINITE for a weight beyond the storage's range, naming the tensor; E_DISK_FULL, E_ABORTED
 */
export async function exportHuggingFace(model: Model, folder: string, options: HuggingFaceOptions = {}): Promise<void> {
  const { sourceFolder, files, maxShardBytes, signal } = options
  const storage = stored[options.dtype ?? model.config.dtype]
  await platform().makeFolder(folder)
  await writeTexts(folder, files ?? [])
  if (sourceFolder !== undefined) {
    await copyFiles(sourceFolder, folder, ['generation_config.json', ...(files ? [] : tokenizerNames)])
  }
  const tensors = weightsOf(model.architecture).map(({ name, shape }): TensorToWrite => {
    const bytes = () => weightBytes(model, name, storage.dtype, options)
    return { name, dtype: storage.dtype, shape, bytes }
  })
  await writeCheckpoint(folder, tensors, { maxShardBytes })
  throwIfAborted(signal)
  const config = { ...configWith(model.config, storage.name), ...options.config }
  await platform().writeAtomic(joinPath(folder, 'config.json'), `${JSON.stringify(config, null, 2)}\n`)
}

async function* weightBytes(model: Model, name: string, dtype: 'F32' | 'BF16' | 'F16', options: HuggingFaceOptions) {
  for await (const values of readWeight(model, name, { adapter: options.adapter })) {
    throwIfAborted(options.signal)
    if (dtype === 'F16') checkHalf(name, values)
    yield fromFloat32(values, dtype)
  }
}

/** The largest value that rounds to a finite f16. @throws HoneError E_NOT_FINITE */
export function checkHalf(name: string, values: Float32Array): void {
  const beyond = values.find((value) => Math.abs(value) >= 65520)
  if (beyond === undefined) return
  throw new HoneError('E_NOT_FINITE', `${name} holds ${beyond}, which f16 cannot`, { help: 'Export as bf16 or f32.' })
}

/** The source's config.json with the dtype under the key it used. */
function configWith({ source, family }: ModelConfig, dtype: string): Record<string, unknown> {
  const key = 'dtype' in source && !('torch_dtype' in source) ? 'dtype' : 'torch_dtype'
  const config: Record<string, unknown> = { architectures: [families[family].className], ...source, [key]: dtype }
  if (key === 'torch_dtype') delete config['dtype']
  return config
}

async function writeTexts(folder: string, files: readonly TextFile[]): Promise<void> {
  for (const { name, content } of files) await platform().writeAtomic(joinPath(folder, name), content)
}

async function copyFiles(from: string, to: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const path = joinPath(from, name)
    if (!(await platform().stat(path))) continue
    await platform().writeAtomic(joinPath(to, name), await platform().readFile(path))
  }
}

export interface PeftOptions {
  /** How the adapter's config names its base model: a folder or a hub id. */
  base?: string
  /** Tokenizer files to write beside it. */
  files?: readonly TextFile[]
}

/** Writes the model's adapter in PEFT's format. @throws HoneError E_ADAPTER where the model has none */
export async function exportPeft(model: Model, folder: string, { base, files = [] }: PeftOptions = {}): Promise<void> {
  await platform().makeFolder(folder)
  await writeTexts(folder, files)
  await saveAdapter(model, folder, { base })
}
