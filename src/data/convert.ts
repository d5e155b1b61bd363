/** How a row of each format becomes a `Row`. What tells the formats apart stands in row-format.ts. */
import { showValue } from '../base/index.ts'
import type { Message } from '../text/index.ts'
import { type Fields, keyList, toConversation, toTools } from './messages.ts'
import { type Answer, sharePrompt, toAnswer } from './preference.ts'
import {
  type ExplorationRow,
  type PreferenceRow,
  type RankingRow,
  type Row,
  type RowSource,
  rowError,
  type TokensRow,
  type TripleRow,
} from './row.ts'

export interface ConvertOptions {
  /** Whether plain prompts and answers become turns of a conversation: as the format says (default), all or none. */
  chat?: boolean
}
export type Convert = (row: Fields, source: RowSource, options: ConvertOptions) => Row

const PROMPTS = ['prompt', 'question', 'query', 'instruction']
const ANSWERS = ['responses', 'completions']
const COMPLETIONS = ['completion', 'response', 'answer', 'output']
export const CONVERSATIONS = ['messages', 'conversations', 'conversation']

export const has = (row: Fields, key: string) => row[key] !== undefined && row[key] !== null
export const promptKey = (row: Fields) => PROMPTS.find((key) => has(row, key))
export const completionKey = (row: Fields) => COMPLETIONS.find((key) => has(row, key))
const isTexts = (value: unknown) => Array.isArray(value) && value.every((item) => typeof item === 'string')
const isAnswer = (value: unknown) => typeof value === 'string' || Array.isArray(value)
/** A list of labels beside a list of texts rates these as steps of one answer. */
export const stepsKey = (row: Fields) =>
  ['steps', ...ANSWERS].find((key) => isTexts(row[key]) && Array.isArray(row['labels']))
/** A list of records that hold an answer among other things is not taken for a ranking. */
export const answersKey = (row: Fields) =>
  ANSWERS.find((key) => Array.isArray(row[key]) && (row[key] as unknown[]).every(isAnswer))
export const turnsKey = (row: Fields) => CONVERSATIONS.find((key) => Array.isArray(row[key]))

function text(row: Fields, key: string): string {
  const value = row[key]
  if (typeof value !== 'string') throw rowError(`${key} is ${showValue(value)}, expected a text`)
  return value
}

const asTurns = (answer: Answer, role: 'user' | 'assistant'): Message[] =>
  typeof answer === 'string' ? [{ role, content: answer }] : answer

/** Turns that lead up to an answer: given, not learnt. */
const given = (messages: Message[]): Message[] =>
  messages.map((message) => (message.role === 'assistant' ? { ...message, train: false } : message))

const withTools = (...lists: (unknown[] | undefined)[]): { tools?: unknown[] } => {
  const tools = lists.find((list) => list && list.length > 0)
  return tools ? { tools } : {}
}

const systemOf = (row: Fields): Message[] =>
  typeof row.system === 'string' && row.system ? [{ role: 'system', content: row.system }] : []

/** The conversation of a row; `system` and `tools` beside it included. */
function conversationOf(row: Fields, key: string): { prompt: Message[]; tools?: unknown[] } {
  const { messages, tools } = toConversation(row[key], key, row.tools)
  return { prompt: [...systemOf(row), ...messages], tools }
}

/** The turns or the text before the answers, wherever a row keeps them. A "prompt" that is called so comes first. */
function promptOf(row: Fields): { prompt?: Answer; tools?: unknown[] } {
  const turns = turnsKey(row)
  if (turns && !has(row, 'prompt')) return conversationOf(row, turns)
  const key = promptKey(row)
  if (key === 'instruction' && typeof row.instruction === 'string') {
    return { prompt: [...systemOf(row), ...alpacaPrompt(row)], tools: toTools(row.tools) }
  }
  if (!key) return { tools: toTools(row.tools) }
  const { answer, tools } = toAnswer(row[key], key)
  const system = systemOf(row)
  return {
    prompt: system.length > 0 ? [...system, ...asTurns(answer, 'user')] : answer,
    ...withTools(toTools(row.tools), tools),
  }
}

function alpacaPrompt(row: Fields): Message[] {
  const history = row.history ?? []
  if (!Array.isArray(history)) throw rowError(`history is ${showValue(history)}, expected a list of [prompt, answer]`)
  const past = history.flatMap((pair, i): Message[] => {
    if (!Array.isArray(pair) || pair.length !== 2 || pair.some((side) => typeof side !== 'string')) {
      throw rowError(`history[${i}] is ${showValue(pair)}, expected [prompt, answer]`)
    }
    return [...asTurns(pair[0], 'user'), ...asTurns(pair[1], 'assistant')]
  })
  const input = has(row, 'input') ? text(row, 'input') : ''
  const content = input.trim() ? `${text(row, 'instruction')}\n${input}` : text(row, 'instruction')
  return [...past, { role: 'user', content }]
}

