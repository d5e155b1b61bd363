import { z } from 'zod'
import { formatNumber, HoneError } from '../base/index.ts'
import { atRow } from '../data/row.ts'
import type { OpenModel } from '../engine/index.ts'
import { type Asking, askedText, promptTokens, questionOf } from '../evaluate/index.ts'
import { readRows } from '../formats/index.ts'
import { type Completion, type Sampling, samplingDefaults, type TextPiece } from '../generate/index.ts'
import { bestOf, type Grader } from '../rewards/index.ts'
import { chat } from './chat.ts'
import { openGrader } from './grader.ts'
import { modelKeys, openForVerb } from './model.ts'
import type { Terminal } from './terminal.ts'
import { type Json, verb } from './verb.ts'

const options = z.strictObject({
  ...modelKeys,
  prompt: z.array(z.string()).default([]).describe('a text to answer; may be given several times'),
  prompts: z
    .string()
    .optional()
    .describe('rows {"prompt"}, {"messages"}, {"text"} or {"tokens"}, or a .txt, line by line'),
  chat: z.boolean().default(false).describe('talk with the model, turn by turn'),
  system: z.string().optional().describe('a system turn to begin with'),
  raw: z.boolean().default(false).describe('continue the text as it stands, without the chat template'),
  maxTokens: z.int().positive().default(samplingDefaults.maxTokens).describe('new tokens at most'),
  temperature: z.number().nonnegative().default(samplingDefaults.temperature).describe('0 takes the likeliest token'),
  topK: z.int().nonnegative().default(samplingDefaults.topK).describe('keep the k likeliest tokens; 0 keeps all'),
  topP: z
    .number()
    .positive()
    .max(1)
    .default(samplingDefaults.topP)
    .describe('keep the likeliest with this probability'),
  minP: z
    .number()
    .nonnegative()
    .lt(1)
    .default(samplingDefaults.minP)
    .describe('drop below this share of the likeliest'),
  stop: z.array(z.string()).default([]).describe('a text that ends the answer; may be given several times'),
  n: z.int().positive().default(samplingDefaults.n).describe('answers a prompt'),
  bestBy: z
    .array(z.string())
    .optional()
    .describe('of the n answers print the best alone, by a reward: a file or models, as of `hone online`'),
})
type Keys = z.output<typeof options>

export default verb({
  summary: 'answer prompts with a model, or chat with it',
  options,
  main: [
    'model',
    'prompt',
    'prompts',
    'chat',
    'maxTokens',
    'temperature',
    'topK',
    'topP',
    'minP',
    'stop',
    'seed',
    'n',
    'bestBy',
  ],
  placeholders: { model: 'MODEL', prompts: 'FILE', bestBy: 'FILE|MODEL' },
  example: ['hone sample --model tiny --prompt "Once upon a time" --max-tokens 40 --temperature 0.8 --seed 1'],
  async run(keys, terminal) {
    const ways = [keys.prompt.length > 0, keys.prompts !== undefined, keys.chat].filter(Boolean).length
    if (ways !== 1) {
      throw new HoneError('E_USAGE', `hone sample got ${ways} of --prompt, --prompts and --chat, expected one`, {
        help: 'Example: hone sample --model tiny --prompt "Once upon a time"',
      })
    }
    const questions = keys.chat ? [] : await readQuestions(keys, terminal.signal)
    await using open = await openForVerb(keys, terminal)
    const { maxTokens, temperature, topK, topP, minP, stop, n, seed } = keys
    const sampling = { maxTokens, temperature, topK, topP, minP, stop, n, seed }
    if (keys.chat) return { document: await chat(open, sampling, keys.system, terminal) }
    await using judging = keys.bestBy ? await openGrader({ reward: keys.bestBy }, 'hone sample', terminal) : null
    const completions = await complete(open, questions, { ...keys, sampling, show: !judging }, terminal)
    if (judging) {
      return { document: { completions: await chooseBest(open, questions, completions, judging.grader, terminal) } }
    }
    return { document: { completions: completions.map(toJson) } }
  },
})

/** A question, and where it was read unless it was on the command line. */
type Question = Omit<Asking, 'source'> & { source?: Asking['source']; row: unknown }

async function readQuestions({ prompt, prompts }: Keys, signal: AbortSignal): Promise<Question[]> {
  if (prompts === undefined) return prompt.map((text) => ({ asked: { prompt: text }, row: { prompt: text } }))
  const questions: Question[] = []
  for await (const row of readRows(prompts, { signal })) questions.push({ ...questionOf(row), row: row.value })
  return questions
}

/** Draws all answers, printing those of a prompt once the prompts before it are answered. */
async function complete(
  open: OpenModel,
  questions: readonly Question[],
  { raw, system, sampling, show }: Pick<Keys, 'raw' | 'system'> & { sampling: Partial<Sampling>; show: boolean },
  terminal: Terminal,
): Promise<Completion[]> {
  const { signal } = terminal
  const prompts = questions.map(({ asked, tools, source }) => {
    const encode = () => promptTokens(open, asked, { raw, system, tools })
    return { tokens: source ? atRow(source, encode) : encode() }
  })
  const each = sampling.n ?? 1
  const done: Completion[] = new Array(prompts.length * each)
  let printed = 0
  let count = 0
  // A single answer is shown while it is drawn.
  const onText = show && done.length === 1 ? ({ text }: TextPiece) => terminal.write(text) : undefined
  for await (const completion of open.engine.sample(prompts, sampling, { signal, onText })) {
    done[completion.prompt * each + completion.sample] = completion
    if (!onText) terminal.status(`${++count} of ${done.length} answers`)
    for (; show && done[printed]; printed++) print(done[printed], done.length, terminal)
  }
  terminal.status('')
  return done
}

function print({ prompt, sample, text, finish }: Completion, total: number, terminal: Terminal): void {
  if (total > 1) terminal.print(`── prompt ${prompt + 1}, answer ${sample + 1} (${finish})`)
  terminal.print(total > 1 ? text : '')
}

/** Of each prompt's answers the best by a reward: prints it with its score, and gives it as the others would be given. */
async function chooseBest(
  { tokenizer }: OpenModel,
  questions: readonly Question[],
  completions: readonly Completion[],
  grader: Grader,
  terminal: Terminal,
): Promise<Json[]> {
  const asked = questions.map(({ asked, row }) => ({ ...askedText(asked, tokenizer), row }))
  const groups = questions.map((_, prompt) => completions.filter((one) => one.prompt === prompt))
  const chosen = await bestOf(asked, groups, grader, { signal: terminal.signal })
  return chosen.map(({ best, completions, scores }) => {
    const { prompt, text } = completions[best]
    const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length
    const told = `score ${formatNumber(scores[best])}, ${formatNumber(mean)} on average over ${scores.length}`
    terminal.print(`── prompt ${prompt + 1}, answer ${best + 1} (${told})`)
    terminal.print(text)
    return { ...toJson(completions[best]), score: scores[best], scores }
  })
}

const toJson = ({ prompt, sample, promptTokens, tokens, logprobs, text, finish }: Completion): Json => ({
  prompt,
  sample,
  prompt_tokens: promptTokens,
  tokens,
  logprobs,
  text,
  finish,
})
