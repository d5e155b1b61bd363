/** From a row to the segments of a token tree: tokens, and which of them are learnt. */

import { HoneError } from '../base/index.ts'
import { type Form, type RowInput, rowSequences, type SegmentInput } from '../batch/index.ts'
import type { ChatTemplate, Tokenizer } from '../text/index.ts'
import { asDemonstration, conditionOf, requireNeeds, withShortPrompt } from './beside.ts'
import { type LengthPolicy, shorten, type TokenPaths } from './length.ts'
import { atRow, type PreferenceRow, type Row, type RowSource, type TokensRow } from './row.ts'
import { answerName, requireKind, rowSpans, type Span, type SpanTree } from './spans.ts'
import { cutSteps, stepEnds } from './steps.ts'

export interface EncodeContext {
  tokenizer: Tokenizer
  /** The model's chat template, or null when it has none. */
  template: ChatTemplate | null
  /** Most tokens from the root of a row to the end of its longest answer. */
  maxLength: number
  /** What becomes of longer rows (default 'error'). */
  lengthPolicy?: LengthPolicy
  /** Refuses rows whose tokens differ from those of their text tokenised as a whole. */
  strictBorders?: boolean
  /** What the rows are to be (default 'demonstrations'). */
  form?: Form
  /** What else each row must bring: numbers by their name, `shortPrompt`, or `label` for rated demonstrations. */
  needs?: readonly string[]
  /** Ids that the model has embeddings for, where that is not `tokenizer.vocabSize`. */
  vocabSize?: number
  /** Further variables for the chat template. */
  variables?: Record<string, unknown>
}

export interface EncodedRow {
  input: RowInput
  source: RowSource
  /** Tokens of all segments: what the row adds to a batch. */
  tokens: number
  /** Tokens that are learnt. */
  lossTokens: number
  /** Tokens of the longest path: what `maxLength` bounds. */
  length: number
  truncated: boolean
  /** Whether tokenising the whole text at once would have given other ids. */
  bordersChanged: boolean
  /** What its sequences are called. */
  names: string[]
  /** Of a rated answer. */
  label?: boolean
  /** Log-probs that came with a row of tokens. */
  logprobs?: (number | null)[]
}

/**
 * Encodes a row.
 * - text: `bos` where the tokenizer puts one, the text, `eos`; all learnt.
 * - completion: `bos`, the prompt, not learnt, the completion and `eos`, learnt.
 * - chat: as the template renders it; what an assistant wrote is learnt, save turns with `train: false`.
 * - tokens: as they are.
 * - preference, triple, exploration, ranking: a root with the shared prompt, not learnt, and a leaf for each answer, in the order of
 *   the form's sequences (batch/forms.ts).
 * - unpaired: a root with the prompt and one leaf.
 * - steps: a root with the prompt and a chain of segments, one a step.
 *
 * Text is tokenised span by span at the borders of the loss mask and of the prompt, so both answers of a pair follow the
 * same ids. A root without tokens is left out: its leaves then are roots. `bos` and `eos` that a text already has are not
 * put twice.
 *
 * @param id the row's place in the data set.
 * @returns null when the row is too long and `lengthPolicy` is 'drop'.
 * @throws HoneError with file and line: E_ROW_FORMAT (wrong kind for the objective), E_NO_TEMPLATE, E_MASK_EMPTY,
 * E_TOO_LONG, E_TOKEN_ID, E_BORDERS, E_TEMPLATE_MASK.
 */
