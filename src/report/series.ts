import { type Json, type RunRecord, readRun } from '../runs/index.ts'
import type { SampleEvent, TrainEvent, WarningEvent } from '../train/events.ts'
import type { RoundData } from './rounds.ts'

/** A figure over the updates of a run; both arrays have the same length. */
export interface Series {
  steps: number[]
  values: number[]
}

export interface RunData {
  record: RunRecord
  /** `loss`, `learningRate`, `gradNorm`, `tokensPerSecond`, and the objective's metrics as `metric: NAME`. */
  training: Map<string, Series>
  /** `loss` and metrics of evaluations, under the same names. */
  evaluation: Map<string, Series>
  samples: SampleEvent[]
  /** Of a model that learns from answers of its own. */
  rounds: RoundData[]
  warnings: WarningEvent[]
  tokens: number
  /** Seconds of updates. */
  seconds: number
}

const keptSamples = 12
/** Answers of a round on the page: some 5 MB of a report of many rounds. */
const keptAnswers = 2000

function add(series: Map<string, Series>, name: string, step: unknown, value: unknown): void {
  if (typeof step !== 'number' || typeof value !== 'number' || !Number.isFinite(value)) return
  const known = series.get(name) ?? { steps: [], values: [] }
  series.set(name, known)
  known.steps.push(step)
  known.values.push(value)
}

/** Reads all that a report shows of one run. */
export async function readRunData(folder: string): Promise<RunData> {
  const record = await readRun(folder)
  const data: RunData = {
    record,
    training: new Map(),
    evaluation: new Map(),
    samples: [],
    rounds: [],
    warnings: [],
    tokens: 0,
    seconds: 0,
  }
  const addAll = (series: Map<string, Series>, event: Json, names: readonly string[]) => {
    for (const name of names) add(series, name, event.step, event[name])
    for (const [name, value] of Object.entries(event.metrics ?? {})) add(series, `metric: ${name}`, event.step, value)
  }
  let answers: SampleEvent[] = []
  for await (const event of record.events() as AsyncGenerator<TrainEvent>) {
    if (event.type === 'step') {
      addAll(data.training, event as unknown as Json, ['loss', 'learningRate', 'gradNorm'])
      add(data.training, 'tokensPerSecond', event.step, event.tokens / event.seconds)
      data.tokens += event.tokens
      data.seconds += event.seconds
    } else if (event.type === 'eval') addAll(data.evaluation, event as unknown as Json, ['loss'])
    else if (event.type === 'round') {
      data.rounds.push({ event, samples: answers })
      answers = []
    } else if (event.type === 'sample' && event.round !== undefined) {
      if (answers.length < keptAnswers) answers.push(event)
    } else if (event.type === 'sample') {
      data.samples.push(event)
      if (data.samples.length > keptSamples) data.samples.shift()
    } else if (event.type === 'warning') data.warnings.push(event)
  }
  return data
}

/** Part of a series that is drawn as one point. */
export interface Bucket {
  step: number
  mean: number
  min: number
  max: number
}

/** At most `count` buckets of neighbours; a series that is short enough keeps its points. */
export function bucket({ steps, values }: Series, count = 240): Bucket[] {
  const size = Math.max(1, Math.ceil(values.length / count))
  const buckets: Bucket[] = []
  for (let at = 0; at < values.length; at += size) {
    const part = values.slice(at, at + size)
    const mean = part.reduce((sum, value) => sum + value, 0) / part.length
    const step = steps[Math.min(at + size, steps.length) - 1]
    buckets.push({ step, mean, min: Math.min(...part), max: Math.max(...part) })
  }
  return buckets
}

function movingAverage(values: readonly number[], decay: number): number[] {
  let sum = 0
  let weight = 0
  return values.map((value) => {
    sum = decay * sum + value
    weight = decay * weight + 1
    return sum / weight
  })
}

/**
 * Exponentially weighted mean of the neighbours on both sides, so that the course does not lag behind its values; a
 * neighbour's weight halves every `halfLife` values.
 */
export function smooth(values: readonly number[], halfLife: number): number[] {
  const decay = 0.5 ** (1 / Math.max(halfLife, 1e-9))
  const before = movingAverage(values, decay)
  const after = movingAverage(values.toReversed(), decay).reverse()
  return values.map((_, i) => (before[i] + after[i]) / 2)
}
