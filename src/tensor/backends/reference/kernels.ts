import type { KernelName, kernelSpecs } from '../../kernels.ts'
import { attention, attentionGrad } from './attention.ts'
import { ceilings } from './ceilings.ts'
import { elementwise } from './elementwise.ts'
import { optimizers } from './optimizers.ts'
import { transformer } from './transformer.ts'
import { vocabulary } from './vocabulary.ts'

type Integer = 'ids' | 'index' | 'targets' | 'positions' | 'rowIds' | 'segments' | 'spans' | 'topK' | 'keys' | 'tokens'
type Buffers<K extends KernelName> = {
  [N in (typeof kernelSpecs)[K]['buffers'][number] as N extends `${infer Bare}?` ? Bare : N]: N extends Integer
    ? Int32Array
    : N extends `${string}?`
      ? Float64Array | null
      : Float64Array
}
type Numbers<K extends KernelName> = { [N in (typeof kernelSpecs)[K]['numbers'][number]]: number }

/** A kernel over plain arrays; its names and meaning are those of `kernelSpecs`. */
export type ReferenceKernel<K extends KernelName> = (buffers: Buffers<K>, numbers: Numbers<K>) => void

export const referenceKernels: { [K in KernelName]: ReferenceKernel<K> } = {
  ...elementwise,
  ...transformer,
  attention,
  attentionGrad,
  ...vocabulary,
  ...optimizers,
  ...ceilings,
}
