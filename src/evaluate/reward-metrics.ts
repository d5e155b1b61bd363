import type { ScoredAnswers } from '../rewards/index.ts'
import { type Interval, mean, wilson } from './bootstrap.ts'

/** A forecast and what came of it: 1, 0, or between them where that is not certain. */
export interface Forecast {
  probability: number
  outcome: number
}

export interface CalibrationBin {
  from: number
  to: number
  n: number
  /** Mean forecast and mean outcome in it. */
  forecast: number
  outcome: number
}

export interface Calibration {
  /** Expected calibration error: Σ n_b / n · |mean outcome − mean forecast|. */
  ece: number
  /** Those that hold forecasts. */
  bins: CalibrationBin[]
}

export interface RewardMetrics {
  /** Share of pairs whose better answer has the greater score; equal scores count half. */
  pairs: (Interval & { n: number }) | null
  /** Share of labelled answers, or steps, whose score has the sign of their label. */
  labels: (Interval & { n: number }) | null
  /** σ(difference) as the chance that an answer wins, or σ(score) as the chance that it is good. Null where neither is known. */
  calibration: Calibration | null
  length: {
    /** Pearson's, of the scores with the tokens of all answers; null where either does not vary. */
    correlation: number | null
    /** Of pairs whose better answer is the longer one, and of those where it is not. */
    longer: (Interval & { n: number }) | null
    notLonger: (Interval & { n: number }) | null
  }
}

/** What reward models are judged by, over rows that say which of their answers are the better ones, or good ones. */
export function rewardMetrics(rows: readonly ScoredAnswers[], { bins = 10 }: { bins?: number } = {}): RewardMetrics {
  const pairs = rows.flatMap(pairsOf)
  const labels = rows.flatMap(labelsOf)
  const answers = rows.flatMap((row) => row.answers)
  const forecasts = pairs.length > 0 ? pairs.map(byConfidence) : labels
  const longer = pairs.filter(({ tokens }) => tokens > 0)
  return {
    pairs: accuracy(pairs.map(({ margin }) => wins(margin))),
    labels: accuracy(labels.map(({ probability, outcome }) => agreement(probability, outcome))),
    calibration: forecasts.length > 0 ? calibration(forecasts, { bins, from: pairs.length > 0 ? 0.5 : 0 }) : null,
    length: {
      correlation: correlation(
        answers.map(({ score }) => score),
        answers.map(({ tokens }) => tokens),
      ),
      longer: accuracy(longer.map(({ margin }) => wins(margin))),
      notLonger: accuracy(pairs.filter(({ tokens }) => tokens <= 0).map(({ margin }) => wins(margin))),
    },
  }
}

/** The better answer's lead over the worse one, in score and in tokens. */
interface Lead {
  margin: number
  tokens: number
}

/** Places of pairs that a row knows: chosen and rejected, or any two of a ranking that is not even between them. */
function pairsOf({ form, answers, values }: ScoredAnswers): Lead[] {
  const last = form === 'rankings' ? answers.length : ['pairs', 'triples', 'explorations'].includes(form) ? 2 : 0
  const grades = values['score'] as ArrayLike<number> | undefined
  const compared = answers.slice(0, last)
  return compared.flatMap((better, i) =>
    compared.slice(i + 1).flatMap((worse, j) => {
      const isEven = form === 'rankings' && grades !== undefined && grades[i] === grades[i + 1 + j]
      return isEven ? [] : [{ margin: better.score - worse.score, tokens: better.tokens - worse.tokens }]
    }),
  )
}

const labelsOf = ({ form, answers, values }: ScoredAnswers): Forecast[] =>
  form === 'unpaired' || form === 'steps'
    ? answers.map(({ score }, i) => ({ probability: sigmoid(score), outcome: values['label'][i] }))
    : []

/** Of a pair the answer that the model prefers is forecast to win; which one is named first must not matter. */
const byConfidence = ({ margin }: Lead): Forecast => ({ probability: sigmoid(Math.abs(margin)), outcome: wins(margin) })

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
const wins = (margin: number) => (Math.sign(margin) + 1) / 2
const agreement = (probability: number, outcome: number) =>
  probability === 0.5 || outcome === 0.5 ? 0.5 : Number(probability > 0.5 === outcome > 0.5)

function accuracy(right: readonly number[]): (Interval & { n: number }) | null {
  if (right.length === 0) return null
  return {
    ...wilson(
      right.reduce((sum, value) => sum + value, 0),
      right.length,
    ),
    n: right.length,
  }
}

/**
 * Reliability in bins of equal width and the expected calibration error (Guo et al. 2017, arXiv:1706.04599, eq. 3).
 * @param options.from the least forecast there can be: 0.5 where they are confidences in one of two
 */
export function calibration(
  forecasts: readonly Forecast[],
  { bins = 10, from = 0 }: { bins?: number; from?: number } = {},
): Calibration {
  const width = (1 - from) / bins
  const held: Forecast[][] = Array.from({ length: bins }, () => [])
  for (const forecast of forecasts) {
    const place = Math.floor((forecast.probability - from) / width)
    held[Math.min(bins - 1, Math.max(0, place))].push(forecast)
  }
  const filled = held.flatMap((inside, b): CalibrationBin[] => {
    if (inside.length === 0) return []
    return [
      {
        from: from + b * width,
        to: from + (b + 1) * width,
        n: inside.length,
        forecast: mean(inside.map(({ probability }) => probability)),
        outcome: mean(inside.map(({ outcome }) => outcome)),
      },
    ]
  })
  const ece =
    filled.reduce((sum, { n, forecast, outcome }) => sum + n * Math.abs(outcome - forecast), 0) / forecasts.length
  return { ece, bins: filled }
}

/** Pearson's correlation, or null where one of the lists does not vary. */
export function correlation(a: readonly number[], b: readonly number[]): number | null {
  const [meanA, meanB] = [mean(a), mean(b)]
  const product = (x: readonly number[], atX: number, y: readonly number[], atY: number) =>
    x.reduce((sum, value, i) => sum + (value - atX) * (y[i] - atY), 0)
  const scale = Math.sqrt(product(a, meanA, a, meanA) * product(b, meanB, b, meanB))
  return scale > 0 ? product(a, meanA, b, meanB) / scale : null
}
