/** How rows look to a trainer, token by token: for `hone data inspect`. */
import { HoneError } from '../base/index.ts'
import type { Tokenizer } from '../text/index.ts'
import type { EncodedDataset } from './encoded.ts'
import { where } from './row.ts'

export interface InspectedToken {
  id: number
  /** What the token adds to the text; '' where its bytes only make a character together with the next token's. */
  text: string
  /** Its weight in the loss, 0 = not learnt. */
  loss: number
}

export interface InspectedSegment {
  /** 'row' for a supervised row; 'prompt', 'chosen', 'rejected', 'answer', … for the parts of another. */
  name: string
  tokens: InspectedToken[]
}

export type InspectedRow = { index: number } & (
  | {
      status: 'kept'
      file: string
      line: number
      /** Tokens in all, on the longest path, and learnt. */
      tokens: number
      length: number
      lossTokens: number
      truncated: boolean
      bordersChanged: boolean
      label?: boolean
      segments: InspectedSegment[]
    }
  | { status: 'dropped' }
  | { status: 'bad'; code: string; message: string; help?: string }
)

/** Encodes rows and takes them apart. A bad row is part of the answer, not an error. */
export async function inspectRows(
  encoded: EncodedDataset,
  tokenizer: Tokenizer,
  indices: readonly number[],
): Promise<InspectedRow[]> {
  const rows: InspectedRow[] = []
  for (const index of indices) rows.push(await inspectRow(encoded, tokenizer, index))
  return rows
}

async function inspectRow(encoded: EncodedDataset, tokenizer: Tokenizer, index: number): Promise<InspectedRow> {
  const [row] = await encoded.readEach([index])
  if (row instanceof HoneError) {
    return { index, status: 'bad', code: row.code, message: row.message, ...(row.help && { help: row.help }) }
  }
  if (!row) return { index, status: 'dropped' }
  const { segments } = row.input
  const rooted = segments.some((segment) => segment.parent !== undefined && segment.parent >= 0)
  return {
    index,
    status: 'kept',
    file: row.source.file,
    line: row.source.line,
    tokens: row.tokens,
    length: row.length,
    lossTokens: row.lossTokens,
    truncated: row.truncated,
    bordersChanged: row.bordersChanged,
    ...(row.label !== undefined && { label: row.label }),
    segments: segments.map((segment, s) => {
      const before = segment.parent === undefined || segment.parent < 0 ? [] : segments[segment.parent].tokens
      const texts = tokenTexts(tokenizer, before, segment.tokens)
      const tokens = texts.map((text, i) => ({ id: segment.tokens[i], text, loss: segment.loss?.[i] ?? 0 }))
      const name = rooted && s === 0 ? 'prompt' : (row.names[segment.sequence ?? 0] ?? 'answer')
      return { name: segments.length === 1 ? 'row' : name, tokens }
    }),
  }
}

/** What each token adds to the text of those before it; the texts joined are the decoded segment. */
function tokenTexts(tokenizer: Tokenizer, before: ArrayLike<number>, ids: ArrayLike<number>): string[] {
  const stream = tokenizer.stream()
  for (let i = 0; i < before.length; i++) stream.push(before[i])
  const texts = Array.from(ids, (id) => stream.push(id))
  if (texts.length > 0) texts[texts.length - 1] += stream.flush()
  return texts
}

export interface RenderInspectionOptions {
  /** ANSI colours: what is learnt in green, the rest dim. Without them what is learnt stands between ⟦ and ⟧. */
  colour?: boolean
  /** 'text': running text (default). 'table': a line for each token. */
  form?: 'text' | 'table'
}

/** Inspected rows as text for a terminal or a file; control characters of the data are shown, never sent. */
export function renderInspection(rows: readonly InspectedRow[], options: RenderInspectionOptions = {}): string {
  return rows.map((row) => renderRow(row, options)).join('\n\n')
}

function renderRow(row: InspectedRow, { colour = false, form = 'text' }: RenderInspectionOptions): string {
  if (row.status === 'dropped') return `row ${row.index}: dropped, longer than maxLength`
  if (row.status === 'bad') return `row ${row.index}: ${row.code}: ${row.message}${row.help ? `\n  ${row.help}` : ''}`
  const facts = [
    `${row.tokens} tokens`,
    `${row.lossTokens} learnt`,
    row.length !== row.tokens && `longest path ${row.length}`,
    row.truncated && 'truncated',
    row.bordersChanged && 'borders changed',
    row.label !== undefined && `label ${row.label}`,
  ].filter(Boolean)
  const parts = row.segments.map((segment) => {
    const title = row.segments.length > 1 ? `${segment.name} (${segment.tokens.length})\n` : ''
    return title + (form === 'table' ? table(segment.tokens, colour) : running(segment.tokens, colour))
  })
  return [`${where(row)}  ${facts.join(', ')}`, ...parts].join('\n')
}

const LEARNT = '\x1b[32m'
const GIVEN = '\x1b[2m'
const RESET = '\x1b[0m'

function running(tokens: InspectedToken[], colour: boolean): string {
  let text = ''
  for (let i = 0; i < tokens.length; ) {
    const learnt = tokens[i].loss > 0
    let end = i
    while (end < tokens.length && tokens[end].loss > 0 === learnt) end++
    const joined = tokens
      .slice(i, end)
      .map((token) => visible(token.text).replaceAll('\\n', '\\n\n'))
      .join('')
    text += colour ? `${learnt ? LEARNT : GIVEN}${joined}${RESET}` : learnt ? `⟦${joined}⟧` : joined
    i = end
  }
  return text
}

function table(tokens: InspectedToken[], colour: boolean): string {
  const lines = tokens.map(({ id, text, loss }, i) => {
    const weight = loss === 0 ? '' : loss === 1 ? '  loss' : `  loss × ${loss}`
    const line = `${String(i).padStart(6)} ${String(id).padStart(7)}  "${visible(text)}"${weight}`
    return colour ? `${loss > 0 ? LEARNT : GIVEN}${line}${RESET}` : line
  })
  return lines.join('\n')
}

/** Control characters, line ends and bidirectional marks as escapes: data must not steer the terminal. */
function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu, (char) => {
    if (char === '\n') return '\\n'
    if (char === '\t') return '\\t'
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}
