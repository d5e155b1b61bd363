/**
 * The vocabulary between tensors and backends: every kernel with its buffers and its numbers, in the order in which
 * they travel. A backend implements as many of these as it can and says which; nothing else ever reaches it.
 *
 * Conventions
 * - Matrices are row-major and dense. Activations and gradients are f32 (f64 in the reference); a buffer named `w`,
 *   `table`, `a` or `b` may also be stored as bf16 or f16 and is widened on the way in. Ids and plans are i32. The b of
 *   `matmul`, the w of the vocabulary's kernels and the x of `gatherRows` and `copy` may be quantised: then they have the
 *   rows that they were allocated with, and their values are f32 numbers like any other.
 * - `accumulate` = 1 adds to the output instead of replacing it. Gradients of weights (`dw`, `db`, `dTable`) are always
 *   added. A name with '?' may be null.
 * - Every forward reduction has an order fixed by its own length alone (never by how many rows there are, by the thread
 *   count or by the place in a pack); backward reductions have an order that does not depend on the thread count.
 * - Letters: T rows (tokens), D width, H heads, G key/value heads, E width of a head, V vocabulary.
 */
export const kernelSpecs = {
  /** y[i] = value */
  fill: { buffers: ['y'], numbers: ['n', 'value'] },
  /**
   * y[yOffset + i] = x[xOffset + i]; converts between dtypes (to bf16 and f16: nearest, ties to even). Quantised buffers
   * give and take whole rows; a block with a value that is not finite becomes NaN.
   */
  copy: { buffers: ['x', 'y'], numbers: ['n', 'xOffset', 'yOffset'] },
  /** y += alpha · x */
  axpy: { buffers: ['x', 'y'], numbers: ['n', 'alpha'] },
  /** y = f(x), f by `unaryKinds`. */
  unary: { buffers: ['x', 'y'], numbers: ['n', 'kind'] },
  /** dx (+)= dy · f′(x) */
  unaryGrad: { buffers: ['x', 'dy', 'dx'], numbers: ['n', 'kind', 'accumulate'] },
  /** y[i] = a[⌊i / aRepeat⌋ mod aLength] ∘ b[⌊i / bRepeat⌋ mod bLength], ∘ by `binaryKinds`. */
  binary: { buffers: ['a', 'b', 'y'], numbers: ['n', 'kind', 'aLength', 'aRepeat', 'bLength', 'bRepeat'] },
  /** y[r] (+)= Σ_c x[r, c] */
  sumRows: { buffers: ['x', 'y'], numbers: ['rows', 'columns', 'accumulate'] },
  /** y[c] (+)= Σ_r x[r, c] */
  sumColumns: { buffers: ['x', 'y'], numbers: ['rows', 'columns', 'accumulate'] },
  /** y[index] = Σ x², summed in f64 in chunks of a fixed length. */
  sumSquares: { buffers: ['x', 'y'], numbers: ['n', 'index'] },

  /** y[i, :] = x[index[i], :]; x may be bf16 or f16. Embedding, and selection of positions. */
  gatherRows: { buffers: ['x', 'index', 'y'], numbers: ['count', 'width'] },
  /** y[index[i], :] = x[i, :] */
  scatterRows: { buffers: ['x', 'index', 'y'], numbers: ['count', 'width'] },
  /** y[index[i], :] += x[i, :], in the order of i. */
  scatterAddRows: { buffers: ['x', 'index', 'y'], numbers: ['count', 'width'] },

  /** y[r, c] = x[r, from + c] for c < count; x has `columns` columns. */
  sliceColumns: { buffers: ['x', 'y'], numbers: ['rows', 'columns', 'from', 'count'] },
  /** y[r, from + c] += x[r, c] for c < count; y has `columns` columns. */
  addColumns: { buffers: ['x', 'y'], numbers: ['rows', 'columns', 'from', 'count'] },

  /**
   * y[m, n] (+)= alpha · op(a) · op(b) (+ bias[n]). op(a) is [m, k]: stored [m, k], or [k, m] with transA = 1; op(b) is
   * [k, n]: stored [k, n], or [n, k] with transB = 1. precision 1 multiplies in bf16 and adds in f32. `weight` = 1
   * says that b is a weight which stays the same over many calls: the backend may keep it packed until it is written.
   */
  matmul: {
    buffers: ['a', 'b', 'y', 'bias?'],
    numbers: ['m', 'n', 'k', 'transA', 'transB', 'accumulate', 'alpha', 'precision', 'weight'],
  },

  /** rstd[t] = (mean_d x² + eps)^−½; y = x · rstd · (offset + w) (Zhang & Sennrich 2019; offset 1 in Gemma). */
  rmsnorm: { buffers: ['x', 'w', 'y', 'rstd'], numbers: ['rows', 'width', 'eps', 'offset'] },
  rmsnormGrad: {
    buffers: ['x', 'w', 'rstd', 'dy', 'dx', 'dw?'],
    numbers: ['rows', 'width', 'offset', 'accumulate'],
  },
  /** y = (x − mean) · rstd · w + b */
  layernorm: { buffers: ['x', 'w', 'b', 'y', 'mean', 'rstd'], numbers: ['rows', 'width', 'eps'] },
  layernormGrad: {
    buffers: ['x', 'w', 'mean', 'rstd', 'dy', 'dx', 'dw?', 'db?'],
    numbers: ['rows', 'width', 'accumulate'],
  },

  /** cos, sin [T, half]: of positions[t] · frequencies[i], times scale; the angle is formed in f64. */
  ropeTable: { buffers: ['positions', 'frequencies', 'cos', 'sin'], numbers: ['rows', 'half', 'scale'] },
  /**
   * Rotary embedding on x [T, heads · width], the first 2 · half of each head, halves paired (i, i + half) as Hugging
   * Face does; the rest is copied. sign −1 rotates back: the gradient. y may be x.
   */
  rope: { buffers: ['x', 'cos', 'sin', 'y'], numbers: ['rows', 'heads', 'width', 'half', 'sign'] },

  /**
   * Causal attention over a token tree. q [T, H·E], k and v [rows, G·E] (this batch's, or a cache), y [T, H·E], lse [T, H].
   * segments [S, 5]: first query row, number of query rows, path position of the first, first entry in spans, number of
   * spans. spans [·, 2]: first key row, number of key rows; a segment's spans in a row are the keys of its path from
   * position 0 to its own last token. A query at position p sees positions max(0, p − window + 1) … p (window 0: all).
   * score = softcap · tanh(q·k·scale / softcap), or q·k·scale where softcap is 0. Key blocks are aligned to the path
   * position, so that a row's bits depend on its path alone. Query head h reads key head ⌊h · G / H⌋. precision 1
   * multiplies in bf16, the soft-max weights too, and adds in f32.
   */
  attention: {
    buffers: ['q', 'k', 'v', 'y', 'lse', 'segments', 'spans'],
    numbers: ['segmentCount', 'heads', 'keyHeads', 'width', 'scale', 'window', 'softcap', 'precision'],
  },
  /** dq, dk, dv are replaced; rows of k and v that no segment reads get zero (keyRows of them in all). */
  attentionGrad: {
    buffers: ['q', 'k', 'v', 'y', 'lse', 'dy', 'dq', 'dk', 'dv', 'segments', 'spans'],
    numbers: ['segmentCount', 'keyRows', 'heads', 'keyHeads', 'width', 'scale', 'window', 'softcap', 'precision'],
  },

  /** y = f(gate) · up, f by `unaryKinds` (silu, gelu, geluTanh). */
  gated: { buffers: ['gate', 'up', 'y'], numbers: ['n', 'kind'] },
  gatedGrad: { buffers: ['gate', 'up', 'dy', 'dGate', 'dUp'], numbers: ['n', 'kind'] },

  /**
   * y[r] = log softmax(cap(x[r] · wᵀ))[targets[r]] and lse[r], over w [V, D] in chunks: full logits never exist.
   * cap(z) = softcap · tanh(z / softcap), or z where softcap is 0.
   */
  logprobs: {
    buffers: ['x', 'w', 'targets', 'y', 'lse'],
    numbers: ['rows', 'width', 'vocab', 'softcap', 'precision'],
  },
  logprobsGrad: {
    buffers: ['x', 'w', 'targets', 'lse', 'dy', 'dx', 'dw?'],
    numbers: ['rows', 'width', 'vocab', 'softcap', 'precision', 'accumulate'],
  },
  /**
   * `logprobs` and `logprobsGrad` in one, for a dy that is known beforehand: each logit is formed once, and those of a
   * slice of rows are kept between the two. y are the same floats as `logprobs` gives; dx is replaced.
   */
  logprobsWithGrad: {
    buffers: ['x', 'w', 'targets', 'dy', 'y', 'dx', 'dw?'],
    numbers: ['rows', 'width', 'vocab', 'softcap', 'precision'],
  },
  /** y [R, V] = cap(x · wᵀ), the same floats that `logprobs` forms on the way. */
  logits: { buffers: ['x', 'w', 'y'], numbers: ['rows', 'width', 'vocab', 'softcap', 'precision'] },
  /** y[r] = log softmax(logits[r])[targets[r]]: the same floats as `logprobs` gives. */
  logitsLogprobs: { buffers: ['logits', 'targets', 'y'], numbers: ['rows', 'vocab'] },
  /**
   * Draws one token a row. settings [R, 4] f32: temperature (0 takes the largest, the first of equals), top-p, min-p,
   * unused; topK [R] i32 (0: all); keys [R, 4] i32: a Philox counter, under the key (seedLow, seedHigh) as 32-bit
   * words. The order: temperature, top-k, top-p, min-p. Gives tokens [R] i32, logprobs [R] (temperature 1, nothing cut
   * off: the same floats as `logprobs`), drawn [R] (log-prob in the distribution drawn from).
   */
  sampleTokens: {
    buffers: ['logits', 'settings', 'topK', 'keys', 'tokens', 'logprobs', 'drawn'],
    numbers: ['rows', 'vocab', 'seedLow', 'seedHigh'],
  },
  /** tokens [R, count] i32: the largest logits [R, V] of each row in order, equals by id; logprobs [R, count] as `logprobs`. */
  topTokens: { buffers: ['logits', 'tokens', 'logprobs'], numbers: ['rows', 'vocab', 'count'] },

  /**
   * y = x · keep / (1 − rate); keep is drawn by Philox from the key (seedLow, seedHigh) and the counter
   * (⌊column / 4⌋, positions[t], rowIds[t], stream), word column mod 4: kept where word ≥ rate · 2³². The gradient is the
   * same kernel on dy.
   */
  dropout: {
    buffers: ['x', 'y', 'rowIds', 'positions'],
    numbers: ['rows', 'width', 'rate', 'seedLow', 'seedHigh', 'stream'],
  },

  /** y[0] = the norm √Σ sums[i]; y[1] = min(1, maxNorm / norm), or 1 where maxNorm is 0. */
  clipFactor: { buffers: ['sums', 'y'], numbers: ['count', 'maxNorm'] },
  /**
   * AdamW (Loshchilov & Hutter 2019) with decoupled decay, g scaled by factor[1]:
   * m ← β₁m + (1−β₁)g; v ← β₂v + (1−β₂)g²; p ← p − lr·wd·p − lr·(m / (1−β₁ᵗ)) / (√(v / (1−β₂ᵗ)) + eps).
   */
  adamw: {
    buffers: ['p', 'm', 'v', 'g', 'factor'],
    numbers: ['n', 'learningRate', 'beta1', 'beta2', 'eps', 'weightDecay', 'step'],
  },
  /** Momentum buffer m ← momentum·m + g (+ wd·p); p ← p − lr·m. Without momentum m is null. */
  sgd: { buffers: ['p', 'm?', 'g', 'factor'], numbers: ['n', 'learningRate', 'momentum', 'weightDecay'] },
  /** Lion (Chen et al. 2023): p ← p − lr·(sign(β₁m + (1−β₁)g) + wd·p); m ← β₂m + (1−β₂)g. */
  lion: { buffers: ['p', 'm', 'g', 'factor'], numbers: ['n', 'learningRate', 'beta1', 'beta2', 'weightDecay'] },

  /**
   * The machine's ceiling in arithmetic: `steps` rounds of y ← y · 0.999 + 0.001, in registers alone; with precision 1 of
   * y ← y + 2⁻¹⁴ + 2⁻¹⁴ by a product of bf16 pairs. That is 2 · n · steps floating-point operations, with bf16 4 · n · steps;
   * n is a multiple of 256.
   */
  multiplyAdds: { buffers: ['y'], numbers: ['n', 'steps', 'precision'] },
  /** The machine's ceiling in reading: y[b] = Σ x[i] over the b-th 65536 numbers of x. */
  blockSums: { buffers: ['x', 'y'], numbers: ['n'] },
} as const

