import { HoneError } from '../base/index.ts'
import type { Backend, DType, Values } from './backend.ts'
import type { BufferId } from './kernels.ts'
import type { Scope } from './scope.ts'

export type Shape = readonly number[]

export const sizeOf = (shape: Shape): number => shape.reduce((product, extent) => product * extent, 1)

/**
 * A value of one computation: a buffer of its scope's backend with a shape. It lives until its scope ends, or, where a
 * tape records, until the backward pass has used it; touching it later throws and names the operation it came from.
 */
export class Tensor {
  readonly scope: Scope
  readonly shape: Shape
  readonly dtype: DType
  readonly size: number
  /** Name of the operation that made it. */
  readonly from: string
  /** Whether a trainable parameter or leaf lies above it. */
  readonly needsGrad: boolean
  #buffer: BufferId
  #make: ((buffer: BufferId) => void) | null = null

  constructor(scope: Scope, buffer: BufferId, shape: Shape, dtype: DType, from: string, needsGrad: boolean) {
    this.scope = scope
    this.shape = shape
    this.dtype = dtype
    this.size = sizeOf(shape)
    this.from = from
    this.needsGrad = needsGrad
    this.#buffer = buffer
  }

  get buffer(): BufferId {
    if (this.#buffer === 0 && this.#make) {
      this.#buffer = this.scope.backend.alloc(this.dtype, this.size)
      this.#make(this.#buffer)
    }
    if (this.#buffer === 0) {
      throw new HoneError(
        'E_FREED',
        `a tensor of shape [${this.shape}] made by '${this.from}' was used after it was freed`,
        {
          help: 'Read it before its scope ends, and before the backward pass when a tape records.',
        },
      )
    }
    return this.#buffer
  }

  get freed(): boolean {
    return this.#buffer === 0
  }

  /** Says how to fill a buffer with the same bits again: for what costs little to compute and much to keep. */
  repeatedBy(make: (buffer: BufferId) => void): void {
    this.#make = make
  }

  /** Gives the buffer back after its last use going forward; where the backward pass reads it, it is made again. */
  forget(): void {
    const make = this.#make
    if (this.scope.recording && !make) return
    this.release()
    if (this.scope.recording) this.#make = make
  }

  /** Gives the buffer back: nothing will read it again. */
  release(): void {
    this.#make = null
    if (this.#buffer === 0) return
    this.scope.backend.free(this.#buffer)
    this.#buffer = 0
  }

  /** Takes the buffer away without freeing it: the caller owns it now. */
  take(): BufferId {
    const buffer = this.buffer
    this.#buffer = 0
    return buffer
  }

  /** The values as stored. */
  read(): Promise<Values> {
    return this.scope.backend.read(this.buffer, 0, this.size)
  }

  /** The single value of a tensor of one element. */
  async item(): Promise<number> {
    if (this.size !== 1)
      throw new HoneError('E_SHAPE', `item() of a tensor of shape [${this.shape}], expected one element`)
    return Number((await this.read())[0])
  }
}

/**
 * A weight: lives as long as its model. `master` trains and is f32; a frozen weight may be stored in any dtype.
 * `grad` is allocated with the first gradient and added to until the optimizer's step clears it.
 */
export class Parameter {
  readonly name: string
  readonly backend: Backend
  readonly shape: Shape
  readonly dtype: DType
  readonly size: number
  readonly buffer: BufferId
  #grad: BufferId = 0
  #trainable: boolean

  constructor(name: string, backend: Backend, shape: Shape, dtype: DType = 'f32', trainable = true) {
    this.name = name
    this.backend = backend
    this.shape = shape
    this.dtype = dtype
    this.size = sizeOf(shape)
    this.buffer = backend.alloc(dtype, this.size, shape.at(-1))
    this.#trainable = trainable
    if (trainable && dtype !== 'f32') {
      throw new HoneError('E_DTYPE', `${name} is stored as ${dtype}; a trained weight needs an f32 master`)
    }
  }

  get trainable(): boolean {
    return this.#trainable
  }

  /** Stops this weight from learning; its gradient is freed. */
  freeze(): void {
    this.#trainable = false
    if (this.#grad) this.backend.free(this.#grad)
    this.#grad = 0
  }

  get hasGrad(): boolean {
    return this.#grad !== 0
  }

  /** The gradient's buffer, zero at first. */
  grad(): BufferId {
    if (this.#grad === 0) {
      this.#grad = this.backend.alloc('f32', this.size)
      this.zeroGrad()
    }
    return this.#grad
  }

  zeroGrad(): void {
    if (this.#grad) this.backend.run('fill', { y: this.#grad, n: this.size, value: 0 })
  }

  write(values: Values): void {
    this.backend.write(this.buffer, values)
  }

  read(): Promise<Values> {
    return this.backend.read(this.buffer, 0, this.size)
  }

  readGrad(): Promise<Values> {
    return this.backend.read(this.grad(), 0, this.size)
  }

  dispose(): void {
    if (this.#grad) this.backend.free(this.#grad)
    this.#grad = 0
    this.backend.free(this.buffer)
  }
}
