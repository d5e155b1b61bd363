import { type Family, standard } from './family.ts'

/** Llama 1, 2, 3 (Touvron et al. 2023; Grattafiori et al. 2024) and the many models in its format. */
export const llama: Family = {
  className: 'LlamaForCausalLM',
  read: (config) => {
    const attention = config.flag('attention_bias', false)
    return {
      ...standard(config),
      biases: { qkv: attention, output: attention, mlp: config.flag('mlp_bias', false) },
    }
  },
}
