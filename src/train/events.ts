/** What a trainer says while it runs. The CLI, the report, the recipes and the tests consume the same stream. */
export type TrainEvent = StepEvent | EvalEvent | SampleEvent | RoundEvent | WarningEvent

export interface StepEvent {
  type: 'step'
  /** Updates done, this one included: 1, 2, … */
  step: number
  loss: number
  learningRate: number
  /** Norm of the gradient before clipping. */
  gradNorm: number
  /** Tokens run through the model in this update, and how many of them carried loss. */
  tokens: number
  lossTokens: number
  /** Wall-clock seconds of this update. */
  seconds: number
  /** Passes over the data so far, fractional. */
  epoch: number
  /** The objective's own figures: accuracy, margins, … */
  metrics: Record<string, number>
}

export interface EvalEvent {
  type: 'eval'
  step: number
  loss: number
  metrics: Record<string, number>
}

export interface SampleEvent {
  type: 'sample'
  step: number
  prompt: string
  text: string
  score?: number
  /** From 1; with the three below of an answer that was drawn to learn from. */
  round?: number
  /** What it was learnt as, or null where it was left out. */
  role?: string | null
  tokens?: number
  finish?: 'eos' | 'stop' | 'length'
}

/** A round of answers has been drawn and judged, and what is learnt from it is ready. A checkpoint follows. */
export interface RoundEvent {
  type: 'round'
  /** From 1. */
  round: number
  /** Updates done before it. */
  step: number
  prompts: number
  samples: number
  /** Rows that came of them. */
  rows: number
  /** Wall-clock seconds of drawing and judging. */
  seconds: number
  /** `score` and `bestScore` (means over prompts), `length` in tokens, … */
  metrics: Record<string, number>
}

export interface WarningEvent {
  type: 'warning'
  code: string
  message: string
  /** How often, for what is counted and not repeated. */
  count?: number
}

/**
 * A trainer seen from the driver: it runs step by step, and its whole state (weights, optimizer, data cursor, objective
 * state, best-so-far) goes into and comes out of a folder, such that the steps after `load` have the same bits as
 * without the break.
 *
 * `save` is called while `run` rests at a yield, and after it returned or threw `E_ABORTED`. The state counts what was
 * yielded, not what was computed: `run` after `load` yields exactly the events that had not been yielded when `save` was
 * called. (An evaluation that gives several events keeps those still owed in a queue that is part of the state.)
 */
export interface Training {
  /** Updates that a full run makes. */
  readonly totalSteps: number
  /** Updates done. */
  readonly step: number
  /** True while events of the last update (its evaluation) are still to be yielded: a checkpoint that is due waits. */
  readonly owed?: boolean
  /** Does updates until the end, yielding events; may be called again after a `return`. */
  run(options?: { signal?: AbortSignal }): AsyncGenerator<TrainEvent>
  /** Writes the state into an existing, empty folder. The caller makes it atomic. */
  save(folder: string): Promise<void>
  load(folder: string): Promise<void>
  /** Writes the result, a model that other tools read, into an existing, empty folder. */
  finish(folder: string): Promise<void>
  /** Frees the engine's memory. */
  close(): Promise<void>
}
