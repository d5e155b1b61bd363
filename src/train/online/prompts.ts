import { HoneError } from '../../base/index.ts'
import { type DataSource, encodeRow, openDataset } from '../../data/index.ts'
import { atRow } from '../../data/row.ts'
import { openSource } from '../../data/sources.ts'
import type { OpenModel } from '../../engine/index.ts'
import { askedText, promptTokens, questionOf } from '../../evaluate/index.ts'
import type { Asked } from '../../rewards/index.ts'
import type { OnlineMethod } from './types.ts'

/** A prompt of the data, as tokens. */
export interface RoundPrompt extends Asked {
  index: number
  tokens: readonly number[]
  /** The tokens of its demonstration, an end token included, where the data has one. */
  demonstration: readonly number[] | null
}

export interface PromptOptions {
  data: DataSource
  reads: OnlineMethod['reads']
  maxLength: number
  /** Room that has to remain for an answer. */
  maxTokens: number
  limit: number | null
  signal?: AbortSignal
}

/**
 * All prompts of a source, in its order.
 * @throws HoneError with file and line for a row that is none; E_TOO_LONG where no room is left to answer; E_EMPTY
 */
export async function readPrompts(opened: OpenModel, options: PromptOptions): Promise<RoundPrompt[]> {
  const { maxLength } = options
  const prompts = await (options.reads === 'prompts' ? questions(opened, options) : demonstrations(opened, options))
  for (const { index, tokens, demonstration } of prompts) {
    const answer = Math.max(options.maxTokens, demonstration?.length ?? 0)
    if (tokens.length + answer <= maxLength) continue
    throw new HoneError(
      'E_TOO_LONG',
      `prompt ${index + 1} has ${tokens.length} tokens; with an answer of ${answer} that is more than maxLength, ${maxLength}`,
      { help: 'Lower maxTokens, or shorten the prompt.' },
    )
  }
  return prompts
}

async function questions(opened: OpenModel, { data, limit, signal }: PromptOptions): Promise<RoundPrompt[]> {
  const { rows } = await openSource(data, { split: 'train', signal })
  try {
    const length = Math.min(rows.length, limit ?? rows.length)
    const raw = await rows.readMany(Array.from({ length }, (_, i) => i))
    return raw.map((row, index) => {
      const { asked, tools, source } = questionOf(row)
      const tokens = atRow(source, () => promptTokens(opened, asked, { tools }))
      return { index, tokens, demonstration: null, row: row.value, ...askedText(asked, opened.tokenizer) }
    })
  } finally {
    await rows.close()
  }
}

/** Prompts with what is to be imitated: the last learnt stretch of a row, after all that comes before it. */
async function demonstrations(opened: OpenModel, { data, limit, maxLength }: PromptOptions): Promise<RoundPrompt[]> {
  const { tokenizer, template, model } = opened
  const context = { tokenizer, template, maxLength, vocabSize: model.config.vocabSize }
  await using dataset = await openDataset(data, { limit: limit ?? undefined })
  const prompts: RoundPrompt[] = []
  for (let index = 0; index < dataset.length; index++) {
    const row = await dataset.read(index)
    const segments = encodeRow(row, context, index)?.input.segments ?? []
    const tokens = segments.flatMap((segment) => Array.from(segment.tokens))
    const learnt = segments.flatMap((segment) => Array.from(segment.tokens, (_, i) => (segment.loss?.[i] ?? 0) > 0))
    const end = learnt.lastIndexOf(true) + 1
    const begin = learnt.lastIndexOf(false, end - 1) + 1
    if (begin === 0) {
      throw atRow(row.source, () => new HoneError('E_ROW_FORMAT', 'the row has no prompt, expected one with an answer'))
    }
    const prompt = tokenizer.decode(tokens.slice(0, begin))
    prompts.push({ index, tokens: tokens.slice(0, begin), demonstration: tokens.slice(begin, end), prompt, row })
  }
  return prompts
}
