/** From a row to the pieces of text that are tokenised apart: a shared prompt, and one or two answers after it. */
import { HoneError } from '../base/index.ts'
import type { ChatTemplate, Message, RenderOptions } from '../text/index.ts'
import { type Row, rowError } from './row.ts'

export interface Span {
  text: string
  trained: boolean
}

/** A row before tokenising. Supervised rows have no prompt of their own: all is one answer, parts of it untrained. */
export interface SpanTree {
  prompt: Span[]
  answers: Span[][]
  /** Plain text begins with bos (where the tokenizer says so) and ends with eos; a chat template writes its own. */
  plain: boolean
}

/** What a row is encoded for. */
export type ObjectiveKind = 'sft' | 'preference' | 'unpaired'

const EXPECTED: Record<ObjectiveKind, { kinds: Row['kind'][]; words: string; help: string }> = {
  sft: {
    kinds: ['text', 'completion', 'chat', 'tokens'],
    words: 'a row to imitate: messages, prompt and completion, text or tokens',
    help: 'train on pairs with dpo, or name the column to imitate, e.g. columns.messages=chosen',
  },
  preference: {
    kinds: ['preference'],
    words: 'a pair with "chosen" and "rejected"',
    help: 'preference training compares two answers; rows with one answer are for sft',
  },
  unpaired: {
    kinds: ['unpaired'],
    words: 'an answer with a "label" of true or false',
    help: 'rate each answer with a label, or use a preference method for pairs',
  },
}

const NAMES: Record<Row['kind'], string> = {
  text: 'plain text',
  completion: 'a prompt and its completion',
  chat: 'a conversation',
  preference: 'a pair of chosen and rejected',
  unpaired: 'a rated answer',
  tokens: 'tokens',
}

/** Throws `E_ROW_FORMAT` for a row that this objective cannot learn from. */
export function requireKind(row: Row, objective: ObjectiveKind): void {
  const { kinds, words, help } = EXPECTED[objective]
  if (!kinds.includes(row.kind)) throw rowError(`the row is ${NAMES[row.kind]}, expected ${words}`, help)
}

/** Throws `E_NO_TEMPLATE`, `E_MASK_EMPTY` (no assistant turn) and what the template throws. */
export function rowSpans(
  row: Exclude<Row, { kind: 'tokens' }>,
  template: ChatTemplate | null,
  variables?: Record<string, unknown>,
): SpanTree {
  const learn = (text: string): Span => ({ text, trained: true })
  const give = (text: string): Span => ({ text, trained: false })
  if (row.kind === 'text') return { prompt: [], answers: [[learn(row.text)]], plain: true }
  if (row.kind === 'completion') {
    return { prompt: [], answers: [[give(row.prompt), learn(row.completion)]], plain: true }
  }
  if (row.kind !== 'chat' && !row.chat) {
    const answers = row.kind === 'preference' ? [row.chosen, row.rejected] : [row.completion]
    return { prompt: [give(row.prompt)], answers: answers.map((text) => [learn(text)]), plain: true }
  }
  if (!template) {
    throw new HoneError('E_NO_TEMPLATE', 'the row is a conversation, but the model has no chat template', {
      help: 'give one with template=FILE or template=chatml, or train on text or prompt and completion',
    })
  }
  const options: RenderOptions = { ...(row.tools && { tools: row.tools }), ...(variables && { variables }) }
  if (row.kind === 'chat') {
    requireAssistant(row.messages, 'the conversation')
    return { prompt: [], answers: [template.spans(row.messages, options)], plain: false }
  }
  const answers = row.kind === 'preference' ? [row.chosen, row.rejected] : [row.completion]
  answers.forEach((answer, i) => {
    requireAssistant(answer, row.kind === 'preference' ? ['chosen', 'rejected'][i] : 'the completion')
  })
  return { ...sharedSpans(template, row.prompt, answers, options), plain: false }
}

function requireAssistant(messages: Message[], what: string): void {
  if (messages.some((message) => message.role === 'assistant')) return
  const roles = messages.map((message) => message.role).join(', ')
  throw new HoneError('E_MASK_EMPTY', `no token to learn from: ${what} has no assistant turn (roles: ${roles})`, {
    help: 'only what an assistant says is learnt; add its answer, or skip such rows with skipBad',
  })
}

/**
 * Renders each answer after the prompt and cuts off the text that all renderings share. That is the prompt with the
 * opening of the assistant's turn; where the answers begin with different user turns, the prompt alone; nothing where the
 * template renders even that differently (then each answer carries its whole text and nothing is shared).
 */
function sharedSpans(
  template: ChatTemplate,
  prompt: Message[],
  answers: Message[][],
  options: RenderOptions,
): { prompt: Span[]; answers: Span[][] } {
  const given = prompt.map((message) => (message.role === 'assistant' ? { ...message, train: false } : message))
  const whole = answers.map((answer) => template.spans([...given, ...answer], options))
  const leads = whole.map(textBeforeLoss)
  let shared = leads.every((lead) => lead === leads[0]) ? leads[0] : ''
  if (shared === '' && given.length > 0 && leads.length > 1) {
    const rendered = template.render(given, options)
    if (leads.every((lead) => lead.startsWith(rendered))) shared = rendered
  }
  if (shared === '') return { prompt: [], answers: whole }
  return {
    prompt: promptSpans(template, prompt, shared, options),
    answers: whole.map((spans) => after(spans, shared.length)),
  }
}

/**
 * Earlier answers in a prompt are tokenised apart, as they were when they were learnt or sampled: a prompt then has the
 * same ids in supervised tuning, in a pair and in the sampler (`encodePrompt`). Where the template does not let them be told
 * apart the prompt is one piece, there as here.
 */
function promptSpans(template: ChatTemplate, prompt: Message[], shared: string, options: RenderOptions): Span[] {
  const whole = [{ text: shared, trained: false }]
  if (!prompt.some((message) => message.role === 'assistant' && message.train !== false)) return whole
  try {
    const spans = template.spans(prompt, { ...options, addGenerationPrompt: true })
    if (spans.map((span) => span.text).join('') !== shared) return whole
    return spans.map(({ text }) => ({ text, trained: false }))
  } catch (error) {
    if (error instanceof HoneError && (error.code === 'E_TEMPLATE_MASK' || error.code === 'E_MASK_EMPTY')) return whole
    throw error
  }
}

function textBeforeLoss(spans: Span[]): string {
  const first = spans.findIndex((span) => span.trained)
  return spans
    .slice(0, first < 0 ? spans.length : first)
    .map((span) => span.text)
    .join('')
}

function after(spans: Span[], length: number): Span[] {
  const rest: Span[] = []
  for (const span of spans) {
    const cut = Math.min(length, span.text.length)
    length -= cut
    if (cut < span.text.length) rest.push({ ...span, text: span.text.slice(cut) })
  }
  return rest
}