export const unaryKinds = {
  identity: 0,
  neg: 1,
  exp: 2,
  log: 3,
  sqrt: 4,
  square: 5,
  abs: 6,
  tanh: 7,
  sigmoid: 8,
  /** log σ(x) = −log1p(e^−x), by branches that never overflow. */
  logSigmoid: 9,
  softplus: 10,
  relu: 11,
  log1p: 12,
  expm1: 13,
  silu: 14,
  /** x · Φ(x), by erf. */
  gelu: 15,
  /** The tanh approximation (Hendrycks & Gimpel 2016), GPT-2's `gelu_new`. */
  geluTanh: 16,
  reciprocal: 17,
} as const

export const binaryKinds = { add: 0, sub: 1, mul: 2, div: 3, max: 4, min: 5 } as const

export type UnaryKind = keyof typeof unaryKinds
export type BinaryKind = keyof typeof binaryKinds
export type KernelName = keyof typeof kernelSpecs

type BufferNames<K extends KernelName> = (typeof kernelSpecs)[K]['buffers'][number]
type Required<Name extends string> = Name extends `${string}?` ? never : Name
type Optional<Name extends string> = Name extends `${infer Bare}?` ? Bare : never

/** A buffer of some backend; 0 is none. */
export type BufferId = number

export type KernelArgs<K extends KernelName> = { [N in Required<BufferNames<K>>]: BufferId } & {
  [N in Optional<BufferNames<K>>]: BufferId | null
} & { [N in (typeof kernelSpecs)[K]['numbers'][number]]: number }
