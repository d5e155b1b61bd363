import { HoneError, platform, showValue } from '../base/index.ts'
import type { RowInput } from '../batch/index.ts'
import type { Row } from '../data/index.ts'
import type { OpenModel } from '../engine/index.ts'
import { bootstrapMean, type Interval, wilson } from './bootstrap.ts'
import { likeliest, perplexity } from './metrics.ts'
import { promptTokens } from './prompt.ts'
import { taskFromJsonl } from './rows.ts'
import { forwardRows, score } from './score.ts'
import {
  type ChoiceItem,
  type ChoiceTask,
  type GenerateTask,
  type PerplexityTask,
  type Question,
  type Task,
  task,
} from './tasks.ts'

/** A task's figure with the ends of its 95 % interval, over `n` items. */
export interface Figure extends Interval {
  metric: string
  n: number
}

/** A drawn answer and the score it was given. */
export interface Answered {
  task: string
  /** The question's last turn, or its text. */
  prompt: string
  answer: string
  score: number
}

export interface EvaluateResult {
  tasks: Record<string, Figure>
  /** By task the score of every item, in an order that depends on the seed alone: two models can be compared item by item. */
  scores: Record<string, number[]>
  samples: Answered[]
}

export interface EvaluateOptions {
  /** Chooses the items, and the resamples of the intervals. */
  seed?: number
  /** Items a task; each task's own number unless given. */
  n?: number
  signal?: AbortSignal
  onProgress?: (progress: { task: string; done: number; total: number }) => void
}

type Opened = Pick<OpenModel, 'engine' | 'tokenizer' | 'template'>

interface Judged {
  scores: number[]
  figure: Omit<Figure, 'n'>
  samples?: Answered[]
}

interface Judging {
  seed: number
  n: number
  signal?: AbortSignal
  onDone: (done: number, total: number) => void
}

/**
 * Measures a model on tasks: drawn answers (greedy) by a verifier, multiple choice by likelihood, perplexity. Questions go
 * through the model's chat template, or as plain text where it has none. Intervals are percentile bootstraps over items.
 * @param tasks task values or names, see `loadTasks`
 * @throws HoneError E_TASK for two tasks of one name, E_TOO_LONG, E_ABORTED
 */
export async function evaluate(
  open: Opened,
  tasks: readonly (string | Task)[],
  options: EvaluateOptions = {},
): Promise<EvaluateResult> {
  const { seed = 0, signal, onProgress } = options
  const result: EvaluateResult = { tasks: {}, scores: {}, samples: [] }
  for (const one of await loadTasks(tasks)) {
    const { id, defaultItems } = one
    if (Object.hasOwn(result.tasks, id)) throw new HoneError('E_TASK', `the task ${id} is given twice`)
    const onDone = (done: number, total: number) => onProgress?.({ task: id, done, total })
    const { scores, figure, samples } = await judge(open, one, { seed, n: options.n ?? defaultItems, signal, onDone })
    result.tasks[id] = { ...figure, n: scores.length }
    result.scores[id] = scores
    result.samples.push(...(samples ?? []))
  }
  return result
}

/**
 * Tasks by name: those that come with the project, and .jsonl files of rows (see `taskFromJsonl`).
 * @throws HoneError E_TASK, E_NOT_FOUND, E_TASK_ROW
 */
export async function loadTasks(names: readonly (string | Task)[]): Promise<Task[]> {
  const found: Task[] = []
  for (const name of names) {
    if (typeof name !== 'string') {
      found.push(name)
      continue
    }
    const isFile = name.endsWith('.jsonl') || (await platform().stat(name))?.kind === 'file'
    found.push(isFile ? taskFromJsonl(name, await platform().readText(name)) : task(name))
  }
  return found
}

function judge(open: Opened, one: Task, judging: Judging): Promise<Judged> {
  switch (one.kind) {
    case 'generate':
      return judgeAnswers(open, one, judging)
    case 'choice':
      return judgeChoices(open, one, judging)
    case 'perplexity':
      return judgePerplexity(open, one, judging)
    default:
      throw new HoneError('E_TASK', `there is no kind of task '${(one satisfies never as Task).kind}'`)
  }
}

/** A bootstrap of items that all agree has no width, however few they are: Wilson's interval has. */
function share(metric: string, scores: number[], seed: number): Omit<Figure, 'n'> {
  const [first] = scores
  const agree = (first === 0 || first === 1) && scores.every((value) => value === first)
  return { metric, ...(agree ? wilson(first * scores.length, scores.length) : bootstrapMean(scores, { seed })) }
}

/** What the model reads: a conversation as plain text where it has no template to render it with. */
const asRead = ({ template }: Opened, question: Question): Question =>
  'prompt' in question || template
    ? question
    : { prompt: `${question.messages.map(({ content }) => content).join('\n')}\n` }

const shown = (question: Question) =>
  'prompt' in question ? question.prompt : (question.messages.at(-1)?.content ?? '')

