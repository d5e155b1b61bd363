import type { TokenTree } from '../batch/index.ts'
import type { Completion, Prompt, Sampling, TextPiece } from '../generate/index.ts'
import type { ModelConfig } from '../models/types.ts'
import type { Objective, Params } from '../objectives/index.ts'

/**
 * What an engine can give beyond a sample: log-probs of the targets; of given other tokens (`candidates` of a batch); the
 * most probable tokens; log-probs under blended inputs (`inputMix`) or mixed hidden states (`hiddenMix`); or, of a reward model,
 * the score at the last token of each sequence in their place.
 */
export type Readout = 'logprob' | 'score' | 'logprobsOf' | 'topk' | 'inputMix' | 'hiddenMix'

export interface ForwardResult {
  /** [P] of the targets; empty from a reward model. */
  logprobs: Float32Array
  /** [N] of the sequences, from a reward model. */
  scores?: Float32Array
  /** [P · count] of the batch's `candidates`, or [2 M] of both tokens of each pair of its `hiddenMix`. */
  extra?: Float32Array
  /** The `topk` most probable tokens at each target, in order: [P · topk]. */
  topk?: { count: number; tokens: Int32Array; logprobs: Float32Array }
}

/** What a training asks of an engine beside the call's own arguments. */
export interface CallOptions {
  signal?: AbortSignal
}

export interface ForwardOptions extends CallOptions {
  /** False reads the base model without its adapter. */
  adapter?: boolean
}

export interface ReadOptions extends ForwardOptions {
  /** How many of the most probable tokens at each target are wanted too. */
  topk?: number
}

export interface SampleOptions extends ForwardOptions {
  /**
   * Draws from π^(1−share) · other^share, token by token (Nash-MD's mixture). The other is the model without its adapter, or
   * an engine of a model that was opened beside this one's.
   */
  mixture?: { share: number; other?: Engine }
  /** Called with each piece of text as it becomes certain; the pieces of a completion together are its text. */
  onText?(piece: TextPiece): void
}

export interface ForwardBackwardOptions<P extends Params> extends CallOptions {
  objective: Objective<P>
  params: P
  /** For each batch the reference model's log-probs of its targets, where the objective needs them. */
  reference?: (Float32Array | null)[]
  /** The objective's running figures before this update, where it has some. */
  state?: Readonly<Record<string, number>>
  /** Seed of this update's dropout; absent: nothing is dropped. */
  dropoutSeed?: number
}

export interface ForwardBackwardResult {
  /** Mean over all batches. */
  loss: number
  metrics: Record<string, number>
  /** For each batch the log-probs of its targets; empty from a reward model. */
  logprobs: Float32Array[]
  /** The objective's running figures after this update. */
  state?: Record<string, number>
}

/**
 * The waist: all that trainers, recipes and the command line ask of a model. `local.ts` does it on this machine.
 * Calls are done in the order in which they are made.
 */
export interface Engine {
  readonly config: ModelConfig
  /** Recorded in runs: bits are promised within one backend and instruction set. */
  readonly hardware: { backend: string; isa: string; threads: number }
  readonly readouts: ReadonlySet<Readout>
  /** Updates that the weights have seen. */
  readonly weightsVersion: number

  /** The log-prob of each target of the batch, or the score of each of its sequences. */
  forward(batch: TokenTree, options?: ReadOptions): Promise<ForwardResult>
  /**
   * Loss and gradient of an objective over some micro-batches that form one update; gradients accumulate.
   * @throws HoneError E_READOUT for what the model does not give, E_NON_FINITE naming the rows of the batch; no gradient
   * remains
   */
  forwardBackward<P extends Params>(
    batches: readonly TokenTree[],
    options: ForwardBackwardOptions<P>,
  ): Promise<ForwardBackwardResult>
  /** One update from what has accumulated. Waits for open `sample` calls, or refuses (E_SAMPLING) where `busy` says so. */
  optimStep(options: { learningRate: number; busy?: 'wait' | 'refuse' }): Promise<{ gradNorm: number }>
  /** Completions as they end. */
  sample(prompts: readonly Prompt[], sampling: Partial<Sampling>, options?: SampleOptions): AsyncIterable<Completion>
  /** Drops the gradients that have accumulated. */
  zeroGrad(): void

  /** Writes what learns, as masters, and the optimizer's state into a folder. */
  save(folder: string): Promise<void>
  load(folder: string): Promise<void>
  close(): Promise<void>
}
