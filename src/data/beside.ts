/** What some objectives read of a row besides its answers: the class of a demonstration, a prompt for the reference. */
import { HoneError } from '../base/index.ts'
import type { SegmentInput } from '../batch/index.ts'
import type { ChatTemplate } from '../text/index.ts'
import { type ChatRow, type CompletionRow, type Row, rowError, type UnpairedRow } from './row.ts'

/** A rated row as one to imitate: every turn of the assistant is learnt, not the last one alone. */
export function asDemonstration(row: UnpairedRow): ChatRow | CompletionRow {
  const { source, values } = row
  if (!row.chat) return { kind: 'completion', prompt: row.prompt, completion: row.completion, source, values }
  const { prompt, completion, tools } = row
  return { kind: 'chat', messages: [...prompt, ...completion], ...(tools && { tools }), source, values }
}

/**
 * The variable by which a chat template tells rows of one class from those of the other (C-RLFT): the row's own `condition`,
 * else a word for its label.
 * @throws HoneError E_TEMPLATE for a template that would leave it out
 */
export function conditionOf(row: UnpairedRow, template: ChatTemplate | null): Record<string, unknown> {
  if (!row.chat || !template) return {}
  if (!/\bcondition\b/.test(template.source)) {
    throw new HoneError(
      'E_TEMPLATE',
      'the chat template does not read `condition`, so both classes get the same prompt',
      {
        help: 'take template=openchat, or a template that puts {{ condition }} before its turns; for weights alone use sft with the column weight',
      },
    )
  }
  return { condition: row.condition ?? (row.label ? 'Expert' : 'Other') }
}

/**
 * The segments that the reference model reads of a pair with a `shortPrompt`, and the pair's own with the prompt learnt as a
 * third sequence.
 * @param shortPrompt its tokens, up to where the answers begin
 * @throws HoneError E_ROW_FORMAT where no prompt is shared, E_TOO_LONG
 */
export function withShortPrompt(
  segments: readonly SegmentInput[],
  shortPrompt: readonly number[],
  maxLength: number,
): { segments: SegmentInput[]; reference: SegmentInput[] } {
  const [root, ...answers] = segments
  if (root.loss || shortPrompt.length === 0) {
    throw rowError('the answers share no prompt with each other: there is none to shorten for the reference')
  }
  const longest = Math.max(...answers.map(({ tokens }) => tokens.length))
  if (shortPrompt.length + longest > maxLength) {
    throw new HoneError(
      'E_TOO_LONG',
      `short_prompt has ${shortPrompt.length} tokens and the longest answer ${longest}, expected at most maxLength = ${maxLength}`,
      { help: 'short_prompt is to be the part of the prompt that the answer is about' },
    )
  }
  const learnt = { ...root, loss: new Uint8Array(root.tokens.length).fill(1), sequence: answers.length }
  return { segments: [learnt, ...answers], reference: [{ tokens: Int32Array.from(shortPrompt) }, ...answers] }
}

/** @throws HoneError E_ROW_FORMAT for a row that does not bring the number, or the prompt, that an objective needs */
export function requireNeeds(row: Row, values: Record<string, number[]>, needs: readonly string[]): void {
  for (const name of needs) {
    const help = BROUGHT[name]
    const isThere = name === 'shortPrompt' ? row.kind === 'preference' && row.shortPrompt !== undefined : values[name]
    if (help === undefined || isThere) continue
    throw rowError(`the row has no ${name === 'shortPrompt' ? 'short_prompt' : name}, which this objective needs`, help)
  }
}

/** What a row may have to bring, and how it does. */
const BROUGHT: Record<string, string> = {
  label: '"label": true for a good source, false for a mixed one',
  baseline: '"baseline": the mean log-prob of a token of the answer under aligned models, which `hone score` gives',
  score: '"score": a number for each answer, or "scores" beside "responses"',
  shortPrompt: '"short_prompt": the prompt with that part of its text which the answers are about',
}
