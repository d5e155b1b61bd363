import { HoneError, random } from '../base/index.ts'
import { type Backend, isQuantised, Parameter, type Precision, type QuantisedType, sizeOf } from '../tensor/index.ts'
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
  const draw = (name: string, size: number, sigma: number) => {
    const { normal } = random(seed, `init ${name}`)
    return Float32Array.from({ length: size }, (_, i) => sigma * normal(i))
  }
  const parameters = new Map<string, Parameter>()
  for (const spec of weightsOf(parsed.architecture)) {
    const { name, shape, role } = spec
    const size = sizeOf(shape)
    const dtype = quantisedType(parsed.architecture, spec, quantize, 'f32')
    const parameter = new Parameter(name, backend, shape, dtype, quantize === undefined)
    if (role === 'gain') fill(parameter, new Float32Array(size).fill(1))
    else if (role === 'bias' || deviation === 0) fill(parameter, new Float32Array(size))
    else fill(parameter, draw(name, size, role === 'residual' ? residual : deviation))
    parameters.set(name, parameter)
  }
  return createModel(parsed, backend, parameters, precision)
}

function fill(parameter: Parameter, values: Float32Array): void {
  if (!isQuantised(parameter.dtype)) {
    parameter.write(values)
    return
  }
  const { backend, buffer, size } = parameter
  const staged = backend.alloc('f32', size)
  backend.write(staged, values)
  backend.run('copy', { x: staged, y: buffer, n: size, xOffset: 0, yOffset: 0 })
  backend.free(staged)
}

const isParsed = (source: Record<string, unknown> | ParsedConfig): source is ParsedConfig => 'architecture' in source