export const toText: Convert = (row, source) => ({ kind: 'text', text: text(row, 'text'), source })

export const toAlpaca: Convert = (row, source) => {
  const answer = text(row, 'output')
  const messages: Message[] = [...systemOf(row), ...alpacaPrompt(row), { role: 'assistant', content: answer }]
  return { kind: 'chat', messages, ...withTools(toTools(row.tools)), source }
}

export const toChat: Convert = (row, source) => {
  const key = turnsKey(row)
  if (!key) throw rowError(`the row has the keys ${keyList(row)}, expected "messages" or "conversations"`)
  if ((row[key] as unknown[]).length === 0) throw rowError(`${key} is an empty list, expected at least one turn`)
  const { prompt, tools } = conversationOf(row, key)
  return { kind: 'chat', messages: prompt, ...withTools(tools), source }
}

/**
 * A "completion" goes on where its prompt ends, so both are left as they are. An "answer" or a "response" is a text of its
 * own: it begins a new line, as in the code that came with GSM8K.
 */
export const toCompletion: Convert = (row, source, { chat }) => {
  const key = completionKey(row)
  const { prompt, tools } = promptOf(row)
  if (prompt === undefined || !key) {
    throw rowError(`the row has the keys ${keyList(row)}, expected "prompt" and "completion"`)
  }
  const { answer, tools: inside } = toAnswer(row[key], key)
  if (typeof prompt === 'string' && typeof answer === 'string' && !chat) {
    const join = key === 'completion' || /\s$/.test(prompt) || /^\s/.test(answer) ? '' : '\n'
    return { kind: 'completion', prompt: prompt + join, completion: answer, source }
  }
  const messages = [...given(asTurns(prompt, 'user')), ...asTurns(answer, 'assistant')]
  return { kind: 'chat', messages, ...withTools(tools, inside), source }
}

/** Prompt and answers in one form, and the tools that any of them brought. */
export function promptedBy(row: Fields, answers: [name: string, value: unknown][], chat?: boolean) {
  const { prompt, tools } = promptOf(row)
  const sides = answers.map(([name, value]) => toAnswer(value, name))
  const shared = sharePrompt(
    prompt,
    sides.map((side) => side.answer),
    chat,
  )
  return { ...shared, ...(shared.chat && withTools(tools, ...sides.map((side) => side.tools))) }
}

export const toPreference: Convert = (row, source, { chat }) => {
  if (!has(row, 'chosen') || !has(row, 'rejected')) {
    throw rowError(`the row has the keys ${keyList(row)}, expected "chosen" and "rejected"`)
  }
  const { answers, ...shared } = promptedBy(row, named(row, 'chosen', 'rejected'), chat)
  const [chosen, rejected] = answers
  const short = has(row, 'short_prompt') ? { shortPrompt: shortPrompt(row, shared.chat) } : {}
  return { kind: 'preference', source, ...shared, chosen, rejected, ...short } as PreferenceRow
}

const named = (row: Fields, ...names: string[]) => names.map((name): [string, unknown] => [name, row[name]])

function shortPrompt(row: Fields, chat: boolean): string | Message[] {
  const { answer } = toAnswer(row['short_prompt'], 'short_prompt')
  if (chat) return asTurns(answer, 'user')
  if (typeof answer === 'string') return answer
  throw rowError('short_prompt is a list of turns beside a prompt of text, expected both in one form')
}

export const toTriple: Convert = (row, source, { chat }) => {
  const { answers, ...shared } = promptedBy(row, named(row, 'chosen', 'rejected', 'gold'), chat)
  const [chosen, rejected, gold] = answers
  return { kind: 'triple', source, ...shared, chosen, rejected, gold } as TripleRow
}

/** The reference's own answer: `usual`, or as SELM's data have it. */
export const usualKey = (row: Fields) => ['usual', 'reference_response'].find((key) => has(row, key))

export const toExploration: Convert = (row, source, { chat }) => {
  const { answers, ...shared } = promptedBy(row, named(row, 'chosen', 'rejected', usualKey(row) ?? 'usual'), chat)
  const [chosen, rejected, usual] = answers
  return { kind: 'exploration', source, ...shared, chosen, rejected, usual } as ExplorationRow
}