export function encodeRow(row: Row, context: EncodeContext, id = 0): EncodedRow | null {
  return atRow(row.source, () => {
    const { form = 'demonstrations', needs = [] } = context
    requireKind(row, form, needs)
    const isLabelled = row.kind === 'unpaired' && form === 'demonstrations'
    const read = isLabelled ? asDemonstration(row) : row
    const variables = {
      ...context.variables,
      ...(isLabelled && needs.includes('condition') && conditionOf(row, context.template)),
    }
    const { paths, bordersChanged } =
      read.kind === 'tokens'
        ? { paths: givenPaths(read), bordersChanged: false }
        : tokenise(spansOf(read, context.template, variables), context)
    requireIds(paths, context)
    const fitted = shorten(paths, context.maxLength, context.lengthPolicy ?? 'error', context.tokenizer.bos)
    if (!fitted) return null
    const encoded = build(fitted.paths, row, id)
    requireLoss(encoded.input.segments, row, fitted.truncated)
    const values = valuesOf(row, encoded.input)
    requireNeeds(row, values, needs)
    const short = row.kind === 'preference' && needs.includes('shortPrompt') ? shortened(row, encoded, context) : {}
    return {
      ...encoded,
      input: { ...encoded.input, ...short, ...(Object.keys(values).length > 0 && { values }) },
      names: Array.from({ length: rowSequences(encoded.input) }, (_, place) => answerName(row, place)),
      truncated: fitted.truncated,
      bordersChanged,
      ...(row.kind === 'unpaired' && { label: row.label }),
      ...(row.kind === 'tokens' && row.logprobs && { logprobs: row.logprobs.slice(0, encoded.tokens) }),
    }
  })
}

/** A row's pieces of text, an answer's cut behind its steps where these are rated. */
function spansOf(row: Exclude<Row, TokensRow>, template: ChatTemplate | null, variables?: Record<string, unknown>) {
  const tree = rowSpans(row, template, variables)
  return row.kind === 'steps' ? { ...tree, answers: tree.answers.map((answer) => cutSteps(answer, row.steps)) } : tree
}

/** The numbers of a row's sequences; those of steps that were cut off are left out. */
function valuesOf(row: Row, input: RowInput): Record<string, number[]> {
  const label = row.kind === 'unpaired' ? { label: [Number(row.label)] } : {}
  const values = Object.entries({ ...row.values, ...label })
  return Object.fromEntries(values.map(([name, list]) => [name, list.slice(0, rowSequences(input))]))
}

/** A pair's segments, and those of the reference: the same answers after its own, shorter prompt. */
function shortened(row: PreferenceRow, { input }: { input: RowInput }, context: EncodeContext) {
  const short = { ...row, prompt: row.shortPrompt } as PreferenceRow
  const { paths } = tokenise(rowSpans(short, context.template, context.variables), context)
  return withShortPrompt(input.segments, paths.prompt, context.maxLength)
}

const givenPaths = (row: TokensRow): TokenPaths => ({ prompt: [], answers: [{ tokens: row.tokens, loss: row.loss }] })

function tokenise(tree: SpanTree, context: EncodeContext): { paths: TokenPaths; bordersChanged: boolean } {
  const { tokenizer } = context
  let bordersChanged = false
  let prompt: number[] = []
  const answers = tree.answers.map((answer) => {
    const spans = [...tree.prompt, ...answer]
    const parts = tokenizer.encodeParts(spans.map((span) => span.text))
    const whole = tokenizer.encode(spans.map((span) => span.text).join(''))
    const difference = firstDifference(parts.flat(), whole)
    if (difference !== null) {
      bordersChanged = true
      if (context.strictBorders) throw borderError(parts.flat(), whole, difference, tokenizer)
    }
    const ids = parts.slice(tree.prompt.length)
    const loss = ids.flatMap((part, i) => part.map(() => (answer[i].trained ? 1 : 0)))
    prompt = parts.slice(0, tree.prompt.length).flat()
    return { tokens: ids.flat(), loss, ends: stepEnds(answer, ids) }
  })
  const paths = { prompt, answers }
  return { paths: tree.plain ? framed(paths, tree.prompt, tokenizer) : paths, bordersChanged }
}

/** Puts `bos` before and `eos` after plain text. */
function framed({ prompt, answers }: TokenPaths, shared: Span[], { bos, eos, addBos }: Tokenizer): TokenPaths {
  const first = prompt[0] ?? answers[0].tokens[0]
  const opens = addBos && bos !== null && first !== bos
  const inPrompt = opens && shared.length > 0
  return {
    prompt: inPrompt ? [bos, ...prompt] : prompt,
    answers: answers.map(({ tokens, loss, ends }) => {
      const front = opens && !inPrompt ? [bos] : []
      const back = eos !== null && tokens.at(-1) !== eos ? [eos] : []
      return {
        tokens: [...front, ...tokens, ...back],
        loss: [...front.map(() => 0), ...loss, ...back.map(() => 1)],
        ...(ends && { ends: ends.map((end) => end + front.length) }),
      }
    }),
  }
}

