import { HoneError, showValue } from '../base/index.ts'
import { promptKey, turnsKey } from '../data/convert.ts'
import { isFields, keyList, toConversation, toTools } from '../data/messages.ts'
import { atRow, type RawRow, type RowSource, rowError } from '../data/row.ts'
import type { OpenModel } from '../engine/index.ts'
import { encodePrompt, encodeText, type Message } from '../text/index.ts'
import type { Question } from './tasks.ts'

/** What a model is asked: a text, the turns of a conversation, or token ids. */
export type Asked = Question | { tokens: readonly number[] }

export interface PromptOptions {
  /** Give texts to the model as they are, also where it has a chat template. */
  raw?: boolean
  /** A system turn before conversations, and before texts that become one. */
  system?: string
  tools?: unknown[]
}

/**
 * The token ids of a question. A text becomes a user's turn where the model has a chat template; it is continued as it
 * stands where there is none or `raw` is set, after the beginning token if the tokenizer wants one.
 * @throws HoneError E_NO_TEMPLATE for turns without a template, E_TOO_LONG, E_TOKEN_ID, E_EMPTY for no tokens at all
 */
export function promptTokens(
  { engine, tokenizer, template }: Pick<OpenModel, 'engine' | 'tokenizer' | 'template'>,
  asked: Asked,
  { raw = false, system, tools }: PromptOptions = {},
): number[] {
  const tokens = encode()
  const { contextLength, vocabSize } = engine.config
  if (tokens.length === 0) {
    throw new HoneError('E_EMPTY', 'the prompt has no tokens, expected at least one', {
      help: 'This model has no beginning token: give it some text to continue.',
    })
  }
  if (tokens.length >= contextLength) {
    const message = `the prompt has ${tokens.length} tokens, expected less than the model's context of ${contextLength}`
    throw new HoneError('E_TOO_LONG', message, { help: 'Shorten the prompt.' })
  }
  const wrong = tokens.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabSize)
  if (wrong !== undefined) {
    throw new HoneError('E_TOKEN_ID', `the prompt has the token ${wrong}, expected ids from 0 to ${vocabSize - 1}`, {
      help: 'These tokens were made with the tokenizer of another model.',
    })
  }
  return tokens

  function encode(): number[] {
    if ('tokens' in asked) return [...asked.tokens]
    if ('prompt' in asked && (raw || !template)) return encodeText(tokenizer, asked.prompt)
    if (!template) {
      throw new HoneError('E_NO_TEMPLATE', 'the prompt is a conversation, but the model has no chat template', {
        help: 'Give the prompt as a text, or use a model that was tuned on chats.',
      })
    }
    const turns: Message[] = 'prompt' in asked ? [{ role: 'user', content: asked.prompt }] : asked.messages
    const opened = system === undefined ? turns : [{ role: 'system', content: system }, ...turns]
    return encodePrompt(tokenizer, template, opened, tools && { tools })
  }
}

/** A question as a reader sees it: its text (of a conversation, what its last turn says) and its turns. */
export function askedText(
  asked: Asked,
  tokenizer: Pick<OpenModel['tokenizer'], 'decode'>,
): { prompt: string; messages?: Message[] } {
  if ('prompt' in asked) return { prompt: asked.prompt }
  if ('tokens' in asked) return { prompt: tokenizer.decode([...asked.tokens]) }
  return { prompt: asked.messages.at(-1)?.content ?? '', messages: asked.messages }
}

/** A question out of a file. */
export interface Asking {
  asked: Asked
  tools?: unknown[]
  source: RowSource
}

/**
 * The question in a row of data: `messages`, of which closing assistant turns are left out, a text under `prompt` (or
 * `question`, `instruction`, `text`), or `tokens`.
 * @throws HoneError E_ROW_FORMAT naming file and line
 */
export function questionOf({ value, file, line }: RawRow): Asking {
  const source = { file, line }
  return atRow(source, () => {
    if (typeof value === 'string') return { asked: { prompt: value }, source }
    if (!isFields(value)) throw rowError(`the row is ${showValue(value)}, expected an object with a "prompt"`)
    const turns = turnsKey(value) ?? (Array.isArray(value.prompt) ? 'prompt' : undefined)
    if (turns) {
      const { messages, tools } = toConversation(value[turns], turns, value.tools)
      const last = messages.findLastIndex(({ role }) => role !== 'assistant')
      if (last < 0) throw rowError(`${turns} holds no turn to answer, expected one of a user`)
      return { asked: { messages: messages.slice(0, last + 1) }, tools, source }
    }
    if (Array.isArray(value.tokens)) return { asked: { tokens: value.tokens as number[] }, source }
    const key = promptKey(value) ?? (typeof value.text === 'string' ? 'text' : undefined)
    const text = key && value[key]
    if (typeof text === 'string') return { asked: { prompt: text }, tools: toTools(value.tools), source }
    throw rowError(
      `the row has the keys ${keyList(value)}, expected "prompt", "messages", "text" or "tokens"`,
      'Rename the column that holds the question.',
    )
  })
}
