import { baseName, HoneError, isAbsolute, joinPath, platform } from '../base/index.ts'
import { resolveHub } from '../formats/index.ts'
import { adapterHasScore, attachLora, checkFrozen, loadAdapter, loadModel } from '../models/index.ts'
import type { LoraConfig, Model } from '../models/types.ts'
import { type BackendOptions, openBackend, type QuantisedType } from '../tensor/index.ts'
import {
  CHATML_TEMPLATE,
  type ChatTemplate,
  chatTemplate,
  loadChatTemplate,
  loadTokenizer,
  OPENCHAT_TEMPLATE,
  type Tokenizer,
} from '../text/index.ts'
import { type LocalEngineOptions, openLocalEngine } from './local.ts'
import type { Engine } from './types.ts'

/** Progress of work that comes before a run: compiling, downloading, reading weights. */
export type Progress = (line: string) => void

export interface OpenOptions extends Omit<LocalEngineOptions, 'tokenizer'> {
  /** What will learn: nothing (default), every weight, or a new or loaded adapter. */
  train?: 'none' | 'full' | 'adapter'
  /** Opens a language model as a reward model, with a fresh scalar head that learns; one that is a reward model keeps its own. */
  score?: boolean
  /** Keeps the frozen matrices in blocks of 8 or 4 bits a weight. An adapter may learn over them (QLoRA, Dettmers et al. 2023). */
  quantize?: QuantisedType
  /** Attach a fresh adapter of this shape, where the folder holds none. */
  lora?: LoraConfig
  /** 'chatml', 'openchat' or the path of a Jinja file, instead of the model's own chat template. */
  template?: string
  /** Seed of a fresh adapter and of a fresh scalar head. */
  seed?: number
  backend?: BackendOptions['kind']
  threads?: number
  /** Shares the backend of this model, which has to stay open for as long: one pass can then read both. */
  beside?: Pick<OpenModel, 'model'>
  onProgress?: Progress
  signal?: AbortSignal
}

