import { HoneError, random } from '../base/index.ts'
import { type Environment, environment, environments, type Item, isPreferred, tinyEval } from '../envs/index.ts'
import type { Message } from '../text/types.ts'
import type { ChoiceNormalisation } from './metrics.ts'

/** A question to a model: a conversation whose next turn is the answer, or plain text to continue. */
export type Question = { messages: Message[] } | { prompt: string }

export type GenerateItem = Question & {
  /** Answers that count as right. */
  accepted: string[]
  /** The environment's item that the question was made of, where there is one. */
  item?: Item
}

export type ChoiceItem = Question & {
  choices: string[]
  /** Index of the right choice. */
  answer: number
}

export type PerplexityItem = { messages: Message[] } | { text: string }

interface TaskBase {
  id: string
  /** One sentence for listings. */
  summary: string
  /** Items when the user asks for no number. */
  defaultItems: number
}

/** Answers are drawn from the model, greedily, and scored one by one; the value is the mean score. */
export interface GenerateTask extends TaskBase {
  kind: 'generate'
  metric: 'accuracy' | 'preference' | 'exact_match'
  /** Longest answer to draw, in tokens; one that runs on is scored as it stands. */
  maxTokens: number
  items(seed: number, n: number): GenerateItem[]
  /** A score in [0, 1]. */
  score(item: GenerateItem, completion: string): number
}

/** The model's likeliest choice is its answer; the value is the share of right ones. */
export interface ChoiceTask extends TaskBase {
  kind: 'choice'
  metric: 'accuracy'
  normalisation: ChoiceNormalisation
  items(seed: number, n: number): ChoiceItem[]
}

/** The value is the perplexity of given texts or of the answers of given chats. */
export interface PerplexityTask extends TaskBase {
  kind: 'perplexity'
  metric: 'perplexity'
  items(seed: number, n: number): PerplexityItem[]
}

export type Task = GenerateTask | ChoiceTask | PerplexityTask

/** Held-out items that a family contributes to the aggregate tasks by default. */
const PER_FAMILY = 50

const asked = (item: Item): GenerateItem => ({
  messages: [{ role: 'user', content: item.prompt }],
  accepted: [item.answer],
  item,
})

function generateTask(
  task: Pick<GenerateTask, 'id' | 'summary' | 'metric' | 'defaultItems'>,
  items: (seed: number, n: number) => Item[],
  right: (item: Item, completion: string) => boolean,
): GenerateTask {
  return {
    ...task,
    kind: 'generate',
    maxTokens: 48,
    items: (seed, n) => items(seed, n).map(asked),
    score: ({ item }, completion) => Number(item !== undefined && right(item, completion)),
  }
}

/** At most `n` items over all families, the same number of each, and the same ones that the families' own tasks ask. */
function acrossFamilies(seed: number, n: number): Item[] {
  return tinyEval(seed, Math.max(1, Math.floor(n / environments.length)))
}

const isRight = (item: Item, completion: string) => environment(item.env).verify(item, completion)

const familyTask = (env: Environment): GenerateTask =>
  generateTask(
    {
      id: `tiny-${env.id}`,
      summary: `${env.summary}, on held-out words and wordings`,
      metric: 'accuracy',
      defaultItems: PER_FAMILY,
    },
    (seed, n) => tinyEval(seed, n, [env.id]),
    isRight,
  )

/** The tasks that come with the project, in the order of listings. */
export const tasks: readonly Task[] = [
  generateTask(
    {
      id: 'tiny',
      summary: 'right answers over all families of word tasks, on held-out words and wordings',
      metric: 'accuracy',
      defaultItems: PER_FAMILY * environments.length,
    },
    acrossFamilies,
    isRight,
  ),
  generateTask(
    {
      id: 'tiny-style',
      summary: 'answers that are right and in the style that the preference pairs choose',
      metric: 'preference',
      defaultItems: PER_FAMILY * environments.length,
    },
    acrossFamilies,
    isPreferred,
  ),
  ...environments.map(familyTask),
]

/** @throws HoneError E_TASK for an unknown id. */
export function task(id: string): Task {
  const found = tasks.find((candidate) => candidate.id === id)
  if (found) return found
  throw new HoneError('E_TASK', `there is no task '${id}'`, {
    help: `Known: ${tasks.map((candidate) => candidate.id).join(', ')}; or give the path of a .jsonl file.`,
  })
}

/** `n` rows in a seeded order, or all when there are fewer. */
export function chosenRows<T>(rows: readonly T[], seed: number, n: number): T[] {
  const order = random(seed, 'task-rows').permutation(rows.length)
  return Array.from(order.subarray(0, n), (at) => rows[at])
}
