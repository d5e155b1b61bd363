import { packTree, type RowInput } from '../batch/index.ts'
import { evaluateObjective, type ObjectiveId, objectives, type Params, withParams } from '../objectives/index.ts'
import { openReferenceBackend } from '../tensor/index.ts'

/** Pairs of answers of a prompt, each with its weight. */
export interface TablePair {
  prompt: number
  better: number
  worse: number
  count: number
}

/** Answers of a prompt in the order of the objective's form, with a weight and, where it asks for them, a score each. */
export interface TableRow {
  prompt: number
  answers: readonly number[]
  count: number
  scores?: readonly number[]
}

export interface TableOptions {
  prompts: number
  answers: number
  pairs?: readonly TablePair[]
  /** In place of pairs, for objectives of other forms. */
  rows?: readonly TableRow[]
  params?: Params
  steps: number
  learningRate: number
  /** [prompts, answers] logits of the reference and the start; even unless given. */
  start?: Float64Array
  /**
   * [prompts, answers, width]: what is learnt are then weights [prompts, width] of these features, and the logits are those
   * of the start plus their products, so that what is learnt of some answers says something of the others.
   */
  features?: Float64Array
  onStep?(step: number, logits: Float64Array): void
}

/**
 * A policy that is a table of logits, trained on pairs or other rows by one of the library's own objectives: an answer is
 * one token with the log-prob log softmax(logits of its prompt). All of them are one batch; Adam (Kingma and Ba 2015) with
 * its usual constants and no schedule.
 * @returns [prompts, answers] the logits
 */
export async function trainTable(objective: ObjectiveId, options: TableOptions): Promise<Float64Array> {
  const { prompts, answers, steps, learningRate, onStep } = options
  const size = prompts * answers
  const start = options.start ?? new Float64Array(size)
  const logits = Float64Array.from(start)
  const space = options.features ? featureSpace(options.features, size, answers) : ownLogits(size)
  const gradientAt = openGradient(objective, options, start)
  const weights = new Float64Array(space.size)
  const adam = { mean: new Float64Array(space.size), square: new Float64Array(space.size) }
  for (let step = 1; step <= steps; step++) {
    const gradient = await gradientAt(logits)
    for (const [k, slope] of space.back(gradient).entries()) {
      adam.mean[k] = 0.9 * adam.mean[k] + 0.1 * slope
      adam.square[k] = 0.999 * adam.square[k] + 0.001 * slope ** 2
      const [mean, square] = [adam.mean[k] / (1 - 0.9 ** step), adam.square[k] / (1 - 0.999 ** step)]
      weights[k] -= (learningRate * mean) / (Math.sqrt(square) + 1e-8)
    }
    const moved = space.logits(weights)
    for (let j = 0; j < size; j++) logits[j] = start[j] + moved[j]
    onStep?.(step, logits)
  }
  return logits
}

/**
 * The gradient [prompts, answers] of the loss by the logits of a table that is its own reference: where a training on these
 * pairs begins.
 */
export const firstGradient = (
  objective: ObjectiveId,
  options: Pick<TableOptions, 'prompts' | 'answers' | 'pairs' | 'params'> & { start: Float64Array },
): Promise<Float64Array> => openGradient(objective, options, options.start)(options.start)

/** Gives the gradient at any logits; the reference is the table of the start. */
function openGradient(
  objective: ObjectiveId,
  { prompts, answers, pairs = [], ...options }: Pick<TableOptions, 'prompts' | 'answers' | 'pairs' | 'rows' | 'params'>,
  start: Float64Array,
) {
  const size = prompts * answers
  const given: readonly TableRow[] =
    options.rows ?? pairs.map(({ prompt, better, worse, count }) => ({ prompt, answers: [better, worse], count }))
  const rows = given.map(({ answers: told, count, scores }, id): RowInput => {
    const leaves = told.map((_, sequence) => ({ tokens: [0], loss: [1], parent: 0, sequence }))
    const values = { weight: told.map(() => count), ...(scores && { score: [...scores] }) }
    return { id, segments: [{ tokens: [0] }, ...leaves], values }
  })
  const tree = packTree(rows)
  const places = given.flatMap(({ prompt, answers: told }) => told.map((answer) => prompt * answers + answer))
  const read = (table: Float64Array) => {
    const all = logSoftmax(table, answers)
    return Float64Array.from(places, (place) => all[place])
  }
  const reference = read(start)
  const params = withParams(objectives[objective], options.params ?? {})
  return async (logits: Float64Array): Promise<Float64Array> => {
    const host = openReferenceBackend()
    const part = { tree, logprobs: read(logits), reference }
    const { cotangents } = await evaluateObjective(host, objectives[objective], params, [part])
    host.close()
    const gradient = new Float64Array(size)
    const policy = logSoftmax(logits, answers).map(Math.exp)
    // d log softmax_k / d logit_j = [j = k] − softmax_j
    const received = new Float64Array(prompts)
    for (const [i, place] of places.entries()) {
      gradient[place] += cotangents[0][i]
      received[Math.floor(place / answers)] += cotangents[0][i]
    }
    for (let j = 0; j < size; j++) gradient[j] -= received[Math.floor(j / answers)] * policy[j]
    return gradient
  }
}

/** What the logits are a linear function of. */
interface Space {
  size: number
  logits(weights: Float64Array): Float64Array
  /** The gradient of the weights of a gradient of the logits. */
  back(gradient: Float64Array): Float64Array
}

/** Each logit is learnt by itself. */
const ownLogits = (size: number): Space => ({ size, logits: (weights) => weights, back: (gradient) => gradient })

function featureSpace(features: Float64Array, size: number, answers: number): Space {
  const width = features.length / size
  const count = (size / answers) * width
  const place = (j: number, k: number) => Math.floor(j / answers) * width + k
  return {
    size: count,
    logits(weights) {
      const logits = new Float64Array(size)
      for (let j = 0; j < size; j++) {
        for (let k = 0; k < width; k++) logits[j] += features[j * width + k] * weights[place(j, k)]
      }
      return logits
    },
    back(gradient) {
      const slopes = new Float64Array(count)
      for (let j = 0; j < size; j++) {
        for (let k = 0; k < width; k++) slopes[place(j, k)] += features[j * width + k] * gradient[j]
      }
      return slopes
    },
  }
}

/** [rows, width] row by row. */
export function logSoftmax(logits: Float64Array, width: number): Float64Array {
  const result = new Float64Array(logits.length)
  for (let from = 0; from < logits.length; from += width) {
    const row = logits.subarray(from, from + width)
    const most = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
    const sum = row.reduce((total, x) => total + Math.exp(x - most), 0)
    for (let j = 0; j < width; j++) result[from + j] = row[j] - most - Math.log(sum)
  }
  return result
}

/** The mean over prompts of the policy's expected reward. */
export function expectedReward(logits: Float64Array, rewards: Float64Array, width: number): number {
  const policy = logSoftmax(logits, width)
  return policy.reduce((sum, logprob, j) => sum + Math.exp(logprob) * rewards[j], 0) / (logits.length / width)
}
