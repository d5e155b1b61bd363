import { HoneError, random } from '../base/index.ts'
import { type Backend, Parameter, type Precision, sizeOf } from '../tensor/index.ts'
import { weightsOf } from './architecture.ts'
import { type ParsedConfig, parseModelConfig } from './config.ts'
import { createModel } from './model.ts'
import type { Model } from './types.ts'

export interface InitOptions {
  backend: Backend
  seed: number
  /** Standard deviation of matrices and embeddings (default 0.02). */
  deviation?: number
  precision?: Precision
}

/**
 * A model with random weights that learns in full: matrices normal(0, 0.02), projections onto the residual stream
 * divided by √(2 · layers) (Radford et al. 2019), gains 1, biases 0. The same weights on every backend.
 * @param source a config.json as an object, or what `parseModelConfig` made of it
 * @throws HoneError E_CONFIG
 */
export function initModel(source: Record<string, unknown> | ParsedConfig, options: InitOptions): Model {
  const { backend, seed, deviation = 0.02, precision } = options
  if (!Number.isSafeInteger(seed)) throw new HoneError('E_CONFIG', `seed is ${seed}, expected a whole number`)
  const parsed = isParsed(source) ? source : parseModelConfig(source)
  const residual = deviation / Math.sqrt(2 * parsed.architecture.layers)
  const draw = (name: string, size: number, sigma: number) => {
    const { normal } = random(seed, `init ${name}`)
    return Float32Array.from({ length: size }, (_, i) => sigma * normal(i))
  }
  const parameters = new Map<string, Parameter>()
  for (const { name, shape, role } of weightsOf(parsed.architecture)) {
    const size = sizeOf(shape)
    const parameter = new Parameter(name, backend, shape)
    if (role === 'gain') parameter.write(new Float32Array(size).fill(1))
    else if (role === 'bias' || deviation === 0) parameter.write(new Float32Array(size))
    else parameter.write(draw(name, size, role === 'residual' ? residual : deviation))
    parameters.set(name, parameter)
  }
  return createModel(parsed, backend, parameters, precision)
}

const isParsed = (source: Record<string, unknown> | ParsedConfig): source is ParsedConfig => 'architecture' in source
