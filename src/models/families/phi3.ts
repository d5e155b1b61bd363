import { type Family, layerWindows, llamaNames, standard } from './family.ts'

const { query, key, value, gate, up, ...shared } = llamaNames

/** Phi-3 and Phi-4 (Abdin et al. 2024): fused projections, partial rotation, LongRoPE. */
export const phi3: Family = {
  className: 'Phi3ForCausalLM',
  read: (config) => ({
    ...standard(config),
    windows: layerWindows(config, () => true, 0),
    names: { ...shared, qkv: 'self_attn.qkv_proj', gateUp: 'mlp.gate_up_proj' },
  }),
}
