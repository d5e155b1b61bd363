import { z } from 'zod'
import { formatNumber } from '../base/index.ts'
import { type Dataset, openDataset, type Row } from '../data/index.ts'
import { score } from '../evaluate/index.ts'
import { modelKeys, openForVerb } from './model.ts'
import { verb } from './verb.ts'

const options = z.strictObject({
  ...modelKeys,
  data: z.string().describe('rows {"text"}, {"prompt", "completion"} or {"messages"}'),
  limit: z.int().positive().optional().describe('only the first so many rows'),
  tokens: z.boolean().default(false).describe('show every token with its log-prob'),
})

export default verb({
  summary: 'log-probs of given texts or chats under a model, token by token; a prompt or a question has none',
  options,
  main: ['model', 'data', 'limit', 'tokens', 'seed'],
  placeholders: { model: 'MODEL', data: 'FILE' },
  example: [`echo '{"text": "Good morning."}' > texts.jsonl`, 'hone score --model tiny --data texts.jsonl --tokens'],
  async run(keys, terminal) {
    const { signal } = terminal
    await using dataset = await openDataset(keys.data, { limit: keys.limit, mixedFormats: true, signal })
    await using open = await openForVerb(keys, terminal)
    const onProgress = (rows: number) => terminal.status(`${rows} of ${dataset.length} rows`)
    const { rows, meanNll } = await score(open, inOrder(dataset), { signal, onProgress })
    terminal.status('')
    for (const [index, { tokens, logprobs, sum, n }] of rows.entries()) {
      const mean = formatNumber(sum / n)
      terminal.print(`row ${index + 1}: ${n} of ${tokens.length} tokens, sum ${formatNumber(sum)}, mean ${mean}`)
      if (!keys.tokens) continue
      for (const [i, id] of tokens.entries()) {
        const piece = JSON.stringify(open.tokenizer.decode([id]))
        terminal.print(`  ${(logprobs[i]?.toFixed(4) ?? '–').padStart(9)}  ${String(id).padStart(6)}  ${piece}`)
      }
    }
    terminal.print(`mean NLL ${formatNumber(meanNll)} nats a token, perplexity ${formatNumber(Math.exp(meanNll))}`)
    return { document: { rows, mean_nll: meanNll } }
  },
})

async function* inOrder(dataset: Dataset): AsyncGenerator<Row> {
  for (let index = 0; index < dataset.length; index++) yield await dataset.read(index)
}
