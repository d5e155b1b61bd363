/** A figure with its 95 % interval over `n` items. */
export interface EvalFigure {
  metric: string
  value: number
  low: number
  high: number
  n: number
}
/** What an evaluation gives for one model. */
export interface EvalTable {
  tasks: Record<string, EvalFigure>
}

/** What a proof gave, as far as it is shown. Figures have one value a seed. */
export interface ProofFigures {
  id: string
  claim: string
  baseline: string
  checks: readonly {
    what: string
    measured: { value: number; low: number; high: number }
    wanted: { side: 'at least' | 'at most'; bound: number }
    holds: boolean
    refuted: boolean
  }[]
  /** By arm, then by name. */
  figures: Readonly<
    Record<string, Readonly<Record<string, { value: number; low: number; high: number; values: readonly number[] }>>>
  >
  settings: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

/** One prompt and what several models answered. */
export interface SampleRow {
  prompt: string
  /** By model name. */
  answers: Record<string, string>
  /** By model name: whether a verifier took the answer. */
  verdicts?: Record<string, boolean>
}

/** What a report shows beside the runs. */
export interface ReportExtra {
  title?: string
  /** Evaluations by model name, in the order of comparison: { base, sft, dpo }. */
  tables?: Record<string, EvalTable>
  samples?: readonly SampleRow[]
  notes?: readonly string[]
}

const losses = /loss|nll|perplexity|bits/i

/** Whether a metric's figures are shares from 0 to 1, shown in percent. */
export const isShare = (figures: readonly EvalFigure[]): boolean =>
  figures.every(({ metric, low, high }) => !losses.test(metric) && low >= 0 && high <= 1)

/** Whether less of a metric is better. */
export const isLowerBetter = (metric: string): boolean => losses.test(metric)
