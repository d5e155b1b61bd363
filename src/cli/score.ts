import { z } from 'zod'
import { formatNumber, HoneError } from '../base/index.ts'
import { openDataset } from '../data/index.ts'
import { score } from '../evaluate/index.ts'
import { type EnsembleRule, ensembleRules, verifiers } from '../rewards/index.ts'
import { modelKeys, openForVerb } from './model.ts'
import { inOrder, scoreRewards } from './score-reward.ts'
import { verifyAnswers } from './score-verifier.ts'
import { verb } from './verb.ts'

const options = z.strictObject({
  ...modelKeys,
  model: modelKeys.model.optional(),
  reward: z
    .array(z.string())
    .optional()
    .describe(
      'a reward model, in place of --model: a score for each answer (JSON: rows[].answers[] of name, score, scores of each model, tokens; metrics); several are an ensemble',
    ),
  ensemble: z
    .enum(Object.keys(ensembleRules) as [EnsembleRule])
    .default('mean')
    .describe('of the scores of several reward models; variance: the mean less lambda times their variance'),
  lambda: z.number().nonnegative().default(0.5).describe('of the ensemble by variance'),
  bins: z.int().positive().default(10).describe('of the calibration of rewards'),
  plot: z.string().optional().describe('an SVG file for the reliability of rewards'),
  verifier: z
    .string()
    .optional()
    .describe(
      `a rule in place of a model, for rows of an answer and its reference: ${verifiers.map(({ id }) => id).join(', ')}, or a file whose default export has verify({prompt, answer, reference})`,
    ),
  columns: z
    .record(z.string(), z.string())
    .optional()
    .describe("names of an answer's columns for the verifier: columns.answer=completion"),
  out: z.string().optional().describe('a JSONL file for the rows with their verdicts, for the verifier'),
  overwrite: z.boolean().default(false).describe('replace that file'),
  data: z
    .string()
    .describe(
      'rows {"text"}, {"prompt", "completion"} or {"messages"}; for rewards also pairs, rankings, labels, steps; for a verifier {"answer", "reference"}',
    ),
  limit: z.int().positive().optional().describe('only the first so many rows'),
  tokens: z.boolean().default(false).describe('show every token with its log-prob'),
})

export default verb({
  summary:
    'log-probs of given texts or chats under a model, token by token; a prompt or a question has none. Or what reward models give for answers, or whether a rule takes them for right',
  options,
  main: ['model', 'reward', 'verifier', 'data', 'limit', 'tokens', 'plot', 'seed'],
  placeholders: { model: 'MODEL', reward: 'MODEL', data: 'FILE', plot: 'FILE.svg', verifier: 'NAME', out: 'FILE' },
  example: [
    `echo '{"text": "Good morning."}' > texts.jsonl`,
    'hone score --model tiny --data texts.jsonl --tokens',
    `echo '{"answer": "So it is \\\\boxed{0.5}.", "reference": "1/2"}' > answers.jsonl`,
    'hone score --verifier math --data answers.jsonl',
  ],
  async run(keys, terminal) {
    const { signal } = terminal
    const { model = '' } = keys
    if (keys.verifier !== undefined) return await verifyAnswers({ ...keys, verifier: keys.verifier }, terminal)
    if (model === '' && !keys.reward) {
      throw new HoneError('E_USAGE', 'hone score needs --model, or --reward, or --verifier', {
        help: 'Example: hone score --model tiny --data texts.jsonl',
      })
    }
    await using dataset = await openDataset(keys.data, { limit: keys.limit, mixedFormats: true, signal })
    if (keys.reward) return await scoreRewards({ ...keys, reward: keys.reward }, dataset, terminal)
    await using open = await openForVerb({ ...keys, model }, terminal)
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
