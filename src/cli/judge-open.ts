import { z } from 'zod'
import { HoneError, joinPath, platform } from '../base/index.ts'
import { openChat, type Spent } from '../chat/index.ts'
import {
  type EnsembleRule,
  endpointJudge,
  ensembleRules,
  graderJudge,
  type Judge,
  type JudgeOptions,
  localModelJudge,
  type RubricOptions,
  rewardModelJudge,
  verifierJudge,
} from '../rewards/index.ts'
import { modelKeys, openForVerb } from './model.ts'
import { isProgram, openProgram, openVerifier } from './programs.ts'
import type { Terminal } from './terminal.ts'

const { model: _, ...shared } = modelKeys
const limit = z.int().positive().optional()

/** The keys that say who judges, and how. */
export const judgeKeys = {
  ...shared,
  endpoint: z.string().optional().describe('an OpenAI-compatible chat endpoint: http://localhost:8000/v1'),
  model: z.string().optional().describe('the name of the model at the endpoint'),
  keyEnv: z.string().optional().describe("the environment variable that holds the endpoint's key"),
  local: z.string().optional().describe('a language model on this machine: a folder, a hub id owner/name, or tiny'),
  reward: z
    .array(z.string())
    .optional()
    .describe(
      'reward models, several are an ensemble; or a file whose default export is (prompt, answer, row) => number',
    ),
  verifier: z
    .string()
    .optional()
    .describe(
      'math, exact, … (see hone score), or a file whose default export has verify({prompt, answer, reference})',
    ),
  ask: z
    .enum(['pairwise', 'pointwise', 'listwise'])
    .default('pairwise')
    .describe('how an endpoint or a local model is asked'),
  oneOrder: z
    .boolean()
    .default(false)
    .describe('ask each pair once, as it stands: half the cost, and no check of the order'),
  tieMargin: z.number().nonnegative().default(0).describe('scores no further apart are a tie'),
  criteria: z.string().optional().describe('what counts, in a sentence for the rubric'),
  rubric: z
    .string()
    .optional()
    .describe("a file with a rubric of one's own, with slots such as {prompt} and {answerA}"),
  ensemble: z
    .enum(Object.keys(ensembleRules) as [EnsembleRule])
    .default('mean')
    .describe('of the scores of several reward models'),
  lambda: z.number().nonnegative().default(0.5).describe('of the ensemble by variance'),
  temperature: z.number().nonnegative().nullable().default(0).describe('of the endpoint; null: its own'),
  maxTokens: z.int().positive().default(1024).describe('longest answer of the endpoint'),
  tokenLimit: z
    .enum(['max_tokens', 'max_completion_tokens'])
    .default('max_tokens')
    .describe('what the endpoint calls the longest answer'),
  requests: limit.describe('budget: HTTP requests at most'),
  tokens: limit.describe('budget: tokens at most, prompts and answers together'),
  requestsPerMinute: limit.describe('of the endpoint'),
  tokensPerMinute: limit.describe('of the endpoint'),
  concurrency: z.int().positive().default(4).describe('requests under way at once'),
  retries: z.int().nonnegative().default(5).describe('repetitions of a failed request'),
  backoff: z.number().nonnegative().default(0.5).describe('seconds before the first repetition; the pauses double'),
  timeout: z.number().positive().default(120).describe('seconds that an answer may take'),
  responseFormat: z
    .boolean()
    .default(true)
    .describe('send the schema of the answer; false for endpoints that refuse it'),
  cache: z
    .string()
    .optional()
    .describe("a folder of answers; unless given that of the user's cache, none where it is ''"),
  transcript: z.string().optional().describe('a JSONL file that questions and answers are added to'),
} as const

export type JudgeKeys = z.output<z.ZodObject<typeof judgeKeys>>

export interface OpenedJudge extends AsyncDisposable {
  judge: Judge
  /** Of an endpoint. */
  spent?: Readonly<Spent>
}

