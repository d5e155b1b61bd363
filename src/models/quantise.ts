import { HoneError } from '../base/index.ts'
import { type DType, type QuantisedType, quantisedWidth } from '../tensor/index.ts'
import { type Architecture, scoreName, type WeightSpec } from './architecture.ts'

/**
 * The dtype in which a frozen weight is kept where the model is quantised, or `stored` where it stays as it is: norms,
 * biases, learned positions, a scalar head, and rows that are no multiple of 32 long. q8_0 takes every other matrix, as llama.cpp's does.
 * nf4 is for the projections of the layers; QLoRA leaves the vocabulary in 16 bits, here it is q8_0: as near, and half as
 * long to read.
 */
export function quantisedType(
  { names }: Architecture,
  { name, shape }: WeightSpec,
  quantize: QuantisedType | undefined,
  stored: DType,
): DType {
  if (!quantize || name === scoreName || shape.length < 2 || shape[1] % quantisedWidth !== 0) return stored
  if (names.positions !== undefined && name === `${names.positions}.weight`) return stored
  const isVocabulary = name === `${names.embedding}.weight` || name === `${names.head}.weight`
  return isVocabulary ? 'q8_0' : quantize
}

/** @throws HoneError E_CONFIG where quantised weights shall learn */
export function checkFrozen(train: 'none' | 'full' | 'score' | 'adapter', quantize: QuantisedType | undefined): void {
  if (!quantize || train !== 'full') return
  throw new HoneError('E_CONFIG', `quantize is ${quantize} and every weight shall learn, expected frozen weights`, {
    help: 'Quantised weights cannot learn: train an adapter over them (adapter=lora; in hone bench a rank), or leave quantize out.',
  })
}
