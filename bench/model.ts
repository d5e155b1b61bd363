import { random } from 'hone-lm/base'
import { initModel, type Model } from 'hone-lm/models'
import type { Backend, QuantisedType } from 'hone-lm/tensor'
import { configOf, type Shape } from './shapes.ts'

/** Odd, so that rows of a matrix do not repeat. */
const drawn = 2 ** 18 + 1

/**
 * A model of random weights within a second: each matrix repeats the same normal(0, 0.02) draws, as no kernel's time
 * depends on them, and to draw tens of millions takes longer than most measurements. Quantised ones are drawn in full.
 */
export function modelOf(shape: Shape, backend: Backend, quantize?: QuantisedType): Model {
  if (quantize) return initModel(configOf(shape), { backend, seed: 0, quantize })
  const model = initModel(configOf(shape), { backend, seed: 0, deviation: 0 })
  const { normal } = random(0, 'bench weights')
  const table = new Float32Array(drawn)
  for (let i = 0; i < drawn; i++) table[i] = 0.02 * normal(i)
  for (const parameter of model.parameters.values()) {
    if (parameter.shape.length < 2) continue
    for (let at = 0; at < parameter.size; at += drawn) {
      backend.write(parameter.buffer, table.subarray(0, parameter.size - at), at)
    }
  }
  return model
}
