import { HoneError } from '../base/index.ts'
import type { Backend, DType, Values } from './backend.ts'
import { type GradientSink, gradients, type OpName, type TapeNode } from './gradients.ts'
import type { BufferId } from './kernels.ts'
import { Parameter, type Shape, sizeOf, Tensor } from './tensor.ts'

/**
 * Owns the tensors of one computation and, where it records, the tape that leads back through them. A plain value: no
 * scope is ever "current", an operation finds its scope in its inputs, so nothing can leak across an await.
 *
 *     using scope = new Scope(backend, { record: true })
 *     const y = linear(scope.from(values, [2, 3]), weight)
 *     scope.backward(y, dy)
 */
export class Scope implements Disposable {
  readonly backend: Backend
  #recording: boolean
  #owned: Tensor[] = []
  #tape: TapeNode[] = []
  #gradients = new Map<Tensor, BufferId>()

  constructor(backend: Backend, options: { record?: boolean } = {}) {
    this.backend = backend
    this.#recording = options.record ?? false
  }

  get recording(): boolean {
    return this.#recording
  }

  /** A tensor with undefined content: the output of an operation named `from`. */
  empty(shape: Shape, from: string, options: { dtype?: DType; needsGrad?: boolean } = {}): Tensor {
    const dtype = options.dtype ?? 'f32'
    const buffer = this.backend.alloc(dtype, sizeOf(shape))
    const tensor = new Tensor(this, buffer, shape, dtype, from, (options.needsGrad ?? false) && this.#recording)
    this.#owned.push(tensor)
    return tensor
  }

  /** A tensor holding these values; with `needsGrad` a leaf whose gradient can be read after `backward`. */
  from(values: Values | number[], shape: Shape = [values.length], options: { needsGrad?: boolean } = {}): Tensor {
    if (sizeOf(shape) !== values.length) {
      throw new HoneError('E_SHAPE', `${values.length} values for a tensor of shape [${shape}]`)
    }
    const dtype = values instanceof Int32Array ? 'i32' : 'f32'
    const tensor = this.empty(shape, 'from', { dtype, needsGrad: options.needsGrad })
    this.backend.write(tensor.buffer, Array.isArray(values) ? Float64Array.from(values) : values)
    return tensor
  }

  /** Notes an operation on the tape; called by operations whose output needs a gradient. */
  record(node: TapeNode): void {
    if (this.#recording && node.output.needsGrad) this.#tape.push(node)
    else for (const saved of node.saved) saved.release()
  }

  /**
   * Runs a part of a model whose inner tensors are not needed outside: without a tape they are freed at its end; with
   * `checkpoint` they are also freed, and the backward pass runs the part again (activation checkpointing, Chen et al.
   * 2016). `run` must depend on nothing that needs a gradient but its argument and parameters.
   */
  block(x: Tensor, run: (x: Tensor) => Tensor, options: { checkpoint?: boolean } = {}): Tensor {
    const outer = this.#recording
    if (outer && !options.checkpoint) return run(x)
    const mark = this.#owned.length
    this.#recording = false
    let y: Tensor
    try {
      y = run(x)
    } finally {
      this.#recording = outer
    }
    for (const tensor of this.#owned.splice(mark)) if (tensor !== y) tensor.release()
    if (!outer) {
      this.#owned.push(y)
      return y
    }
    const output = new Tensor(this, y.take(), y.shape, y.dtype, 'block', true)
    this.#owned.push(output)
    this.record({ op: 'block', inputs: [x], parameters: [], output, saved: [], attributes: { run } })
    return output
  }

  /**
   * Carries a cotangent back from `output` to every leaf and trainable parameter; parameters' gradients are added to.
   * Tensors are freed on the way, so a tape runs backward once.
   */
  backward(output: Tensor, cotangent?: Tensor): void {
    if (!this.#recording) throw new HoneError('E_TAPE', 'backward() on a scope that does not record')
    const seed = this.backend.alloc('f32', output.size)
    if (cotangent) this.backend.run('copy', { x: cotangent.buffer, y: seed, n: output.size, xOffset: 0, yOffset: 0 })
    else this.backend.run('fill', { y: seed, n: output.size, value: 1 })
    this.#addGradient(output, seed)
    this.#unwind()
  }

  #unwind(): void {
    const sink = this.#sink()
    for (let i = this.#tape.length - 1; i >= 0; i--) {
      const node = this.#tape[i]
      const dy = this.#gradients.get(node.output)
      if (dy !== undefined) {
        gradients[node.op as OpName](node as never, dy, sink)
        // An operation that only passes its cotangent on may have handed this buffer to an input.
        if (this.#gradients.get(node.output) === dy) {
          this.#gradients.delete(node.output)
          this.backend.free(dy)
        }
      }
      for (const saved of node.saved) saved.release()
      node.output.release()
    }
    this.#tape.length = 0
  }

  /** The gradient of a leaf after `backward`; zeros where nothing reached it. */
  gradient(leaf: Tensor): Promise<Values> {
    const buffer = this.#gradients.get(leaf)
    if (buffer === undefined) return Promise.resolve(new Float64Array(leaf.size))
    return this.backend.read(buffer, 0, leaf.size)
  }

  /** The buffer of a leaf's gradient after `backward`, or null; it stays this scope's. */
  gradientBuffer(leaf: Tensor): BufferId | null {
    return this.#gradients.get(leaf) ?? null
  }

  [Symbol.dispose](): void {
    for (const tensor of this.#owned) tensor.release()
    for (const buffer of this.#gradients.values()) this.backend.free(buffer)
    this.#owned.length = 0
    this.#gradients.clear()
    this.#tape.length = 0
  }

  #addGradient(tensor: Tensor, buffer: BufferId): void {
    const held = this.#gradients.get(tensor)
    if (held === undefined) this.#gradients.set(tensor, buffer)
    else {
      this.backend.run('axpy', { x: buffer, y: held, n: tensor.size, alpha: 1 })
      this.backend.free(buffer)
    }
  }

  #sink(): GradientSink {
    const { backend } = this
    return {
      backend,
      wants: (target) => (target instanceof Parameter ? target.trainable : target.needsGrad),
      into: (tensor, write) => {
        if (!tensor.needsGrad) return
        const held = this.#gradients.get(tensor)
        if (held !== undefined) write(held, 1)
        else {
          const buffer = backend.alloc('f32', tensor.size)
          write(buffer, 0)
          this.#gradients.set(tensor, buffer)
        }
      },
      fresh: (tensor, write) => {
        const buffer = backend.alloc('f32', tensor.size)
        write(buffer)
        if (tensor.needsGrad) this.#addGradient(tensor, buffer)
        else backend.free(buffer)
      },
      pass: (node, tensor, dy) => {
        if (!tensor.needsGrad) return
        if (!this.#gradients.has(tensor) && this.#gradients.get(node.output) === dy) {
          this.#gradients.delete(node.output)
          this.#gradients.set(tensor, dy)
        } else {
          const held = this.#gradients.get(tensor)
          if (held !== undefined) backend.run('axpy', { x: dy, y: held, n: tensor.size, alpha: 1 })
          else {
            const buffer = backend.alloc('f32', tensor.size)
            backend.run('copy', { x: dy, y: buffer, n: tensor.size, xOffset: 0, yOffset: 0 })
            this.#gradients.set(tensor, buffer)
          }
        }
      },
      replay: (node, dy, run) => {
        const [x] = node.inputs
        using inner = new Scope(backend, { record: true })
        const leaf = inner.empty(x.shape, 'block', { needsGrad: x.needsGrad })
        backend.run('copy', { x: x.buffer, y: leaf.buffer, n: x.size, xOffset: 0, yOffset: 0 })
        const output = run(leaf)
        inner.#gradients.set(output, dy)
        this.#gradients.delete(node.output)
        inner.#unwind()
        const dx = inner.#gradients.get(leaf)
        if (dx === undefined) return
        inner.#gradients.delete(leaf)
        this.#addGradient(x, dx)
      },
    }
  }
}