/** A model ready for use: weights on a backend, and how it reads and writes text. */
export interface OpenModel {
  readonly engine: Engine
  readonly model: Model
  readonly tokenizer: Tokenizer
  readonly template: ChatTemplate | null
  /** Where the weights were read; for an adapter, its own folder, with `base` beside it. */
  readonly folder: string
  readonly base: string
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Models that come with the package. */
export const shippedModels = ['tiny'] as const

/**
 * The folder behind a model's name: a shipped model, an existing folder, or a hub id 'owner/name', which is fetched.
 * @throws HoneError E_NOT_FOUND
 */
export async function resolveModel(
  name: string,
  options: { signal?: AbortSignal; onProgress?: Progress } = {},
): Promise<string> {
  const info = await platform().stat(name)
  if (info?.kind === 'folder') {
    await refuseUnfinished(name)
    return name
  }
  if (info) throw new HoneError('E_NOT_FOUND', `${name} is a file; a model is a folder with config.json and weights`)
  if ((shippedModels as readonly string[]).includes(name)) return joinPath(platform().packageRoot(), 'models', name)
  if (!isAbsolute(name) && !name.startsWith('.') && /^[\w.-]+\/[\w.-]+$/.test(name)) {
    const { signal, onProgress } = options
    return resolveHub(name, {
      kind: 'model',
      signal,
      onProgress: onProgress && (({ file }) => onProgress(`fetching ${file}`)),
    })
  }
  throw new HoneError('E_NOT_FOUND', `there is no model at ${name}`, {
    help: `Give a folder, a hub id such as owner/name, or a shipped model: ${shippedModels.join(', ')}.`,
  })
}

/** A training's folder has its model only once the run has ended. @throws HoneError E_UNFINISHED */
async function refuseUnfinished(folder: string): Promise<void> {
  for (const name of ['config.json', 'adapter_config.json']) {
    if (await platform().stat(joinPath(folder, name))) return
  }
  if (!(await platform().stat(joinPath(folder, 'run', 'config.json')))) return
  throw new HoneError('E_UNFINISHED', `${folder} holds a run that has not ended, and no model yet`, {
    help: 'Give the command that began it again, with --resume.',
  })
}

/** The part of a model that reads and writes text, without its weights: for looking at data. */
export async function openText(
  name: string,
  { template: given, signal, onProgress }: Pick<OpenOptions, 'template' | 'signal' | 'onProgress'> = {},
): Promise<Pick<OpenModel, 'tokenizer' | 'template' | 'folder' | 'base'>> {
  const folder = await resolveModel(name, { signal, onProgress })
  const adapterConfig = await platform().stat(joinPath(folder, 'adapter_config.json'))
  const base = adapterConfig ? await baseOfAdapter(folder, { signal, onProgress }) : folder
  const tokenizer = await loadTokenizer((await platform().stat(joinPath(folder, 'tokenizer.json'))) ? folder : base)
  return { tokenizer, template: await openTemplate(given, [folder, base], tokenizer), folder, base }
}

/**
 * Opens a model by name, with its tokenizer and chat template, on a backend of its own, which `close` frees, or on that of the
 * model it lies beside.
 */
export async function openModel(name: string, options: OpenOptions = {}): Promise<OpenModel> {
  const { train = 'none', quantize, beside, signal, onProgress } = options
  checkFrozen(train, quantize)
  const { folder, base, tokenizer, template } = await openText(name, options)
  const shared = beside?.model.backend
  const backend = shared ?? (await openBackend({ kind: options.backend, threads: options.threads, onProgress }))
  const closeBackend = () => {
    if (!shared) backend.close()
  }
  let model: Model | null = null
  try {
    const isScore = options.score || (folder !== base && (await adapterHasScore(folder)))
    model = await loadModel(base, {
      backend,
      train: train === 'adapter' ? (isScore ? 'score' : 'none') : train,
      ...(isScore && { scoreSeed: options.seed ?? 0 }),
      quantize,
      onProgress,
      signal,
    })
    if (tokenizer.vocabSize > model.config.vocabSize) {
      throw new HoneError(
        'E_TOKENIZER_MISMATCH',
        `the tokenizer of ${folder} has ${tokenizer.vocabSize} tokens and the model a vocabulary of ${model.config.vocabSize}`,
        { help: 'These files belong to different models: copy the tokenizer of this one beside its weights.' },
      )
    }
    if (folder !== base) await loadAdapter(model, folder)
    else if (train === 'adapter' && options.lora) attachLora(model, options.lora, { seed: options.seed ?? 0 })
    const engine = openLocalEngine(model, { ...options, tokenizer })
    const close = async () => {
      await engine.close()
      closeBackend()
    }
    return { engine, model, tokenizer, template, folder, base, close, [Symbol.asyncDispose]: close }
  } catch (error) {
    model?.dispose()
    closeBackend()
    throw error
  }
}

async function openTemplate(
  given: string | undefined,
  folders: string[],
  { bos, eos, tokenOf }: Tokenizer,
): Promise<ChatTemplate | null> {
  const tokens = {
    ...(bos !== null && { bos_token: tokenOf(bos) }),
    ...(eos !== null && { eos_token: tokenOf(eos) }),
  }
  if (given === 'chatml') return chatTemplate(CHATML_TEMPLATE, { tokens, stopTokens: ['<|im_end|>'] })
  if (given === 'openchat') return chatTemplate(OPENCHAT_TEMPLATE, { tokens })
  if (given !== undefined) return chatTemplate(await platform().readText(given), { tokens })
  for (const folder of folders) {
    const found = await loadChatTemplate(folder)
    if (found) return found
  }
  return null
}

/** The base model that an adapter names: as written, or beside the adapter's folder. */
async function baseOfAdapter(
  folder: string,
  options: { signal?: AbortSignal; onProgress?: Progress },
): Promise<string> {
  const path = joinPath(folder, 'adapter_config.json')
  let name: unknown
  try {
    name = JSON.parse(await platform().readText(path)).base_model_name_or_path
  } catch (error) {
    if (error instanceof HoneError) throw error
    throw new HoneError('E_CORRUPT', `${path} is not valid JSON: ${(error as Error).message}`)
  }
  if (typeof name !== 'string' || name === '') {
    throw new HoneError('E_ADAPTER', `${path} does not name its base model`, {
      help: 'Set base_model_name_or_path in it.',
    })
  }
  for (const candidate of [name, joinPath(folder, name), joinPath(folder, '..', baseName(name))]) {
    if ((await platform().stat(candidate))?.kind === 'folder') return candidate
  }
  return resolveModel(name, options)
}
