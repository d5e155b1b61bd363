import { z } from 'zod'
import { HoneError, showValue } from '../base/index.ts'
import type { ChatAnswer, ChatRequest, ChatToken, Usage } from './types.ts'

const logprob = z.object({ token: z.string(), logprob: z.number() })

/** What is read of an answer of the OpenAI API; all else in it is passed over. */
const completion = z.object({
  choices: z
    .array(
      z.object({
        message: z.object({ content: z.string().nullish() }),
        finish_reason: z.string().nullish(),
        logprobs: z
          .object({ content: z.array(logprob.extend({ top_logprobs: z.array(logprob).nullish() })).nullish() })
          .nullish(),
      }),
    )
    .min(1),
  usage: z.unknown().optional(),
})

const count = z.int().nonnegative()
const usageShape = z.object({ prompt_tokens: count, completion_tokens: count })

/** No tokenizer gives more tokens than bytes; a template may add a system turn of its own. */
const hiddenPromptTokens = 4096
/** Thinking that is not shown is counted too. */
const mostCompletionTokens = 1 << 20

export type Read = Pick<ChatAnswer, 'text' | 'finish' | 'tokens' | 'usage'>

/**
 * An endpoint's answer out of its JSON.
 * @throws HoneError E_CHAT_ANSWER naming what came in place of a completion
 */
export function readAnswer(value: unknown, request: ChatRequest): Read {
  const parsed = completion.safeParse(value)
  if (!parsed.success) {
    const [{ path, message }] = parsed.error.issues
    throw new HoneError(
      'E_CHAT_ANSWER',
      `the endpoint answered ${showValue(value)}, expected a chat completion (${path.join('.') || 'it'}: ${message})`,
      { help: 'Check that the address is that of an OpenAI-compatible API; it often ends in /v1.' },
    )
  }
  const [{ message, finish_reason, logprobs }] = parsed.data.choices
  const text = message.content ?? ''
  return {
    text,
    finish: finish_reason ?? null,
    tokens: logprobs?.content?.map(toToken) ?? null,
    usage: usageOf(parsed.data.usage, request, text),
  }
}

const toToken = ({
  token,
  logprob,
  top_logprobs,
}: {
  token: string
  logprob: number
  top_logprobs?: { token: string; logprob: number }[] | null
}): ChatToken => ({ token, logprob, top: top_logprobs ?? [] })

/** What the endpoint counted, unless that cannot be. */
function usageOf(value: unknown, request: ChatRequest, text: string): Usage {
  const promptBytes = request.messages.reduce((sum, { content }) => sum + bytes(content), 0)
  const told = usageShape.safeParse(value)
  if (told.success) {
    const { prompt_tokens: promptTokens, completion_tokens: completionTokens } = told.data
    const mostPrompt = promptBytes + 16 * request.messages.length + hiddenPromptTokens
    const mostCompletion = request.maxTokens ?? mostCompletionTokens
    const isPossible =
      promptTokens > 0 &&
      promptTokens <= mostPrompt &&
      completionTokens <= mostCompletion &&
      (completionTokens > 0 || text === '')
    if (isPossible) return { promptTokens, completionTokens, isEstimated: false }
  }
  return { promptTokens: tokensOf(promptBytes), completionTokens: tokensOf(bytes(text)), isEstimated: true }
}

const bytes = (text: string) => new TextEncoder().encode(text).length
const tokensOf = (size: number) => Math.ceil(size / 3)

/** Tokens that a request may cost, before it is made: its prompt, and the longest answer that it allows (256 where it says nothing). */
export function expectedTokens({ messages, maxTokens = 256 }: ChatRequest): number {
  return tokensOf(messages.reduce((sum, { content }) => sum + bytes(content), 0)) + maxTokens
}
