import type { ReferenceKernel } from './kernels.ts'

type Names = 'clipFactor' | 'adamw' | 'sgd' | 'lion'

export const optimizers: { [K in Names]: ReferenceKernel<K> } = {
  clipFactor: ({ sums, y }, { count, maxNorm }) => {
    const norm = Math.sqrt(sums.subarray(0, count).reduce((sum, value) => sum + value, 0))
    y[0] = norm
    y[1] = maxNorm > 0 && norm > maxNorm ? maxNorm / norm : 1
  },
  adamw: ({ p, m, v, g, factor }, { n, learningRate, beta1, beta2, eps, weightDecay, step }) => {
    const correction1 = 1 - beta1 ** step
    const correction2 = 1 - beta2 ** step
    for (let i = 0; i < n; i++) {
      const gradient = g[i] * factor[1]
      m[i] = beta1 * m[i] + (1 - beta1) * gradient
      v[i] = beta2 * v[i] + (1 - beta2) * gradient * gradient
      const decayed = p[i] * (1 - learningRate * weightDecay)
      p[i] = decayed - (learningRate * (m[i] / correction1)) / (Math.sqrt(v[i] / correction2) + eps)
    }
  },
  sgd: ({ p, m, g, factor }, { n, learningRate, momentum, weightDecay }) => {
    for (let i = 0; i < n; i++) {
      const gradient = g[i] * factor[1] + weightDecay * p[i]
      if (m) m[i] = momentum * m[i] + gradient
      p[i] -= learningRate * (m ? m[i] : gradient)
    }
  },
  lion: ({ p, m, g, factor }, { n, learningRate, beta1, beta2, weightDecay }) => {
    for (let i = 0; i < n; i++) {
      const gradient = g[i] * factor[1]
      const direction = Math.sign(beta1 * m[i] + (1 - beta1) * gradient)
      p[i] -= learningRate * (direction + weightDecay * p[i])
      m[i] = beta2 * m[i] + (1 - beta2) * gradient
    }
  },
}
