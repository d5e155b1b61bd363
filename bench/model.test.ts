import { openBackend } from 'hone-lm/tensor'
import { expect, test } from 'vitest'
import { modelOf } from './model.ts'
import { shapes } from './shapes.ts'

const deviation = (values: Float32Array) => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length)

test('matrices are normal(0, 0.02) to their last row, gains are 1', async () => {
  const backend = await openBackend({ threads: 1 })
  const model = modelOf({ ...shapes['a'], layers: 1 }, backend)
  for (const parameter of model.parameters.values()) {
    const { name, shape, size } = parameter
    const values = Float32Array.from((await parameter.read()) as Float32Array)
    if (shape.length < 2) {
      expect(new Set(values), name).toEqual(new Set([1]))
      continue
    }
    const width = size / shape[0]
    const last = values.subarray(size - width)
    expect(deviation(values), name).toBeCloseTo(0.02, 3)
    expect(deviation(last), name).toBeGreaterThan(0.015)
    expect(last, name).not.toEqual(values.subarray(0, width))
  }
  backend.close()
})
