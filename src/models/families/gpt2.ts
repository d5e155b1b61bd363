import { HoneError } from '../../base/index.ts'
import { activationOf, type Family, MOST_LAYERS, MOST_WIDTH } from './family.ts'

/** GPT-2 (Radford et al. 2019): LayerNorm, learned positions, biases everywhere, weights stored input-major. */
export const gpt2: Family = {
  className: 'GPT2LMHeadModel',
  ignored: /\.attn\.(masked_)?bias$/,
  read: (config) => {
    if (config.flag('add_cross_attention', false)) {
      throw new HoneError('E_CONFIG', `${config.where}: add_cross_attention is true, expected a decoder alone`)
    }
    const width = config.integer('n_embd', undefined, MOST_WIDTH)
    const layers = config.integer('n_layer', undefined, MOST_LAYERS)
    const heads = config.integer('n_head')
    if (width % heads !== 0) {
      throw new HoneError('E_CONFIG', `${config.where}: n_embd ${width} does not divide into ${heads} heads`)
    }
    const headWidth = width / heads
    const scale = config.flag('scale_attn_weights', true) ? headWidth ** -0.5 : 1
    const byLayer = config.flag('scale_attn_by_inverse_layer_idx', false)
    return {
      vocabSize: config.integer('vocab_size'),
      width,
      layers,
      heads,
      keyHeads: heads,
      headWidth,
      mlpWidth: config.integer('n_inner', 4 * width),
      contextLength: config.integer('n_positions'),
      tiedEmbeddings: config.flag('tie_word_embeddings', true),
      norm: { kind: 'layer', eps: config.number('layer_norm_epsilon', 1e-5), offset: 0 },
      activation: activationOf(config, 'activation_function', 'gelu_new'),
      biases: { qkv: true, output: true, mlp: true },
      scales: Array.from({ length: layers }, (_, layer) => scale / (byLayer ? layer + 1 : 1)),
      windows: Array(layers).fill(0),
      attentionSoftcap: 0,
      logitSoftcap: 0,
      embeddingScale: 1,
      rope: null,
      inputMajor: true,
      names: {
        prefix: 'transformer.',
        embedding: 'transformer.wte',
        positions: 'transformer.wpe',
        layers: 'transformer.h',
        attentionNorm: 'ln_1',
        qkv: 'attn.c_attn',
        output: 'attn.c_proj',
        mlpNorm: 'ln_2',
        up: 'mlp.c_fc',
        down: 'mlp.c_proj',
        finalNorm: 'transformer.ln_f',
        head: 'lm_head',
      },
    }
  },
}
