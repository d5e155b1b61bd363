import { HoneError } from '../base/index.ts'
import type { Backend } from './backend.ts'
import type { BufferId, KernelName } from './kernels.ts'
import type { Parameter } from './tensor.ts'

/** Settings of every optimizer; each reads those that it has. */
export interface OptimizerConfig {
  kind: keyof typeof rules
  /** Decoupled decay per unit of learning rate; on matrices alone, as norms and biases have no scale to lose. */
  weightDecay: number
  /** Largest norm of the whole gradient; 0 does not clip. */
  clip: number
  momentum: number
  beta1: number
  beta2: number
  eps: number
}

export const optimizerDefaults: OptimizerConfig = {
  kind: 'adamw',
  weightDecay: 0,
  clip: 1,
  momentum: 0,
  beta1: 0.9,
  beta2: 0.999,
  eps: 1e-8,
}

interface Update {
  p: BufferId
  g: BufferId
  factor: BufferId
  n: number
  learningRate: number
  weightDecay: number
  /** Updates done with this one: 1, 2, … */
  step: number
  config: OptimizerConfig
}

interface OptimizerRule {
  kernel: KernelName
  /** Names of the buffers it keeps for each parameter. */
  state: readonly string[]
  update(backend: Backend, state: BufferId[], update: Update): void
}

/** In order of growing complexity; each is one kernel over one parameter. */
const rules = {
  sgd: {
    kernel: 'sgd',
    state: ['momentum'],
    update: (backend, [m], { p, g, factor, n, learningRate, weightDecay, config }) =>
      backend.run('sgd', { p, m, g, factor, n, learningRate, momentum: config.momentum, weightDecay }),
  },
  lion: {
    kernel: 'lion',
    state: ['momentum'],
    update: (backend, [m], { p, g, factor, n, learningRate, weightDecay, config: { beta1, beta2 } }) =>
      backend.run('lion', { p, m, g, factor, n, learningRate, beta1, beta2, weightDecay }),
  },
  adamw: {
    kernel: 'adamw',
    state: ['mean', 'square'],
    update: (backend, [m, v], { p, g, factor, n, learningRate, weightDecay, step, config: { beta1, beta2, eps } }) =>
      backend.run('adamw', { p, m, v, g, factor, n, learningRate, beta1, beta2, eps, weightDecay, step }),
  },
} satisfies Record<string, OptimizerRule>

export const optimizerKinds = Object.keys(rules) as (keyof typeof rules)[]

export interface Optimizer {
  readonly config: OptimizerConfig
  /** Updates done. Settable for resuming. */
  steps: number
  /**
   * One update from the gradients that have accumulated, which are cleared. Resolves to the norm of the whole gradient
   * before clipping.
   * @throws HoneError E_NON_FINITE before anything is changed, where that norm is not a number.
   */
  step(learningRate: number): Promise<number>
  /** The state buffers with names, for checkpoints. */
  state(): { name: string; buffer: BufferId; size: number }[]
  dispose(): void
}

/** @param parameters what learns, in a fixed order */
export function openOptimizer(
  backend: Backend,
  parameters: Parameter[],
  config: Partial<OptimizerConfig> = {},
): Optimizer {
  const settings = { ...optimizerDefaults, ...config }
  const rule: OptimizerRule = rules[settings.kind]
  const states = parameters.map(({ size }) =>
    rule.state.map(() => {
      const buffer = backend.alloc('f32', size)
      backend.run('fill', { y: buffer, n: size, value: 0 })
      return buffer
    }),
  )
  const sums = backend.alloc('f32', Math.max(parameters.length, 1))
  const factor = backend.alloc('f32', 2)

  return {
    config: settings,
    steps: 0,
    async step(learningRate) {
      for (const [index, parameter] of parameters.entries()) {
        backend.run('sumSquares', { x: parameter.grad(), y: sums, n: parameter.size, index })
      }
      backend.run('clipFactor', { sums, y: factor, count: parameters.length, maxNorm: settings.clip })
      const norm = Number((await backend.read(factor, 0, 1))[0])
      if (!Number.isFinite(norm)) {
        throw new HoneError(
          'E_NON_FINITE',
          `the gradient's norm is ${norm} at update ${this.steps + 1}; nothing was changed`,
          {
            help: 'Lower the learning rate or look at the batch named above; the last checkpoint is good.',
          },
        )
      }
      this.steps++
      for (const [index, parameter] of parameters.entries()) {
        rule.update(backend, states[index], {
          p: parameter.buffer,
          g: parameter.grad(),
          factor,
          n: parameter.size,
          learningRate,
          weightDecay: parameter.shape.length > 1 ? settings.weightDecay : 0,
          step: this.steps,
          config: settings,
        })
        parameter.zeroGrad()
      }
      return norm
    },
    state: () =>
      parameters.flatMap(({ name, size }, index) =>
        rule.state.map((part, k) => ({ name: `${part}.${name}`, buffer: states[index][k], size })),
      ),
    dispose() {
      for (const buffers of states) for (const buffer of buffers) backend.free(buffer)
      backend.free(sums)
      backend.free(factor)
    },
  }
}
