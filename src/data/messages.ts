import { closest, showValue } from '../base/index.ts'
import type { Message, ToolCall } from '../text/index.ts'
import { rowError } from './row.ts'

export type Fields = Record<string, unknown>

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Who speaks in a ShareGPT turn, in the words that chat templates know. */
const SHAREGPT_ROLES: Record<string, string> = {
  human: 'user',
  user: 'user',
  gpt: 'assistant',
  chatgpt: 'assistant',
  assistant: 'assistant',
  bot: 'assistant',
  model: 'assistant',
  system: 'system',
  tool: 'tool',
  observation: 'tool',
  function_response: 'tool',
  function_call: 'assistant',
}

/** Content that is not text, as OpenAI's parts and LLaMA-Factory's V1 format write it, on its way into a message. */
interface Content {
  text: string
  reasoning?: string
  calls: ToolCall[]
  tools?: unknown[]
}

export interface Conversation {
  messages: Message[]
  tools?: unknown[]
}

/** Turns as [{role, content}] or [{from, value}], told apart turn by turn. Throws `E_ROW_FORMAT` naming the turn. */
export function toConversation(value: unknown, name: string, tools?: unknown): Conversation {
  if (!Array.isArray(value)) throw rowError(`${name} is ${showValue(value)}, expected a list of turns`)
  const given = toTools(tools)
  const found: unknown[] = []
  const messages = value.map((turn, i) => {
    const { message, tools: inside } = toTurn(turn, `${name}[${i}]`)
    if (inside) found.push(...inside)
    return message
  })
  const all = [...(given ?? []), ...found]
  return { messages, ...(all.length > 0 && { tools: all }) }
}

function toTurn(turn: unknown, name: string): { message: Message; tools?: unknown[] } {
  if (!isFields(turn)) throw rowError(`${name} is ${showValue(turn)}, expected a turn {"role", "content"}`)
  if ('role' in turn) return fromRole(turn, name)
  if ('from' in turn) return { message: fromShareGpt(turn, name) }
  throw rowError(
    `${name} has the keys ${keyList(turn)}, expected a turn {"role", "content"} or, in ShareGPT's form, {"from", "value"}`,
  )
}

function fromShareGpt(turn: Fields, name: string): Message {
  const { from, value } = turn
  const role = SHAREGPT_ROLES[String(from)]
  if (!role || !Object.hasOwn(SHAREGPT_ROLES, String(from))) {
    const known = Object.keys(SHAREGPT_ROLES)
    const near = closest(String(from), known)
    throw rowError(
      `${name}.from is ${showValue(from)}, expected one of ${known.join(', ')}`,
      near ? `did you mean "${near}"?` : undefined,
    )
  }
  if (typeof value !== 'string') throw rowError(`${name}.value is ${showValue(value)}, expected a text`)
  const message: Message = { role, content: value }
  if (from === 'function_call') Object.assign(message, { content: '', tool_calls: parseCalls(value, `${name}.value`) })
  return withTrain(message, turn, name)
}

function fromRole(turn: Fields, name: string): { message: Message; tools?: unknown[] } {
  if (typeof turn.role !== 'string' || turn.role === '') {
    throw rowError(`${name}.role is ${showValue(turn.role)}, expected a role such as "user" or "assistant"`)
  }
  const content = toContent(turn.content ?? '', `${name}.content`)
  const calls = [...toCalls(turn, name), ...content.calls]
  const hasContent = turn.content !== undefined && turn.content !== null
  if (!hasContent && calls.length === 0) throw rowError(`${name} has no content, expected a text or tool calls`)
  const message: Message = { role: turn.role === 'function' ? 'tool' : turn.role, content: content.text }
  const reasoning = content.reasoning ?? optionalText(turn.reasoning_content, `${name}.reasoning_content`)
  if (reasoning !== undefined) message.reasoning_content = reasoning
  if (calls.length > 0) message.tool_calls = calls
  const id = optionalText(turn.tool_call_id, `${name}.tool_call_id`)
  if (id !== undefined) message.tool_call_id = id
  const speaker = optionalText(turn.name, `${name}.name`)
  if (speaker !== undefined) message.name = speaker
  return { message: withTrain(message, turn, name), tools: content.tools }
}

function optionalText(value: unknown, name: string): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw rowError(`${name} is ${showValue(value)}, expected a text`)
  return value
}

