import { baseName, joinPath, parentPath, platform, throwIfAborted } from '../base/index.ts'
import { type GgufFloatType, type GgufTensorToWrite, type GgufValue, writeGguf } from '../formats/index.ts'
import { type Architecture, type Model, readWeight, type WeightSpec, weightsOf } from '../models/index.ts'
import type { Tokenizer } from '../text/index.ts'
import { architectureMetadata, ggufFamily, ggufName, type ModuleKey, text, u32 } from './gguf-architecture.ts'
import { tokenizerMetadata } from './gguf-tokenizer.ts'
import { checkHalf } from './huggingface.ts'

export interface GgufOptions {
  /** Storage of the matrices. Norms, biases and learned positions are always f32. */
  type: 'f32' | 'f16' | 'q8_0'
  tokenizer: Tokenizer
  /** Jinja source of the chat template; that of the tokenizer's files if not given, none if null. */
  chatTemplate?: string | null
  /** `general.name`; the file's name if not given. */
  name?: string
  /** False leaves out an attached adapter; else the weights are written merged with it. */
  adapter?: boolean
  signal?: AbortSignal
}

const types = {
  f32: { tensor: 'F32', fileType: 0 },
  f16: { tensor: 'F16', fileType: 1 },
  q8_0: { tensor: 'Q8_0', fileType: 7 },
} as const

/**
 * Writes one GGUF file as llama.cpp reads it (ggml docs/gguf.md; tensor names and keys of its architectures): Llama,
 * Mistral, Qwen2, Qwen3, Gemma 2, Phi-3 and GPT-2. q8_0 needs rows that are a multiple of 32 long; other matrices are
 * then stored as f16.
 * @throws HoneError E_EXPORT for a model or tokenizer that llama.cpp would compute otherwise; E_NOT_FINITE, E_ABORTED
 */
export async function exportGguf(model: Model, file: string, options: GgufOptions): Promise<void> {
  const { config, architecture } = model
  const { architecture: id } = ggufFamily(architecture)
  const metadata: Record<string, GgufValue> = {
    'general.architecture': text(id),
    'general.type': text('model'),
    'general.name': text(options.name ?? baseName(file).replace(/\.gguf$/i, '')),
    'general.file_type': u32(types[options.type].fileType),
    'general.quantization_version': u32(2),
    ...architectureMetadata(config, architecture),
    ...tokenizerMetadata(config, options.tokenizer, options.chatTemplate),
  }
  const tensors = [
    ...extraTensors(architecture),
    ...weightsOf(architecture).map((spec) => tensorOf(model, spec, options)),
  ]
  await platform().makeFolder(parentPath(file))
  await writeGguf(joinPath(file), { metadata, tensors })
}

/** Per-pair divisors of the rotary frequencies, where a scaling has no key of its own. */
function extraTensors({ rope }: Architecture): GgufTensorToWrite[] {
  if (!rope) return []
  const table = (name: string, values: number[]): GgufTensorToWrite => ({
    name: `${name}.weight`,
    shape: [values.length],
    type: 'F32',
    data: () => Float32Array.from(values),
  })
  const { scaling, frequencies, theta } = rope
  if (scaling.type === 'longrope') {
    return [table('rope_factors_long', scaling.long), table('rope_factors_short', scaling.short)]
  }
  if (scaling.type !== 'llama3') return []
  return [
    table(
      'rope_freqs',
      frequencies.map((f, i) => 1 / theta ** (i / frequencies.length) / f),
    ),
  ]
}

function tensorOf(model: Model, spec: WeightSpec, { type, adapter, signal }: GgufOptions): GgufTensorToWrite {
  const { architecture } = model
  const { key, name } = ggufName(architecture, spec.name)
  const flipped = architecture.inputMajor && spec.shape.length === 2 && !unflipped.has(key)
  const shape = flipped ? spec.shape.toReversed() : spec.shape
  const stored = storedAs(types[type].tensor, key, shape)
  const data = async () => {
    throwIfAborted(signal)
    let values = await whole(model, spec, adapter)
    if (flipped) values = transposed(values, spec.shape)
    const heads = key === 'query' ? architecture.heads : key === 'key' ? architecture.keyHeads : 0
    if (heads > 0 && ggufFamily(architecture).interleaved) values = interleaved(values, heads, shape)
    if (spec.name.endsWith('.weight') && shape.length === 1 && architecture.norm.offset !== 0) {
      values = values.map((value) => value + architecture.norm.offset)
    }
    if (stored === 'F16') checkHalf(spec.name, values)
    return values
  }
  return { name, shape, type: stored, data }
}

/** Tables of rows: their rows are already what is looked up. */
const unflipped = new Set<ModuleKey>(['embedding', 'positions', 'head'])

function storedAs(wanted: GgufFloatType, key: ModuleKey, shape: readonly number[]): GgufFloatType {
  if (shape.length < 2 || key === 'positions') return 'F32'
  return wanted === 'Q8_0' && shape[1] % 32 !== 0 ? 'F16' : wanted
}

async function whole(model: Model, { name, shape }: WeightSpec, adapter?: boolean): Promise<Float32Array> {
  const values = new Float32Array(shape.reduce((product, extent) => product * extent, 1))
  let at = 0
  for await (const chunk of readWeight(model, name, { adapter })) {
    values.set(chunk, at)
    at += chunk.length
  }
  return values
}

function transposed(values: Float32Array, [rows, columns]: readonly number[]): Float32Array {
  const result = new Float32Array(values.length)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) result[column * rows + row] = values[row * columns + column]
  }
  return result
}

/** Rows (half, pair) of each head become (pair, half): Hugging Face rotates i with i + E/2, llama.cpp 2i with 2i + 1. */
function interleaved(values: Float32Array, heads: number, shape: readonly number[]): Float32Array {
  const rows = shape[0]
  const width = values.length / rows
  const half = rows / heads / 2
  const result = new Float32Array(values.length)
  for (let row = 0; row < rows; row++) {
    const head = Math.floor(row / (2 * half))
    const within = row - head * 2 * half
    const target = head * 2 * half + 2 * (within % half) + Math.floor(within / half)
    result.set(values.subarray(row * width, (row + 1) * width), target * width)
  }
  return result
}
