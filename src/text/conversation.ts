import { HoneError } from '../base/index.ts'
import type { ChatTemplate, Message, RenderOptions, Tokenizer } from './types.ts'

export interface EncodedConversation {
  tokens: number[]
  /** One byte per token: 1 where the token is learnt from. */
  loss: Uint8Array
  /** Whether encoding the whole text at once would give other ids: a token would have crossed a border of the loss. */
  bordersChanged: boolean
}

/**
 * Renders a conversation and encodes it span by span at the borders of what the assistant wrote, so that no token is half prompt and
 * half answer, and a prompt has the same ids whatever answer follows.
 * @throws HoneError E_TEMPLATE_MASK, E_MASK_EMPTY (see `ChatTemplate.spans`)
 */
export function encodeConversation(
  tokenizer: Tokenizer,
  template: ChatTemplate,
  messages: Message[],
  options: RenderOptions = {},
): EncodedConversation {
  const spans = template.spans(messages, options)
  const parts = tokenizer.encodeParts(spans.map(({ text }) => text))
  const tokens = parts.flat()
  const loss = new Uint8Array(tokens.length)
  let at = 0
  parts.forEach((ids, i) => {
    if (spans[i]?.trained) loss.fill(1, at, at + ids.length)
    at += ids.length
  })
  if (!loss.includes(1))
    throw new HoneError('E_MASK_EMPTY', 'the assistant turns hold no tokens: there is nothing to learn from')
  const whole = tokenizer.encode(spans.map(({ text }) => text).join(''))
  const bordersChanged = whole.length !== tokens.length || whole.some((id, i) => id !== tokens[i])
  return { tokens, loss, bordersChanged }
}

/**
 * Ids of a conversation that the assistant is to continue, its generation prompt included: the beginning of what
 * `encodeConversation` gives once the answer is there. Earlier answers are cut from their surroundings as they are in training
 * where the template lets them be told apart, else the text is encoded in one piece.
 */
export function encodePrompt(
  tokenizer: Tokenizer,
  template: ChatTemplate,
  messages: Message[],
  options: RenderOptions = {},
): number[] {
  const settings = { ...options, addGenerationPrompt: true }
  const answered = messages.some(({ role, train }) => role === 'assistant' && train !== false)
  if (answered) {
    try {
      return tokenizer.encodeParts(template.spans(messages, settings).map(({ text }) => text)).flat()
    } catch (error) {
      const unmarked = error instanceof HoneError && (error.code === 'E_TEMPLATE_MASK' || error.code === 'E_MASK_EMPTY')
      if (!unmarked) throw error
    }
  }
  return tokenizer.encode(template.render(messages, settings))
}

/**
 * Ids of a plain text, with the beginning token where asked or, by default, where the tokenizer wants it, and the end token where
 * asked. @throws HoneError E_TOKEN_MISSING when a token is asked for that the tokenizer does not have.
 */
export function encodeText(
  tokenizer: Tokenizer,
  text: string,
  options: { bos?: boolean; eos?: boolean } = {},
): number[] {
  const ids = tokenizer.encode(text)
  if (options.bos ?? tokenizer.addBos) ids.unshift(required(tokenizer.bos, 'beginning'))
  if (options.eos) ids.push(required(tokenizer.eos, 'end'))
  return ids
}

function required(id: number | null, role: string): number {
  if (id !== null) return id
  throw new HoneError('E_TOKEN_MISSING', `the tokenizer has no ${role} token`, {
    help: `Name one in tokenizer_config.json (${role === 'end' ? 'eos' : 'bos'}_token), or leave it out.`,
  })
}
