import { HoneError, throwIfAborted } from '../base/index.ts'
import { type Form, packTree, type RowInput, rowTokens } from '../batch/index.ts'
import { type EncodedRow, encodeRow, type Row, type RowKind } from '../data/index.ts'
import type { OpenModel } from '../engine/index.ts'

/** An answer, or a step of one, and what a reward model gives for it. */
export interface ScoredAnswer {
  /** What it is in its row: 'chosen', 'answer 2', 'step 1', … */
  name: string
  score: number
  /** Its length, the prompt left out. */
  tokens: number
}

export interface ScoredAnswers {
  form: Form
  answers: ScoredAnswer[]
  /** Numbers that came with the answers, one each: `label`, `score`, … */
  values: Readonly<Record<string, ArrayLike<number>>>
}

export interface RewardScoresOptions {
  /** Tokens computed at once; default 4096. */
  microTokens?: number
  signal?: AbortSignal
  onProgress?: (rows: number) => void
}

const formOf: Partial<Record<RowKind, Form>> = {
  preference: 'pairs',
  triple: 'triples',
  exploration: 'explorations',
  ranking: 'rankings',
  unpaired: 'unpaired',
  steps: 'steps',
}

/**
 * A reward model's score of every answer of some rows, of whatever format: read as in training, with the prompt computed once.
 * How rows are packed has no influence on the figures.
 * @throws HoneError E_READOUT where the model has no scalar head; with file and line what `encodeRow` throws
 */
export async function* rewardScores(
  open: Pick<OpenModel, 'engine' | 'tokenizer' | 'template'>,
  rows: Iterable<Row> | AsyncIterable<Row>,
  { microTokens = 4096, signal, onProgress }: RewardScoresOptions = {},
): AsyncGenerator<ScoredAnswers> {
  const { engine, tokenizer, template } = open
  if (!engine.readouts.has('score')) {
    throw new HoneError('E_READOUT', 'the model has no scalar head, expected a reward model', {
      help: 'Train one with `hone train reward`.',
    })
  }
  const { vocabSize, contextLength: maxLength } = engine.config
  let batch: { encoded: EncodedRow; form: Form }[] = []
  let size = 0
  let done = 0
  async function* flush() {
    const { scores } = await engine.forward(packTree(batch.map(({ encoded }) => encoded.input)), { signal })
    let at = 0
    for (const { encoded, form } of batch) {
      const lengths = lengthsOf(encoded.input)
      const answers = encoded.names.map((name, i) => ({
        name,
        score: scores?.[at + i] ?? Number.NaN,
        tokens: lengths[i],
      }))
      at += answers.length
      onProgress?.(++done)
      yield { form, answers, values: encoded.input.values ?? {} }
    }
    batch = []
    size = 0
  }
  for await (const row of rows) {
    throwIfAborted(signal)
    const form = formOf[row.kind] ?? 'demonstrations'
    const encoded = encodeRow(row, { tokenizer, template, vocabSize, maxLength, form }, batch.length)
    if (!encoded) continue
    const tokens = rowTokens(encoded.input)
    if (batch.length > 0 && size + tokens > microTokens) yield* flush()
    batch.push({ encoded, form })
    size += tokens
  }
  if (batch.length > 0) yield* flush()
}

/** Learnt tokens of each sequence. */
function lengthsOf({ segments }: RowInput): number[] {
  const lengths: number[] = []
  for (const { loss = [], sequence = 0 } of segments) {
    const learnt = Array.from(loss).filter((weight) => weight > 0).length
    lengths[sequence] = (lengths[sequence] ?? 0) + learnt
  }
  return lengths
}
