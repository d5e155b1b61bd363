import { HoneError } from '../../base/index.ts'
import { activationOf, type Family, layerWindows, llamaNames, standard } from './family.ts'

/**
 * Gemma 2 (Gemma Team 2024): gains stored as 1 + w, norms before and behind each block, soft caps on scores and logits,
 * every other layer with a window, embeddings scaled by √D.
 */
export const gemma2: Family = {
  className: 'Gemma2ForCausalLM',
  read: (config) => {
    if (config.flag('use_bidirectional_attention', false)) {
      throw new HoneError('E_CONFIG', `${config.where}: use_bidirectional_attention is true, expected a causal decoder`)
    }
    const base = standard(config, 256)
    return {
      ...base,
      tiedEmbeddings: config.flag('tie_word_embeddings', true),
      norm: { ...base.norm, offset: 1 },
      activation: activationOf(config, 'hidden_activation', 'gelu_pytorch_tanh'),
      scales: Array(base.layers).fill(config.number('query_pre_attn_scalar', 256) ** -0.5),
      windows: layerWindows(config, (layer) => layer % 2 === 0),
      attentionSoftcap: config.optional('attn_logit_softcapping', 50),
      logitSoftcap: config.optional('final_logit_softcapping', 30),
      embeddingScale: Math.sqrt(base.width),
      names: {
        ...llamaNames,
        outputNorm: 'post_attention_layernorm',
        mlpNorm: 'pre_feedforward_layernorm',
        downNorm: 'post_feedforward_layernorm',
      },
    }
  },
}
