import { type Family, llamaNames, standard } from './family.ts'
import { qwenWindows } from './qwen2.ts'

/** Qwen3 (Yang et al. 2025): RMSNorm on every query and key head, no bias unless asked for. */
export const qwen3: Family = {
  className: 'Qwen3ForCausalLM',
  read: (config) => {
    const bias = config.flag('attention_bias', false)
    const base = standard(config, 128)
    return {
      ...base,
      biases: { qkv: bias, output: bias, mlp: false },
      windows: qwenWindows(config, base.layers),
      names: { ...llamaNames, queryNorm: 'self_attn.q_norm', keyNorm: 'self_attn.k_norm' },
    }
  },
}
