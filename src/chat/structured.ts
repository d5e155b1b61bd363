import { z } from 'zod'
import { HoneError, showValue } from '../base/index.ts'
import type { AskOptions, ChatAnswer, ChatClient, ChatRequest } from './types.ts'

export interface Structured<T> {
  value: T
  answer: ChatAnswer
  /** The first answer was of another shape, and the second one was not. */
  isRepaired: boolean
}

/**
 * An answer in JSON, checked by a schema. One of another shape is sent back once, with what is wrong in it.
 * @throws HoneError E_JUDGE_ANSWER naming what came the second time; both answers then leave the cache. And as `ChatClient.ask`
 */
export async function askFor<T>(
  client: ChatClient,
  request: ChatRequest,
  { name, schema }: { name: string; schema: z.ZodType<T> },
  options: AskOptions = {},
): Promise<Structured<T>> {
  const { $schema: _, ...json } = z.toJSONSchema(schema)
  const first: ChatRequest = { ...request, schema: { name, schema: json } }
  const answer = await client.ask(first, options)
  const read = readStructured(answer.text, schema)
  if ('value' in read) return { ...read, answer, isRepaired: false }
  const complaint = `That is not what was asked for: ${read.fault}. Answer again with nothing but one JSON object of this schema:\n${JSON.stringify(json)}`
  const second: ChatRequest = {
    ...first,
    messages: [...request.messages, { role: 'assistant', content: answer.text }, { role: 'user', content: complaint }],
  }
  const repaired = await client.ask(second, options)
  const again = readStructured(repaired.text, schema)
  if ('value' in again) return { ...again, answer: repaired, isRepaired: true }
  await client.forget(first)
  await client.forget(second)
  const cut = repaired.finish === 'length' ? ' It was cut at its longest length: raise maxTokens.' : ''
  throw new HoneError('E_JUDGE_ANSWER', `${client.model} answered ${showValue(repaired.text)}: ${again.fault}`, {
    help: `It was asked twice for ${name} in JSON.${cut} A larger model, or one that keeps to a schema, may do.`,
  })
}

/** The value in a text, or what is wrong with it. */
export function readStructured<T>(text: string, schema: z.ZodType<T>): { value: T } | { fault: string } {
  let value: unknown
  try {
    value = JSON.parse(bare(text))
  } catch {
    return { fault: text.trim() === '' ? 'it is empty' : 'it is no JSON' }
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return { value: parsed.data }
  const faults = parsed.error.issues.slice(0, 3).map(({ path, message }) => `${path.join('.') || 'it'}: ${message}`)
  return { fault: faults.join('; ') }
}

/** The JSON without what models put around it: their thinking, a fence of Markdown, a sentence before or after an object. */
function bare(text: string): string {
  const said = text.replace(/^\s*<think>[\s\S]*?<\/think>/, '').trim()
  const fenced = /^```(?:json)?\s*\n([\s\S]*?)\n?```$/.exec(said)?.[1] ?? said
  const [from, to] = [fenced.indexOf('{'), fenced.lastIndexOf('}')]
  return from >= 0 && to > from ? fenced.slice(from, to + 1) : fenced
}
