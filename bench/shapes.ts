/** The models of the comparison: Llama architecture, tied embeddings, random weights. */
export interface Shape {
  width: number
  layers: number
  heads: number
  keyHeads: number
  mlp: number
  vocab: number
  /** Tokens of a row and rows of a training step. */
  length: number
  rows: number
}

export const shapes: Readonly<Record<string, Shape>> = {
  a: { width: 256, layers: 6, heads: 8, keyHeads: 4, mlp: 688, vocab: 4096, length: 256, rows: 16 },
  b: { width: 512, layers: 8, heads: 8, keyHeads: 4, mlp: 1376, vocab: 32000, length: 512, rows: 4 },
  c: { width: 768, layers: 12, heads: 12, keyHeads: 6, mlp: 2048, vocab: 32000, length: 512, rows: 2 },
}

/** A shape by its name, or any other one as JSON. */
export const shapeOf = (text: string): Shape => shapes[text] ?? JSON.parse(text)

/** The shape as a model's `config.json`. */
export function configOf(shape: Shape): Record<string, unknown> {
  return {
    model_type: 'llama',
    architectures: ['LlamaForCausalLM'],
    vocab_size: shape.vocab,
    hidden_size: shape.width,
    intermediate_size: shape.mlp,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    num_key_value_heads: shape.keyHeads,
    max_position_embeddings: 4096,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    hidden_act: 'silu',
    tie_word_embeddings: true,
    torch_dtype: 'float32',
  }
}

/** Weights; the tied embedding counts once. */
export function parametersOf({ width, layers, heads, keyHeads, mlp, vocab }: Shape): number {
  const head = width / heads
  const attention = 2 * width * width + 2 * width * keyHeads * head
  return vocab * width + width + layers * (attention + 3 * width * mlp + 2 * width)
}

/**
 * Floating-point operations of a training step per token, as everybody counts them: 6 a weight, and attention over the
 * causal half. With an adapter of rank r the frozen weights cost 4.
 */
export function flopsPerToken(shape: Shape, rank = 0): number {
  const { width, layers, heads, keyHeads, mlp, length } = shape
  const all = parametersOf(shape)
  const keyWidth = (width / heads) * keyHeads
  const adapter = rank * layers * (4 * width + 2 * (width + keyWidth) + 3 * (width + mlp))
  return (rank === 0 ? 6 * all : 4 * all + 6 * adapter) + 6 * layers * width * length
}
