import { HoneError, throwIfAborted } from '../base/index.ts'
import { type Checkpoint, openCheckpoint, type TensorEntry } from '../formats/index.ts'
import { type Backend, Parameter, type Precision, type QuantisedType } from '../tensor/index.ts'
import { type Architecture, scoreName, type WeightSpec, weightsOf } from './architecture.ts'
import { readModelConfig } from './config.ts'
import { families } from './families/index.ts'
import { createModel } from './model.ts'
import { checkFrozen, quantisedType } from './quantise.ts'
import { drawScore, withScore } from './score.ts'
import type { Model } from './types.ts'

export interface LoadOptions {
  backend: Backend
  /**
   * 'full': every weight is an f32 master that learns; 'none': weights stay in the checkpoint's dtype, frozen; 'score': so do
   * all but the scalar head.
   */
  train: 'full' | 'score' | 'none'
  /** Opens a language model as a reward model: with a scalar head, drawn by this seed, in the place of the vocabulary's. */
  scoreSeed?: number
  /** Quantises matrices on their way in; for `train: 'none'`, an adapter over it may learn. */
  quantize?: QuantisedType
  /** What `hidden` computes in where its inputs do not say; f32. */
  precision?: Precision
  /** A line at each tenth of the way. */
  onProgress?: (line: string) => void
  signal?: AbortSignal
}

const storedAs: Partial<Record<string, 'f32' | 'bf16' | 'f16'>> = { F32: 'f32', BF16: 'bf16', F16: 'f16' }

/**
 * Opens a folder in Hugging Face's format. Weights go from the file to the backend by ranges, one tensor at a time.
 * @throws HoneError E_CONFIG, also where quantised weights shall learn; E_NOT_FOUND, E_CORRUPT; E_WEIGHTS listing every tensor that is missing, unknown, of
 * another shape or of a dtype that is not read; E_ABORTED. Nothing stays allocated after a throw.
 */
export async function loadModel(folder: string, options: LoadOptions): Promise<Model> {
  const { backend, train, quantize, scoreSeed, precision, onProgress, signal } = options
  checkFrozen(train, quantize)
  const found = await readModelConfig(folder)
  const parsed = scoreSeed === undefined ? found : withScore(found)
  const checkpoint = await openCheckpoint(folder)
  const wanted = new Set(weightsOf(parsed.architecture).map(({ name }) => name))
  const matched = matchWeights(checkpoint, found.architecture).filter(({ spec }) => wanted.has(spec.name))
  const stored = storedAs[matched[0].entry.dtype]
  const parameters = new Map<string, Parameter>()
  try {
    let bytes = 0
    const totalBytes = matched.reduce((sum, { entry }) => sum + entry.bytes, 0)
    for (const { spec, entry } of matched.toSorted(byPlace)) {
      throwIfAborted(signal)
      const dtype = storedAs[entry.dtype]!
      const isScore = spec.name === scoreName
      const plain = train === 'full' || isScore || spec.shape.length < 2 ? 'f32' : dtype
      const kept = quantisedType(parsed.architecture, spec, quantize, plain)
      const learns = train === 'full' || (train === 'score' && isScore)
      const parameter = new Parameter(spec.name, backend, spec.shape, kept, learns)
      parameters.set(spec.name, parameter)
      await backend.load(parameter.buffer, 0, { path: entry.file, offset: entry.offset, dtype, length: parameter.size })
      const before = bytes
      bytes += entry.bytes
      const tenths = Math.floor((10 * bytes) / totalBytes)
      if (tenths > Math.floor((10 * before) / totalBytes)) {
        onProgress?.(`reading weights: ${10 * tenths} % of ${(totalBytes / 1e6).toFixed(1)} MB`)
      }
    }
  } catch (error) {
    for (const parameter of parameters.values()) parameter.dispose()
    throw error
  }
  const config = { ...parsed.config, dtype: stored ?? parsed.config.dtype }
  // They were read in the order of the files; a model lists them in the order of its forward pass.
  const ordered = new Map(matched.map(({ spec: { name } }) => [name, parameters.get(name)!]))
  if (scoreSeed !== undefined && !ordered.has(scoreName)) {
    ordered.set(scoreName, drawScore(backend, config.width, scoreSeed, train !== 'none'))
  }
  return createModel({ ...parsed, config }, backend, ordered, precision)
}

export interface Matched {
  spec: WeightSpec
  entry: TensorEntry
}

const byPlace = ({ entry: a }: Matched, { entry: b }: Matched) =>
  a.file === b.file ? a.offset - b.offset : a.file < b.file ? -1 : 1

const tables = /\.rotary_emb\.(inv_freq|cos_cached|sin_cached)$/

/** Pairs every weight of the architecture with its tensor. Checkpoints of a bare decoder leave the prefix out. */
export function matchWeights({ folder, tensors }: Checkpoint, architecture: Architecture): Matched[] {
  const { names, tiedEmbeddings, family } = architecture
  const ignored = (name: string) =>
    tables.test(name) || families[family].ignored?.test(name) || (tiedEmbeddings && name === `${names.head}.weight`)
  const left = new Map([...tensors].filter(([name]) => !ignored(name)))
  const faults: string[] = []
  const matched: Matched[] = []
  for (const spec of weightsOf(architecture)) {
    const bare = spec.name.startsWith(names.prefix) ? spec.name.slice(names.prefix.length) : spec.name
    const entry = left.get(spec.name) ?? left.get(bare)
    if (!entry) {
      faults.push(`${spec.name} [${spec.shape}] is missing`)
      continue
    }
    left.delete(entry.name)
    if (entry.shape.join() !== spec.shape.join()) {
      faults.push(`${entry.name} is [${entry.shape}], expected [${spec.shape}]`)
    } else if (!storedAs[entry.dtype]) faults.push(`${entry.name} is ${entry.dtype}, expected F32, BF16 or F16`)
    else matched.push({ spec, entry })
  }
  for (const entry of left.values()) faults.push(`${entry.name} [${entry.shape}] is unknown`)
  if (faults.length === 0) return matched
  const shown = faults.length > 24 ? [...faults.slice(0, 24), `and ${faults.length - 24} more`] : faults
  throw new HoneError('E_WEIGHTS', `the tensors of ${folder} do not fit its config.json:\n  ${shown.join('\n  ')}`, {
    help: 'Check that the weights and the config.json belong to the same model and that the copy is complete.',
  })
}
