import { HoneError, random } from '../base/index.ts'
import { type Backend, isQuantised, Parameter, type Precision, type QuantisedType } from '../tensor/index.ts'
import { weightsOf } from './architecture.ts'
import { type ParsedConfig, parseModelConfig } from './config.ts'
import { createModel } from './model.ts'
import { quantisedType } from './quantise.ts'
import type { Model } from './types.ts'

export interface InitOptions {
  backend: Backend
  seed: number
  /** Standard deviation of matrices and embeddings (default 0.02). */
  deviation?: number
  precision?: Precision
  /** Quantises matrices; nothing of the model learns then. */
  quantize?: QuantisedType
}

/**
 * A model with random weights that learns in full: matrices normal(0, 0.02), projections onto the residual stream
 * divided by √(2 · layers) (Radford et al. 2019), gains 1, biases 0. The same weights on every backend.
 * @param source a config.json as an object, or what `parseModelConfig` made of it
 * @throws HoneError E_CONFIG
 */
export function initModel(source: Record<string, unknown> | ParsedConfig, options: InitOptions): Model {
  const { backend, seed, deviation = 0.02, precision, quantize } = options
  if (!Number.isSafeInteger(seed)) throw new HoneError('E_CONFIG', `seed is ${seed}, expected a whole number`)
  const parsed = isParsed(source) ? source : parseModelConfig(source)
  const residual = deviation / Math.sqrt(2 * parsed.architecture.layers)
  const parameters = new Map<string, Parameter>()
  for (const spec of weightsOf(parsed.architecture)) {
    const { name, shape, role } = spec
    const dtype = quantisedType(parsed.architecture, spec, quantize, 'f32')
    const parameter = new Parameter(name, backend, shape, dtype, quantize === undefined)
    const sigma = role === 'residual' ? residual : deviation
    if (role === 'gain') fill(parameter, () => 1)
    else if (role === 'bias' || sigma === 0) fill(parameter, () => 0)
    else {
      const { normal } = random(seed, `init ${name}`)
      fill(parameter, (i) => sigma * normal(i))
    }
    parameters.set(name, parameter)
  }
  return createModel(parsed, backend, parameters, precision)
}

/** Values that are formed and handed over at a time: a whole matrix would be held twice. */
const pieceSize = 1 << 16

function fill({ backend, buffer, size, dtype }: Parameter, valueAt: (index: number) => number): void {
  const target = isQuantised(dtype) ? backend.alloc('f32', size) : buffer
  const piece = new Float32Array(Math.min(size, pieceSize))
  for (let from = 0; from < size; from += piece.length) {
    const part = piece.subarray(0, size - from)
    for (let i = 0; i < part.length; i++) part[i] = valueAt(from + i)
    backend.write(target, part, from)
  }
  if (target === buffer) return
  backend.run('copy', { x: target, y: buffer, n: size, xOffset: 0, yOffset: 0 })
  backend.free(target)
}

const isParsed = (source: Record<string, unknown> | ParsedConfig): source is ParsedConfig => 'architecture' in source