/** Graded answers are put in order, the best first and equals as they stood; without scores they stand in order. */
export const toRanking: Convert = (row, source, { chat }) => {
  const key = answersKey(row)
  const given = key ? (row[key] as unknown[]) : []
  if (!key || given.length < 2)
    throw rowError(`${key ?? 'responses'} has ${given.length} answers, expected two or more`)
  const sides = given.map((value, i): [string, unknown] => [`${key}[${i}]`, value])
  const { answers, ...shared } = promptedBy(row, sides, chat)
  const head = { kind: 'ranking', source, ...shared } as const
  if (!has(row, 'scores')) return { ...head, answers } as RankingRow
  const scores = numbers(row.scores, 'scores', Number.isFinite, 'a number')
  if (scores.length !== answers.length) {
    throw rowError(`scores has ${scores.length} entries for ${answers.length} ${key}, expected one for each`)
  }
  const order = [...scores.keys()].sort((i, j) => scores[j] - scores[i] || i - j)
  const values = { score: order.map((i) => scores[i]) }
  return { ...head, answers: order.map((i) => answers[i]), values } as RankingRow
}

/** Whole conversations with a label are cut before their last turn: that is what the label rates. */
export const toUnpaired: Convert = (row, source, { chat }) => {
  if (typeof row.label !== 'boolean') throw rowError(`label is ${showValue(row.label)}, expected true or false`)
  const condition = typeof row['condition'] === 'string' ? { condition: row['condition'] } : {}
  const head = { kind: 'unpaired', label: row.label, ...condition, source } as const
  const key = completionKey(row)
  const { prompt, tools } = promptOf(row)
  if (prompt === undefined) throw rowError(`the row has the keys ${keyList(row)}, expected a "prompt"`)
  if (!key && typeof prompt !== 'string' && prompt.length > 1) {
    return { ...head, chat: true, prompt: prompt.slice(0, -1), completion: prompt.slice(-1), ...withTools(tools) }
  }
  if (!key) throw rowError(`the row has the keys ${keyList(row)}, expected a "completion" or at least two turns`)
  const { answer, tools: inside } = toAnswer(row[key], key)
  const rated = sharePrompt(prompt, [answer], chat)
  return rated.chat
    ? { ...head, chat: true, prompt: rated.prompt, completion: rated.answers[0], ...withTools(tools, inside) }
    : { ...head, chat: false, prompt: rated.prompt, completion: rated.answers[0] }
}

/** `labels` are Hugging Face's (unshifted, −100 = not learnt); `loss` and its other names weigh each token. */
export const toTokens: Convert = (row, source) => {
  const name = Array.isArray(row.tokens) ? 'tokens' : 'input_ids'
  const tokens = numbers(row[name], name, (value) => Number.isInteger(value) && value >= 0, 'a token id')
  if (tokens.length === 0) throw rowError(`${name} is an empty list, expected at least one token`)
  const sameLength = (list: unknown[], key: string) => {
    if (list.length !== tokens.length) {
      throw rowError(`${key} has ${list.length} entries for ${tokens.length} ${name}, expected one for each`)
    }
  }
  let loss: number[] = tokens.map(() => 1)
  const key = ['loss', 'loss_mask', 'completion_mask', 'assistant_masks'].find((mask) => has(row, mask))
  if (key) {
    loss = numbers(row[key], key, (value) => Number.isFinite(value) && value >= 0, 'a weight of at least 0')
    sameLength(loss, key)
  } else if (has(row, 'labels')) {
    const labels = numbers(row.labels, 'labels', Number.isInteger, 'a token id or -100')
    sameLength(labels, 'labels')
    const odd = labels.findIndex((label, i) => label !== -100 && label !== tokens[i])
    if (odd >= 0) {
      throw rowError(
        `labels[${odd}] is ${labels[odd]} where ${name} has ${tokens[odd]}, expected the same id or -100`,
        'labels stand at the place of their own token; if they are shifted by one, shift them back',
      )
    }
    loss = labels.map((label) => (label === -100 ? 0 : 1))
  }
  const result: TokensRow = { kind: 'tokens', tokens, loss, source }
  if (!has(row, 'logprobs')) return result
  const logprobs = row.logprobs
  if (!Array.isArray(logprobs) || logprobs.some((value) => value !== null && !Number.isFinite(value))) {
    throw rowError(`logprobs is ${showValue(logprobs)}, expected a list of numbers or null`)
  }
  sameLength(logprobs, 'logprobs')
  return { ...result, logprobs }
}

function numbers(list: unknown, name: string, valid: (value: number) => boolean, expected: string): number[] {
  if (!Array.isArray(list)) throw rowError(`${name} is ${showValue(list)}, expected a list`)
  return list.map((value, i) => {
    const number = typeof value === 'bigint' ? Number(value) : typeof value === 'boolean' ? Number(value) : value
    if (typeof number !== 'number' || !valid(number)) {
      throw rowError(`${name}[${i}] is ${showValue(value)}, expected ${expected}`)
    }
    return number
  })
}
