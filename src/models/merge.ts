import { HoneError } from '../base/index.ts'
import { isQuantised } from '../tensor/index.ts'
import type { Model } from './types.ts'
import { addOverlay, mergedCopy, overlayOf } from './weights.ts'

/**
 * Adds scale · B·A to the weights under a model's adapter and takes the adapter off. Weights stored in 16 bits are
 * rounded to them again; where that matters, export instead: it adds the parts in f32 and rounds once.
 * @throws HoneError E_ADAPTER where there is none, or the weights under it are quantised
 */
export function mergeAdapter(model: Model): void {
  const { adapter, backend } = model
  if (!adapter) throw new HoneError('E_ADAPTER', 'the model has no adapter to merge')
  const coarse = [...model.parameters.values()].find(({ name, dtype }) => isQuantised(dtype) && overlayOf(model, name))
  if (coarse) {
    throw new HoneError('E_ADAPTER', `${coarse.name} is stored as ${coarse.dtype}, too coarse to add an adapter to`, {
      help: 'Open the model without quantize and merge there, or use `hone merge-adapter`.',
    })
  }
  for (const [name, parameter] of model.parameters) {
    const overlay = overlayOf(model, name)
    if (!overlay) continue
    if (parameter.dtype === 'f32') addOverlay(backend, parameter.buffer, overlay, model.architecture.inputMajor)
    else {
      const merged = mergedCopy(model, parameter, overlay)
      backend.run('copy', { x: merged, y: parameter.buffer, n: parameter.size, xOffset: 0, yOffset: 0 })
      backend.free(merged)
    }
  }
  model.setAdapter(null)
  for (const parameter of adapter.parameters.values()) parameter.dispose()
}
