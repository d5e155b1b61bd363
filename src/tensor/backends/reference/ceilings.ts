import type { ReferenceKernel } from './kernels.ts'

export const ceilings: { [K in 'multiplyAdds' | 'blockSums']: ReferenceKernel<K> } = {
  multiplyAdds: ({ y }, { n, steps, precision }) => {
    for (let i = 0; i < n; i++) {
      for (let step = 0; step < steps; step++) y[i] = precision === 1 ? y[i] + 2 ** -13 : y[i] * 0.999 + 0.001
    }
  },
  blockSums: ({ x, y }, { n }) => {
    for (let from = 0; from < n; from += 65536) {
      y[from / 65536] = x.subarray(from, Math.min(n, from + 65536)).reduce((sum, value) => sum + value, 0)
    }
  },
}
