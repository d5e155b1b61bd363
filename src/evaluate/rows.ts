import { HoneError } from '../base/index.ts'
import { exactMatch } from '../rewards/index.ts'
import type { Message } from '../text/types.ts'
import type { ChoiceNormalisation } from './metrics.ts'
import {
  type ChoiceItem,
  chosenRows,
  type GenerateItem,
  type PerplexityItem,
  type Question,
  type Task,
} from './tasks.ts'

/** The three kinds of row, told apart by their fields. */
const SHAPES = [
  '{"prompt" or "messages", "answer": text or list of texts}: the drawn answer must match exactly',
  '{"prompt" or "messages", "choices": [texts], "answer": index or text}: the likeliest choice must be the answer',
  '{"text"} or {"messages"}: perplexity',
].join('; ')

type Row =
  | { kind: 'generate'; item: GenerateItem }
  | { kind: 'choice'; item: ChoiceItem }
  | { kind: 'perplexity'; item: PerplexityItem }

export interface RowTaskOptions {
  /** Longest drawn answer in tokens (default 256). */
  maxTokens?: number
  normalisation?: ChoiceNormalisation
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''

const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.length > 0 && value.every(isText)

function isMessage(value: unknown): value is Message {
  return (
    typeof value === 'object' &&
    value !== null &&
    'role' in value &&
    isText(value.role) &&
    'content' in value &&
    typeof value.content === 'string'
  )
}

/** Reads one row; `fail` names the file and the line. */
function readRow(value: unknown, fail: (what: string) => HoneError): Row {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw fail('is not a JSON object')
  const row: Record<string, unknown> = { ...value }
  const { messages, prompt, text, choices, answer } = row
  if (messages !== undefined && !(Array.isArray(messages) && messages.length > 0 && messages.every(isMessage))) {
    throw fail('has "messages" that are not a list of {"role", "content"}')
  }
  if ([messages, prompt, text].filter((field) => field !== undefined).length !== 1) {
    throw fail('needs exactly one of "messages", "prompt" and "text"')
  }
  if (answer === undefined && choices === undefined && prompt === undefined) {
    if (messages !== undefined) return { kind: 'perplexity', item: { messages: messages as Message[] } }
    if (!isText(text)) throw fail('has a "text" that is not a text, or empty')
    return { kind: 'perplexity', item: { text } }
  }
  const question = readQuestion(messages as Message[] | undefined, prompt, fail)
  if (choices === undefined) {
    const accepted = typeof answer === 'string' ? [answer] : answer
    if (!isTexts(accepted)) throw fail('has no "answer" that is a text or a list of texts')
    return { kind: 'generate', item: { ...question, accepted } }
  }
  if (!isTexts(choices) || choices.length < 2) throw fail('has "choices" that are not a list of two or more texts')
  const at = typeof answer === 'string' ? choices.indexOf(answer) : answer
  if (typeof at !== 'number' || !Number.isInteger(at) || at < 0 || at >= choices.length) {
    throw fail('has an "answer" that is neither one of its choices nor the index of one, counted from 0')
  }
  return { kind: 'choice', item: { ...question, choices, answer: at } }
}

function readQuestion(messages: Message[] | undefined, prompt: unknown, fail: (what: string) => HoneError): Question {
  if (messages === undefined) {
    if (!isText(prompt)) throw fail('has a "prompt" that is not a text, or empty')
    return { prompt }
  }
  if (messages[messages.length - 1].role === 'assistant') throw fail('ends with the assistant, who is to answer')
  return { messages }
}

/**
 * A task from the lines of a JSONL file. All rows are of one kind, told from their fields: exact match, multiple choice
 * by likelihood, or perplexity.
 * @param name path of the file, for errors and as the task's id.
 * @throws HoneError E_TASK_ROW naming the line of a broken row or one of another kind; E_TASK_EMPTY without rows.
 */
export function taskFromJsonl(name: string, text: string, options: RowTaskOptions = {}): Task {
  const rows: Row[] = []
  for (const [at, line] of text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    if (line.trim() === '') continue
    const fail = (what: string) =>
      new HoneError('E_TASK_ROW', `line ${at + 1} of ${name} ${what}`, { help: `Expected ${SHAPES}.` })
    let value: unknown
    try {
      value = JSON.parse(line)
    } catch {
      throw fail('is not JSON')
    }
    const row = readRow(value, fail)
    if (rows.length > 0 && row.kind !== rows[0].kind) throw fail(`is of kind ${row.kind}, those above ${rows[0].kind}`)
    rows.push(row)
  }
  if (rows.length === 0) throw new HoneError('E_TASK_EMPTY', `${name} has no rows`, { help: `Expected ${SHAPES}.` })
  return taskOfRows(name, rows, options)
}

function taskOfRows(id: string, rows: Row[], options: RowTaskOptions): Task {
  const { maxTokens = 256, normalisation = 'sum' } = options
  const shared = { id, defaultItems: rows.length }
  // The kinds agree (checked line by line), so the items of the first row's kind are the items of all.
  const pick = <Kind extends Row['kind']>(kind: Kind) =>
    rows.flatMap((row) => (row.kind === kind ? [row.item as Extract<Row, { kind: Kind }>['item']] : []))
  const { kind } = rows[0]
  if (kind === 'generate') {
    const items = pick(kind)
    return {
      ...shared,
      kind,
      summary: 'answers that match exactly',
      metric: 'exact_match',
      maxTokens,
      items: (seed, n) => chosenRows(items, seed, n),
      score: (item, completion) => Number(exactMatch(completion, item.accepted)),
    }
  }
  if (kind === 'choice') {
    const items = pick(kind)
    const summary = 'likeliest choices that are right'
    return {
      ...shared,
      kind,
      summary,
      metric: 'accuracy',
      normalisation,
      items: (seed, n) => chosenRows(items, seed, n),
    }
  }
  const items = pick(kind)
  return {
    ...shared,
    kind,
    summary: 'perplexity',
    metric: 'perplexity',
    items: (seed, n) => chosenRows(items, seed, n),
  }
}
