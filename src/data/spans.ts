/** From a row to the pieces of text that are tokenised apart: a shared prompt, and the answers after it. */
import { HoneError } from '../base/index.ts'
import { type Form, sequenceName } from '../batch/index.ts'
import type { ChatTemplate, Message, RenderOptions } from '../text/index.ts'
import { type Row, rowError } from './row.ts'

export interface Span {
  text: string
  trained: boolean
  /** A step of the answer ends here, and another follows. */
  endsStep?: true
}

/** A row before tokenising. Supervised rows have no prompt of their own: all is one answer, parts of it untrained. */
export interface SpanTree {
  prompt: Span[]
  answers: Span[][]
  /** Plain text begins with bos (where the tokenizer says so) and ends with eos; a chat template writes its own. */
  plain: boolean
}

const EXPECTED: Record<Form, { kinds: Row['kind'][]; words: string; help: string }> = {
  demonstrations: {
    kinds: ['text', 'completion', 'chat', 'tokens'],
    words: 'a row to imitate: messages, prompt and completion, text or tokens',
    help: 'take the better answers with `hone data convert --to demonstrations`, or train on the rows as they are with another objective (`hone objectives`)',
  },
  pairs: {
    kinds: ['preference'],
    words: 'a pair with "chosen" and "rejected"',
    help: 'rankings, graded answers and triples give pairs by `hone data convert --to pairs`; rows with one answer are for sft',
  },
  triples: {
    kinds: ['triple'],
    words: 'a triple with "gold", "chosen" and "rejected"',
    help: 'rankings and graded answers give triples by `hone data convert --to triples`',
  },
  explorations: {
    kinds: ['exploration'],
    words: 'a pair with "usual", what the reference answers',
    help: 'draw the answers with `hone sample`, or let `hone online selm` draw and judge them',
  },
  unpaired: {
    kinds: ['unpaired'],
    words: 'an answer with a "label" of true or false',
    help: 'pairs, triples and graded answers give rated ones by `hone data convert --to unpaired`',
  },
  rankings: {
    kinds: ['ranking'],
    words: 'a prompt with "responses", the best first or with "scores"',
    help: 'pairs and triples give rankings by `hone data convert --to rankings`',
  },
  steps: {
    kinds: ['steps'],
    words: 'an answer in "steps" with "labels"',
    help: 'a rated answer without steps is for reward-outcome',
  },
}

const NAMES: Record<Row['kind'], string> = {
  text: 'plain text',
  completion: 'a prompt and its completion',
  chat: 'a conversation',
  preference: 'a pair of chosen and rejected',
  triple: 'a triple of gold, chosen and rejected',
  exploration: 'a pair with the usual answer',
  ranking: 'a ranking of several answers',
  unpaired: 'a rated answer',
  steps: 'an answer in rated steps',
  tokens: 'tokens',
}

/** Throws `E_ROW_FORMAT` for a row that an objective of this form cannot learn from. */
export function requireKind(row: Row, form: Form, needs: readonly string[] = []): void {
  const isLabelled = form === 'demonstrations' && needs.includes('label')
  const { kinds, words, help } = EXPECTED[isLabelled ? 'unpaired' : form]
  if (!kinds.includes(row.kind)) throw rowError(`the row is ${NAMES[row.kind]}, expected ${words}`, help)
}

/** The answers of a row that has a prompt of its own, in the order of its form's sequences (batch/forms.ts). */
function answersOf(row: AnsweredRow): (string | Message[])[] {
  if (row.kind === 'preference') return [row.chosen, row.rejected]
  if (row.kind === 'triple') return [row.chosen, row.rejected, row.gold]
  if (row.kind === 'exploration') return [row.chosen, row.rejected, row.usual]
  return row.kind === 'ranking' ? row.answers : [row.completion]
}

export type AnsweredRow = Exclude<Row, { kind: 'text' | 'completion' | 'chat' | 'tokens' }>

const FORM_OF = {
  preference: 'pairs',
  triple: 'triples',
  exploration: 'explorations',
  ranking: 'rankings',
  unpaired: 'unpaired',
  steps: 'steps',
} as const

/** What the answer at a place of a row is called. */
export function answerName(row: Row, place: number): string {
  return row.kind in FORM_OF ? sequenceName(FORM_OF[row.kind as AnsweredRow['kind']], place) : 'the row'
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
    const answers = answersOf(row) as string[]
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
  const answers = answersOf(row) as Message[][]
  answers.forEach((answer, i) => {
    requireAssistant(answer, row.kind === 'unpaired' || row.kind === 'steps' ? 'the completion' : answerName(row, i))
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
