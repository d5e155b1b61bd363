import { z } from 'zod'
import { formatCount, formatShare } from '../base/index.ts'
import { encodeDataset, inspectRows, openDataset, renderInspection } from '../data/index.ts'
import { openText } from '../engine/index.ts'
import { readModelConfig } from '../models/index.ts'
import { type ObjectiveId, objectives } from '../objectives/index.ts'
import { modelKeys } from './model.ts'
import { verb } from './verb.ts'

const options = z.strictObject({
  model: modelKeys.model,
  template: modelKeys.template,
  data: z.string().describe('a file, a folder or a hub id'),
  objective: z
    .enum(Object.keys(objectives) as [ObjectiveId])
    .default('sft')
    .describe('what the rows are read for, see `hone objectives`'),
  rows: z.int().nonnegative().default(3).describe('rows to show; the survey reads all'),
  from: z.int().nonnegative().default(0).describe('first row to show, from 0'),
  table: z.boolean().default(false).describe('a line for each token'),
  maxLength: z
    .int()
    .positive()
    .nullable()
    .default(null)
    .describe("longest row in tokens; null takes the model's context"),
  lengthPolicy: z.enum(['error', 'truncate', 'drop']).default('error').describe('what happens to longer rows'),
  strictBorders: z.boolean().default(false).describe('refuse rows whose ids change at the borders of the loss mask'),
  skipBad: z.boolean().default(false).describe('count bad rows and go on'),
})

export default verb({
  summary: 'show rows as a trainer reads them: which tokens carry loss, lengths, truncation, what is left out',
  options,
  main: ['model', 'data', 'objective', 'rows', 'from', 'table'],
  placeholders: { model: 'MODEL', data: 'FILE', objective: 'ID' },
  example: [
    `echo '{"messages": [{"role": "user", "content": "Say hi."}, {"role": "assistant", "content": "Hi!"}]}' > chats.jsonl`,
    'hone data inspect --model tiny --data chats.jsonl --table',
  ],
  async run(keys, terminal) {
    const { signal } = terminal
    const onFetch = (line: string) => terminal.status(line)
    const { tokenizer, template, base } = await openText(keys.model, {
      template: keys.template,
      signal,
      onProgress: onFetch,
    })
    const { vocabSize, contextLength } = (await readModelConfig(base)).config
    const { maxLength, lengthPolicy, strictBorders, skipBad, objective } = keys
    await using dataset = await openDataset(keys.data, { signal, skipBad })
    const encoded = encodeDataset(dataset, {
      ...{ tokenizer, template, vocabSize, lengthPolicy, strictBorders, skipBad },
      ...{ form: objectives[objective].form, needs: objectives[objective].needs },
      maxLength: maxLength ?? contextLength,
    })
    const shown = Array.from({ length: keys.rows }, (_, i) => keys.from + i).filter((index) => index < dataset.length)
    const rows = await inspectRows(encoded, tokenizer, shown)
    const onProgress = (done: number, total: number) => terminal.status(`${done} of ${total} rows`)
    const colour = terminal.color && Boolean(process.stdout.isTTY)
    if (rows.length > 0) terminal.print(`${renderInspection(rows, { colour, form: keys.table ? 'table' : 'text' })}\n`)
    const { statistics } = await encoded.survey({ signal, onProgress })
    terminal.status('')
    const { tokens, lossTokens, longest, truncated, dropped, skipped, bordersChanged, histogram } = statistics
    terminal.print(`${statistics.rows} rows, ${formatCount(tokens)} tokens, ${formatShare(lossTokens / tokens)} learnt`)
    terminal.print(
      `longest ${longest}; ${truncated} truncated, ${dropped} dropped, ${skipped.total} bad, ${bordersChanged} with changed borders`,
    )
    for (const { upTo, rows } of histogram) terminal.print(`  up to ${String(upTo).padStart(6)} tokens: ${rows} rows`)
    for (const example of skipped.examples.slice(0, 3)) terminal.print(`  bad: ${example.message}`)
    return {
      document: {
        rows,
        statistics: {
          rows: statistics.rows,
          ...{ tokens, loss_tokens: lossTokens, longest, truncated, dropped, borders_changed: bordersChanged },
          skipped: skipped.counts,
          histogram: histogram.map(({ upTo, rows }) => ({ up_to: upTo, rows })),
        },
      },
    }
  },
})