/** `train` is hone's own mark; `weight` is OpenAI's and `loss_weight` LLaMA-Factory's, of which 0 and 1 are understood. */
function withTrain(message: Message, turn: Fields, name: string): Message {
  for (const key of ['train', 'weight', 'loss_weight']) {
    const value = turn[key]
    if (value === undefined || value === null || value === true || value === 1) continue
    if (value !== false && value !== 0) throw rowError(`${name}.${key} is ${showValue(value)}, expected 0 or 1`)
    if (message.role === 'assistant') message.train = false
  }
  return message
}

function toContent(value: unknown, name: string): Content {
  if (typeof value === 'string') return { text: value, calls: [] }
  if (!Array.isArray(value)) throw rowError(`${name} is ${showValue(value)}, expected a text or a list of text parts`)
  const content: Content = { text: '', calls: [] }
  value.forEach((part, i) => {
    const at = `${name}[${i}]`
    const fields: Fields = typeof part === 'string' ? { type: 'text', text: part } : isFields(part) ? part : {}
    const type = fields.type ?? 'text'
    const text = fields.text ?? fields.value
    if (typeof text !== 'string')
      throw rowError(`${at} is ${showValue(part)}, expected a part {"type": "text", "text"}`)
    if (type === 'text') content.text += text
    else if (type === 'reasoning') content.reasoning = (content.reasoning ?? '') + text
    else if (type === 'tool_call' || type === 'tool_calls') content.calls.push(...parseCalls(text, at))
    else if (type === 'tools') content.tools = toTools(text)
    else
      throw rowError(`${at} is a part of type ${showValue(type)}, expected text: only text can be learnt from so far`)
  })
  return content
}

function toCalls(turn: Fields, name: string): ToolCall[] {
  if (isFields(turn.function_call)) return [toCall(turn.function_call, `${name}.function_call`)]
  const calls = turn.tool_calls
  if (calls === undefined || calls === null) return []
  if (!Array.isArray(calls)) throw rowError(`${name}.tool_calls is ${showValue(calls)}, expected a list`)
  return calls.map((call, i) => toCall(call, `${name}.tool_calls[${i}]`))
}

function toCall(value: unknown, name: string): ToolCall {
  const fn = isFields(value) && isFields(value.function) ? value.function : value
  if (!isFields(fn) || typeof fn.name !== 'string') {
    throw rowError(`${name} is ${showValue(value)}, expected {"function": {"name", "arguments"}}`)
  }
  const id = isFields(value) && typeof value.id === 'string' ? { id: value.id } : {}
  const parsed = typeof fn.arguments === 'string' ? parseJsonText(fn.arguments) : fn.arguments
  // Templates print arguments with `tojson`: a JSON text left as it is would come out quoted twice.
  const args = isFields(parsed) ? parsed : (fn.arguments ?? {})
  return { ...id, type: 'function', function: { name: fn.name, arguments: args } }
}

/** The JSON text of one call {name, arguments} or of a list of them. */
function parseCalls(text: string, name: string): ToolCall[] {
  const value = parseJsonText(text)
  if (value === undefined)
    throw rowError(`${name} is ${showValue(text)}, expected a tool call as JSON {"name", "arguments"}`)
  return Array.isArray(value) ? value.map((call, i) => toCall(call, `${name}[${i}]`)) : [toCall(value, name)]
}

/** Tools as a list or its JSON text; bare functions are put into OpenAI's {type, function} frame. */
export function toTools(value: unknown): unknown[] | undefined {
  if (value === undefined || value === null || value === '') return undefined
  const list = typeof value === 'string' ? parseJsonText(value) : value
  if (!Array.isArray(list)) throw rowError(`tools is ${showValue(value)}, expected a list of functions`)
  const framed = list.map((tool) =>
    isFields(tool) && tool.function === undefined && typeof tool.name === 'string'
      ? { type: 'function', function: tool }
      : tool,
  )
  return framed.length > 0 ? framed : undefined
}

/** What a JSON text holds, or undefined where it is none. */
export function parseJsonText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export function keyList(value: Fields): string {
  const keys = Object.keys(value)
  const shown = keys.slice(0, 12).map((key) => `"${key.length > 40 ? `${key.slice(0, 39)}…` : key}"`)
  return `${shown.join(', ')}${keys.length > 12 ? ` and ${keys.length - 12} more` : ''}` || '(none)'
}

export const sameMessage = (a: Message, b: Message) => JSON.stringify(a) === JSON.stringify(b)