function questionTokens(open: Opened, question: Question, task: string): number[] {
  try {
    return promptTokens(open, asRead(open, question))
  } catch (error) {
    throw error instanceof HoneError ? atQuestion(question, task, error) : error
  }
}

/** Items come in an order of their own: what tells them apart is their text. */
function atQuestion(question: Question, task: string, error: HoneError): HoneError {
  const message = `${task}, the question ${showValue(shown(question))}: ${error.message}`
  return new HoneError(error.code, message, { help: error.help, cause: error })
}

async function judgeAnswers(open: Opened, one: GenerateTask, { seed, n, signal, onDone }: Judging): Promise<Judged> {
  const items = one.items(seed, n)
  const prompts = items.map((item) => ({ tokens: questionTokens(open, item, one.id) }))
  // A model without a template has no end of turn to give: its answer is the line, unless an answer may have several.
  const isLine = !open.template && items.every(({ accepted }) => accepted.every((answer) => !answer.includes('\n')))
  const sampling = { temperature: 0, maxTokens: one.maxTokens, stop: isLine ? ['\n'] : [] }
  const answers = new Array<string>(items.length)
  let done = 0
  for await (const { prompt, text } of open.engine.sample(prompts, sampling, { signal })) {
    answers[prompt] = text
    onDone(++done, items.length)
  }
  const scores = items.map((item, i) => one.score(item, answers[i]))
  const samples = items.map((item, i) => ({ task: one.id, prompt: shown(item), answer: answers[i], score: scores[i] }))
  return { scores, figure: share(one.metric, scores, seed), samples }
}

async function judgeChoices(open: Opened, one: ChoiceTask, { seed, n, signal, onDone }: Judging): Promise<Judged> {
  const items = one.items(seed, n)
  const rows = items.map((item, id) => choiceRow(open, item, id, one.id))
  const scores: number[] = []
  for await (const { row, logprobs } of forwardRows(open.engine, rows, { signal })) {
    const { choices, answer } = items[row.id]
    let at = 0
    const likelihoods = choices.map((choice, i) => {
      const { length } = row.segments[i + 1].tokens
      const logprob = logprobs.subarray(at, (at += length)).reduce((sum, value) => sum + value, 0)
      return { logprob, tokens: length, characters: choice.length }
    })
    scores.push(Number(likeliest(likelihoods, one.normalisation) === answer))
    onDone(scores.length, items.length)
  }
  return { scores, figure: share(one.metric, scores, seed) }
}

/** The question as a root, read once, and each choice as a leaf of its own. */
function choiceRow(open: Opened, item: ChoiceItem, id: number, task: string): RowInput {
  const { tokenizer, template, engine } = open
  const question = asRead(open, item)
  const root = questionTokens(open, item, task)
  const isPlain = 'prompt' in question && !template
  const text = isPlain ? question.prompt : '.'
  // A plain prompt that ends within a line goes on after a space, as text does.
  const space = isPlain && !/\s$/.test(text) ? ' ' : ''
  const leaves = item.choices.map((choice) => {
    const [, tokens] = tokenizer.encodeParts([text, /^\s/.test(choice) ? choice : space + choice])
    return { tokens, loss: tokens.map(() => 1), parent: 0 }
  })
  const longest = root.length + Math.max(...leaves.map(({ tokens }) => tokens.length))
  if (longest > engine.config.contextLength) {
    const expected = `expected at most ${engine.config.contextLength}, the model's context`
    throw atQuestion(
      item,
      task,
      new HoneError('E_TOO_LONG', `the longest choice ends at token ${longest}, ${expected}`),
    )
  }
  return { id, segments: [{ tokens: root }, ...leaves.map((leaf, sequence) => ({ ...leaf, sequence }))] }
}

async function judgePerplexity(
  open: Opened,
  one: PerplexityTask,
  { seed, n, signal, onDone }: Judging,
): Promise<Judged> {
  const items = one.items(seed, n)
  const rows = items.map((item, i): Row => {
    const source = { file: one.id, line: i + 1 }
    return 'text' in item
      ? { kind: 'text', text: item.text, source }
      : { kind: 'chat', messages: item.messages, source }
  })
  const scored = await score(open, rows, { signal, onProgress: (done) => onDone(done, items.length) })
  const sums = scored.rows.map(({ sum, n }) => ({ logprob: sum, tokens: n }))
  const value = perplexity(sums)
  // The mean NLL is a ratio of two sums over rows. Each row's share in it to first order (Efron and Tibshirani 1993,
  // chapter 11: the influence values) makes a mean of it, which the bootstrap resamples; exp keeps the order of its ends.
  const mean = Math.log(value)
  const tokensPerRow = sums.reduce((total, { tokens }) => total + tokens, 0) / sums.length
  const influences = sums.map(({ logprob, tokens }) => mean + (-logprob - mean * tokens) / tokensPerRow)
  const { low, high } = bootstrapMean(influences, { seed })
  const scores = sums.map(({ logprob, tokens }) => -logprob / tokens)
  return { scores, figure: { metric: one.metric, value, low: Math.exp(low), high: Math.exp(high) } }
}