type Source = (keys: JudgeKeys, terminal: Terminal, options: JudgeOptions & RubricOptions) => Promise<OpenedJudge>

/** Who may judge, by the key that names it. */
const sources: Record<'endpoint' | 'local' | 'reward' | 'verifier', Source> = {
  async endpoint(keys, _, options) {
    const { endpoint = '', model, keyEnv, ask, temperature, maxTokens, seed, requests, tokens, backoff, timeout } = keys
    if (!model) {
      throw new HoneError('E_USAGE', 'hone judge --endpoint needs --model, the name of the model there', {
        help: usage,
      })
    }
    const { requestsPerMinute, tokensPerMinute, concurrency, retries, responseFormat, tokenLimit, transcript } = keys
    const { cache = joinPath(platform().cacheFolder(), 'chat') } = keys
    const client = await openChat({
      ...{ endpoint, model, apiKeyEnv: keyEnv, budget: { requests, tokens }, requestsPerMinute, tokensPerMinute },
      ...{ concurrency, retries, responseFormat, tokenLimit, transcript, seed, cache: cache === '' ? null : cache },
      ...{ backoffMs: 1000 * backoff, timeoutMs: 1000 * timeout },
    })
    const judge = endpointJudge(client, {
      ...options,
      asks: [ask],
      sampling: { temperature: temperature ?? undefined, maxTokens },
    })
    return { judge, spent: client.spent, [Symbol.asyncDispose]: () => client.close() }
  },
  async local(keys, terminal, options) {
    const { local: model = '', ask } = keys
    if (ask === 'listwise') {
      throw new HoneError('E_USAGE', 'a local model is asked for listwise verdicts, expected pairwise or pointwise', {
        help: 'Its replies are single tokens.',
      })
    }
    const open = await openForVerb({ ...keys, model }, terminal)
    const judge = localModelJudge(open, { ...options, id: model, asks: [ask] })
    return { judge, [Symbol.asyncDispose]: () => open.close() }
  },
  async reward(keys, terminal, { tieMargin }) {
    const { reward = [], ensemble: rule, lambda } = keys
    const [first] = reward
    if (reward.length === 1 && isProgram(first)) {
      return { judge: graderJudge(await openProgram(first), { tieMargin }), [Symbol.asyncDispose]: async () => {} }
    }
    await using stack = new AsyncDisposableStack()
    const models = []
    for (const model of reward) models.push(stack.use(await openForVerb({ ...keys, model }, terminal)))
    const judge = rewardModelJudge(models, { id: reward.join(' '), rule, lambda, tieMargin })
    const kept = stack.move()
    return { judge, [Symbol.asyncDispose]: () => kept.disposeAsync() }
  },
  async verifier({ verifier = '' }, _, { tieMargin }) {
    return {
      judge: verifierJudge(await openVerifier(verifier), { id: verifier, tieMargin }),
      [Symbol.asyncDispose]: async () => {},
    }
  },
}

const usage = 'Example: hone judge pairs.jsonl --endpoint http://localhost:8000/v1 --model NAME'

/** Opens whoever is named. @throws HoneError E_USAGE unless that is exactly one */
export async function openJudge(keys: JudgeKeys, terminal: Terminal): Promise<OpenedJudge> {
  const named = (Object.keys(sources) as (keyof typeof sources)[]).filter((name) => keys[name] !== undefined)
  if (named.length !== 1) {
    const got = named.length === 0 ? 'none of them' : named.map((name) => `--${name}`).join(' and ')
    const message = `hone judge got ${got}, expected one of --endpoint, --local, --reward and --verifier`
    throw new HoneError('E_USAGE', message, { help: usage })
  }
  const { ask, criteria, oneOrder, tieMargin } = keys
  const rubric = keys.rubric === undefined ? undefined : { [ask]: await platform().readText(keys.rubric) }
  return sources[named[0]](keys, terminal, { swap: !oneOrder, tieMargin, criteria, rubric })
}
