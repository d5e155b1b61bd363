import { type Family, layerWindows, standard } from './family.ts'

/** Mistral (Jiang et al. 2023): Llama with a sliding window in every layer, where `sliding_window` is set. */
export const mistral: Family = {
  className: 'MistralForCausalLM',
  read: (config) => ({ ...standard(config), windows: layerWindows(config, () => true) }),
}
