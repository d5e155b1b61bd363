import type { DType, QuantisedType } from '../tensor/index.ts'
import { quantisedWidth } from '../tensor/index.ts'
import type { Architecture, WeightSpec } from './architecture.ts'

/**
 * The dtype in which a frozen weight is kept where the model is quantised, or `stored` where it stays as it is: norms,
 * biases, learned positions, and rows that are no multiple of 32 long. q8_0 takes every other matrix, as llama.cpp's does;
 * nf4 the projections of the layers alone, as QLoRA's does: the vocabulary is read too often to be that coarse.
 */
export function quantisedType(
  { names }: Architecture,
  { name, shape }: WeightSpec,
  quantize: QuantisedType | undefined,
  stored: DType,
): DType {
  if (!quantize || shape.length < 2 || shape[1] % quantisedWidth !== 0) return stored
  if (names.positions !== undefined && name === `${names.positions}.weight`) return stored
  const isVocabulary = name === `${names.embedding}.weight` || name === `${names.head}.weight`
  return quantize === 'nf4' && isVocabulary ? stored : quantize
}
