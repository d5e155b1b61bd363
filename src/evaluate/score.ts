import { HoneError, throwIfAborted } from '../base/index.ts'
import { packTree, type RowInput, rowTokens } from '../batch/index.ts'
import { atRow, type Row, rowError } from '../data/row.ts'
import type { Engine, OpenModel } from '../engine/index.ts'
import type { Tokenizer } from '../text/index.ts'

export interface ForwardRowsOptions {
  /** Tokens computed at once; default 4096. */
  microTokens?: number
  signal?: AbortSignal
}

/**
 * The log-probs of the targets of each row, in the rows' order, computed in packed batches.
 * How rows are packed has no influence on the figures.
 */
export async function* forwardRows(
  engine: Pick<Engine, 'forward'>,
  rows: Iterable<RowInput> | AsyncIterable<RowInput>,
  { microTokens = 4096, signal }: ForwardRowsOptions = {},
): AsyncGenerator<{ row: RowInput; logprobs: Float32Array }> {
  let batch: RowInput[] = []
  let size = 0
  async function* flush() {
    const tree = packTree(batch)
    const { logprobs } = await engine.forward(tree, { signal })
    // Targets ascend, and the rows lie one after another.
    let at = 0
    let end = 0
    for (const row of batch) {
      end += rowTokens(row)
      const first = at
      while (at < tree.targets.length && tree.targets[at] < end) at++
      yield { row, logprobs: logprobs.subarray(first, at) }
    }
    batch = []
    size = 0
  }
  for await (const row of rows) {
    throwIfAborted(signal)
    const tokens = rowTokens(row)
    if (batch.length > 0 && size + tokens > microTokens) yield* flush()
    batch.push(row)
    size += tokens
  }
  if (batch.length > 0) yield* flush()
}

/** One text with the model's log-prob of each of its tokens. */
export interface ScoredRow {
  tokens: number[]
  /** null where a token is not scored: nothing comes before it, or it belongs to a prompt. */
  logprobs: (number | null)[]
  /** Of all log-probs, in nats. */
  sum: number
  /** Tokens that have one. */
  n: number
}

export interface Scores {
  rows: ScoredRow[]
  /** −Σ sum / Σ n: nats per scored token, each token of every row counting alike. NaN where none is scored. */
  meanNll: number
}

export interface ScoreOptions extends ForwardRowsOptions {
  onProgress?: (rows: number) => void
}

/**
 * Log-probs of given texts under a model.
 * - text: every token but the first; the beginning token comes before the text where the tokenizer wants one.
 * - prompt and completion: the completion's tokens. No end token is added to either: what is scored is what is given.
 * - messages: what the assistant wrote, as in training (see `ChatTemplate.spans`).
 * - tokens: those with a loss weight, all of them unless the row says otherwise.
 * @throws HoneError with file and line: E_ROW_FORMAT, E_NO_TEMPLATE, E_TOO_LONG, E_TOKEN_ID
 */
export async function score(
  open: Pick<OpenModel, 'engine' | 'tokenizer' | 'template'>,
  rows: Iterable<Row> | AsyncIterable<Row>,
  { onProgress, ...options }: ScoreOptions = {},
): Promise<Scores> {
  const scored: ScoredRow[] = []
  async function* encoded() {
    for await (const row of rows) yield encodeScored(open, row)
  }
  for await (const { row, logprobs } of forwardRows(open.engine, encoded(), options)) {
    const [{ tokens, loss }] = row.segments
    let next = 0
    const all = Array.from(tokens, (_, i) => (i > 0 && loss?.[i] ? logprobs[next++] : null))
    scored.push({
      tokens: Array.from(tokens),
      logprobs: all,
      sum: logprobs.reduce((sum, value) => sum + value, 0),
      n: logprobs.length,
    })
    onProgress?.(scored.length)
  }
  const sum = scored.reduce((total, row) => total + row.sum, 0)
  const n = scored.reduce((total, row) => total + row.n, 0)
  return { rows: scored, meanNll: n === 0 ? Number.NaN : -sum / n }
}

/** A row as one segment whose marks say which tokens are scored. */
function encodeScored({ engine, tokenizer, template }: Pick<OpenModel, 'engine' | 'tokenizer' | 'template'>, row: Row) {
  return atRow(row.source, (): RowInput => {
    const { tokens, loss } = tokensOf(row)
    const { vocabSize, contextLength } = engine.config
    const wrong = tokens.findIndex((id) => id < 0 || id >= vocabSize)
    if (wrong >= 0) {
      throw new HoneError('E_TOKEN_ID', `token ${wrong} is ${tokens[wrong]}, expected an id below ${vocabSize}`, {
        help: 'These tokens were made with the tokenizer of another model.',
      })
    }
    if (tokens.length > contextLength) {
      const message = `the row has ${tokens.length} tokens, expected at most ${contextLength}, the model's context`
      throw new HoneError('E_TOO_LONG', message, { help: 'Split the text into shorter rows.' })
    }
    return { id: row.source.line - 1, segments: [{ tokens, loss }] }
  })

  function tokensOf(row: Row): { tokens: number[]; loss: number[] } {
    switch (row.kind) {
      case 'text': {
        const tokens = withStart(tokenizer.encode(row.text), tokenizer)
        return { tokens, loss: tokens.map(() => 1) }
      }
      case 'tokens':
        return { tokens: row.tokens, loss: row.loss }
      case 'completion': {
        const [prompt, completion] = tokenizer.encodeParts([row.prompt, row.completion])
        const tokens = withStart([...prompt, ...completion], tokenizer)
        const given = tokens.length - completion.length
        return { tokens, loss: tokens.map((_, i) => (i < given ? 0 : 1)) }
      }
      case 'chat': {
        if (!template) {
          throw new HoneError('E_NO_TEMPLATE', 'the row is a conversation, but the model has no chat template', {
            help: 'Give rows with "text", or with "prompt" and "completion".',
          })
        }
        const spans = template.spans(row.messages, row.tools && { tools: row.tools })
        const parts = tokenizer.encodeParts(spans.map(({ text }) => text))
        const loss = parts.flatMap((part, i) => part.map(() => (spans[i].trained ? 1 : 0)))
        return { tokens: parts.flat(), loss }
      }
      default:
        throw rowError(
          `the row is of the kind ${row.kind}, expected {"text"}, {"prompt", "completion"} or {"messages"}`,
          'Rename its columns, or score the answers of a pair as rows of their own.',
        )
    }
  }
}

/** The beginning token before a plain text, as in training: where the tokenizer wants one and the text has none. */
function withStart(ids: number[], { bos, addBos }: Tokenizer): number[] {
  return addBos && bos !== null && ids[0] !== bos ? [bos, ...ids] : ids
}
