import type { ConfigReader } from '../config-reader.ts'
import { type Family, layerWindows, standard } from './family.ts'

/** Qwen's windows: only with `use_sliding_window`, and from layer `max_window_layers` on. */
export const qwenWindows = (config: ConfigReader, layers: number): number[] =>
  config.flag('use_sliding_window', false)
    ? layerWindows(config, (layer) => layer >= config.number('max_window_layers', 28))
    : Array(layers).fill(0)

/** Qwen2 and Qwen2.5 (Yang et al. 2024): Llama with biases on query, key and value. */
export const qwen2: Family = {
  className: 'Qwen2ForCausalLM',
  read: (config) => {
    const base = standard(config)
    const biases = { qkv: true, output: false, mlp: false }
    return { ...base, biases, windows: qwenWindows(config, base.layers) }
  },
}