function firstDifference(a: number[], b: number[]): number | null {
  for (let i = 0; i < Math.max(a.length, b.length); i++) if (a[i] !== b[i]) return i
  return null
}

function borderError(parts: number[], whole: number[], at: number, tokenizer: Tokenizer): HoneError {
  const show = (ids: number[]) => JSON.stringify(tokenizer.decode(ids.slice(at, at + 3)))
  return new HoneError(
    'E_BORDERS',
    `tokenised at the borders of prompt and answer the row has ${parts.length} tokens, as one text ${whole.length}; ` +
      `from token ${at} on they differ: ${show(parts)} and ${show(whole)}`,
    { help: 'move white space from the end of the prompt to the start of the answer, or train without strictBorders' },
  )
}

function requireIds(paths: TokenPaths, { tokenizer, vocabSize = tokenizer.vocabSize }: EncodeContext): void {
  for (const tokens of [paths.prompt, ...paths.answers.map((answer) => answer.tokens)]) {
    const bad = tokens.findIndex((id) => id < 0 || id >= vocabSize)
    if (bad < 0) continue
    throw new HoneError(
      'E_TOKEN_ID',
      `token ${bad} has the id ${tokens[bad]}, expected 0 … ${vocabSize - 1}, the vocabulary of the model`,
      { help: 'the row was made with another tokenizer: give its text instead, or use the model it was made for' },
    )
  }
}

function build({ prompt, answers }: TokenPaths, row: Row, id: number) {
  const segments: SegmentInput[] = prompt.length > 0 ? [{ tokens: Int32Array.from(prompt) }] : []
  const root = segments.length - 1
  let sequence = 0
  for (const { tokens, loss, ends = [] } of answers) {
    // Nothing predicts the first token of a path.
    const learnt = prompt.length > 0 ? loss : loss.map((weight, i) => (i === 0 ? 0 : weight))
    const whole = learnt.every((weight) => weight === 0 || weight === 1)
    let [start, parent] = [0, root]
    for (const end of [...ends, tokens.length]) {
      const marks = learnt.slice(start, end)
      segments.push({
        tokens: Int32Array.from(tokens.slice(start, end)),
        loss: whole ? Uint8Array.from(marks) : Float32Array.from(marks),
        ...(parent >= 0 && { parent }),
        ...(sequence > 0 && { sequence }),
      })
      parent = segments.length - 1
      start = end
      sequence++
    }
  }
  const lengths = answers.map((answer) => answer.tokens.length)
  return {
    input: { id, segments },
    source: row.source,
    tokens: lengths.reduce((a, b) => a + b, prompt.length),
    lossTokens: segments.reduce((sum, segment) => sum + learntTokens(segment), 0),
    length: prompt.length + Math.max(...lengths),
  }
}

export function learntTokens({ loss }: SegmentInput): number {
  let count = 0
  for (let i = 0; i < (loss?.length ?? 0); i++) if (loss?.[i]) count++
  return count
}

function requireLoss(segments: SegmentInput[], row: Row, truncated: boolean): void {
  const leaf = segments.findIndex((segment) => segment.loss && learntTokens(segment) === 0)
  if (leaf < 0) return
  const named =
    row.kind === 'preference' || row.kind === 'triple' || row.kind === 'exploration' || row.kind === 'ranking'
  const side = named ? ` in ${answerName(row, segments[leaf].sequence ?? 0)}` : ''
  const reason = truncated
    ? 'the answer begins after maxLength, where the row was cut; raise maxLength, or drop such rows with lengthPolicy=drop'
    : row.kind === 'chat' || (row.kind !== 'tokens' && 'chat' in row && row.chat)
      ? 'the chat template marks nothing that an assistant wrote (or every assistant turn has train: false)'
      : row.kind === 'tokens'
        ? 'loss is 0 (labels are -100) at every token after the first'
        : 'the answer is empty, and the tokenizer has no end-of-text token to learn'
  throw new HoneError('E_MASK_EMPTY', `no token to learn from${side}`, { help: reason })
}
