import { HoneError, platform } from '../base/index.ts'
import { openCheckpoint, readTensorBytes, toFloat32 } from '../formats/index.ts'
import { type Backend, type BufferId, type DType, isQuantised, type Parameter, type Values } from '../tensor/index.ts'
import type { Architecture } from './architecture.ts'
import { readModelConfig } from './config.ts'
import { matchWeights } from './load.ts'
import type { Model, Overlay } from './types.ts'

/** Elements read at once: 4 MiB as f32. */
const CHUNK = 1 << 20

const storedNames = { bf16: 'BF16', f16: 'F16' } as const

/** What a backend gives back for a buffer, as f32: exact for all storage types. */
function asFloat32(values: Values, dtype: DType): Float32Array {
  if (values instanceof Float32Array) return values
  if (values instanceof Uint16Array) {
    return toFloat32(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), storedNames[dtype as 'bf16'])
  }
  return Float32Array.from(values)
}

async function* readBuffer(backend: Backend, buffer: BufferId, dtype: DType, size: number) {
  for (let from = 0; from < size; from += CHUNK) {
    yield asFloat32(await backend.read(buffer, from, Math.min(CHUNK, size - from)), dtype)
  }
}

/** A weight's values as f32, chunk by chunk; those of a quantised one are formed by the backend, whole rows at a time. */
async function* readParameter({ backend, buffer, dtype, size, shape }: Parameter) {
  if (!isQuantised(dtype)) {
    yield* readBuffer(backend, buffer, dtype, size)
    return
  }
  const width = shape.at(-1)!
  const chunk = Math.max(1, Math.floor(CHUNK / width)) * width
  const staged = backend.alloc('f32', chunk)
  try {
    for (let from = 0; from < size; from += chunk) {
      const n = Math.min(chunk, size - from)
      backend.run('copy', { x: buffer, y: staged, n, xOffset: from, yOffset: 0 })
      yield* readBuffer(backend, staged, 'f32', n)
    }
  } finally {
    backend.free(staged)
  }
}

/** y += scale · B·A, or its transpose where the weight is stored input-major; y is an f32 buffer. */
export function addOverlay(backend: Backend, y: BufferId, { a, b, scale }: Overlay, inputMajor: boolean): void {
  const [rank, inputs] = a.shape
  const [outputs] = b.shape
  const common = { y, bias: null, k: rank, accumulate: 1, alpha: scale, precision: 0, weight: 0 }
  if (inputMajor) {
    backend.run('matmul', { a: a.buffer, b: b.buffer, m: inputs, n: outputs, transA: 1, transB: 1, ...common })
  } else {
    backend.run('matmul', { a: b.buffer, b: a.buffer, m: outputs, n: inputs, transA: 0, transB: 0, ...common })
  }
}

/** An f32 copy of a weight with its overlay added. The caller frees it. */
export function mergedCopy(model: Model, parameter: Parameter, overlay: Overlay): BufferId {
  const { backend } = model
  const y = backend.alloc('f32', parameter.size)
  backend.run('copy', { x: parameter.buffer, y, n: parameter.size, xOffset: 0, yOffset: 0 })
  addOverlay(backend, y, overlay, model.architecture.inputMajor)
  return y
}

/** The overlay that lies over a weight, if one does. */
export const overlayOf = (model: Model, weight: string): Overlay | undefined =>
  weight.endsWith('.weight') ? model.adapter?.overlays.get(weight.slice(0, -'.weight'.length)) : undefined

/**
 * A weight's values in f32, chunk by chunk, row-major; with the adapter's part added, unrounded, unless `adapter` is
 * false.
 * @throws HoneError E_NAME for a name the model does not have
 */
export async function* readWeight(
  model: Model,
  name: string,
  { adapter = true }: { adapter?: boolean } = {},
): AsyncGenerator<Float32Array> {
  const parameter = model.parameters.get(name)
  if (!parameter) throw new HoneError('E_NAME', `the model has no weight '${name}'`)
  const overlay = adapter ? overlayOf(model, name) : undefined
  if (!overlay) {
    yield* readParameter(parameter)
    return
  }
  const merged = mergedCopy(model, parameter, overlay)
  try {
    yield* readBuffer(model.backend, merged, 'f32', parameter.size)
  } finally {
    model.backend.free(merged)
  }
}

const bytesOf = (values: Float32Array) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength)

type NamedValues = [name: string, values: AsyncIterable<Float32Array>]

async function digest(architecture: Architecture, tensors: NamedValues[]): Promise<string> {
  const hash = platform().sha256().update(JSON.stringify(architecture))
  for (const [name, values] of tensors.toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`\n${name}\n`)
    for await (const chunk of values) hash.update(bytesOf(chunk))
  }
  return hash.digest()
}

/**
 * SHA-256 of what a model computes: its architecture and its weights, in the order of their names and as f32, so that a
 * folder and the model loaded from it have the same hash, however they are stored and sharded. With an adapter its
 * weights and scale count too, unless `adapter` is false. The key of caches over a model's outputs.
 */
export async function weightsHash(model: Model | string, { adapter = true } = {}): Promise<string> {
  if (typeof model === 'string') return folderHash(model)
  const { architecture, parameters } = model
  const base: NamedValues[] = [...parameters].map(([name, parameter]) => [name, readParameter(parameter)])
  const overlays = adapter ? [...(model.adapter?.overlays.values() ?? [])] : []
  const overlaid = overlays.flatMap(({ a, b, scale }): NamedValues[] => [
    [`${a.name} × ${scale}`, readParameter(a)],
    [b.name, readParameter(b)],
  ])
  return digest(architecture, [...base, ...overlaid])
}

async function folderHash(folder: string): Promise<string> {
  const { architecture } = await readModelConfig(folder)
  const matched = matchWeights(await openCheckpoint(folder), architecture)
  return digest(
    architecture,
    matched.map(({ spec, entry }): NamedValues => {
      const width = entry.bytes / (spec.shape.reduce((product, extent) => product * extent, 1) || 1)
      async function* values() {
        for (let from = 0; from < entry.bytes; from += CHUNK * width) {
          yield toFloat32(await readTensorBytes(entry, from, Math.min(CHUNK * width, entry.bytes - from)), entry.dtype)
        }
      }
      return [spec.name, values()]
    }),
  )
}

/**
 * Copies every weight of one model into another of the same architecture, on the same backend or another.
 * @throws HoneError E_WEIGHTS where their names or shapes differ
 */
export async function copyParameters(from: Model, to: Model): Promise<void> {
  const fits = ({ name, shape }: Parameter) => to.parameters.get(name)?.shape.join() === shape.join()
  const stranger = [...from.parameters.values()].find((parameter) => !fits(parameter))
  if (stranger || from.parameters.size !== to.parameters.size) {
    const what = stranger ? `${stranger.name} [${stranger.shape}]` : 'a weight'
    throw new HoneError('E_WEIGHTS', `${what} is not in both models alike`)
  }
  for (const [name, source] of from.parameters) {
    const target = to.parameters.get(name)!
    if (from.backend === to.backend) {
      const { size: n } = source
      from.backend.run('copy', { x: source.buffer, y: target.buffer, n, xOffset: 0, yOffset: 0 })
      continue
    }
    const staged = to.backend.alloc('f32', source.size)
    let at = 0
    for await (const chunk of readWeight(from, name, { adapter: false })) {
      to.backend.write(staged, chunk, at)
      at += chunk.length
    }
    to.backend.run('copy', { x: staged, y: target.buffer, n: source.size, xOffset: 0, yOffset: 0 })
    to.backend.free(staged)
  }
}
