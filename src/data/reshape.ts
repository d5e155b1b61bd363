/** Rows of one form as rows of another: what `hone data convert` does. */
import { HoneError } from '../base/index.ts'
import type { Form } from '../batch/index.ts'
import type { Message } from '../text/index.ts'
import { type Row, where } from './row.ts'

export interface ReshapeOptions {
  to: Form
  /** Which pairs a list of answers gives: the best with the worst (default), each with the next, or all. */
  pairs?: 'extremes' | 'neighbours' | 'all'
  /** Scores from here on are good ones. Needed where scores become labels. */
  threshold?: number
}

export interface Reshaped {
  rows: Record<string, unknown>[]
  /** Prompts that gave nothing: too few answers, or none better than another. */
  leftOut: number
}

type Answer = string | Message[]

/** All answers to one prompt, with a grade each: the greater, the better. */
interface Graded {
  prompt: Answer
  tools?: unknown[]
  weight?: number
  answers: { text: Answer; grade: number }[]
  /** What the grades mean: numbers of a judge, 1 or 0 for good or bad, or nothing but an order. */
  scale: 'score' | 'label' | 'order'
}

/**
 * Turns rows with rated, ranked, graded or compared answers into another form. Single answers are gathered by prompt.
 * @throws HoneError E_ROW_FORMAT for rows that say nothing of how good an answer is, E_CONFIG where a threshold is missing
 */
export function reshape(rows: readonly Row[], options: ReshapeOptions): Reshaped {
  const lists = gather(rows)
  const made = lists.map((list) => convert({ ...list, answers: byGrade(list.answers) }, options))
  return { rows: made.flat(), leftOut: made.filter(({ length }) => length === 0).length }
}

const byGrade = (answers: Graded['answers']) =>
  [...answers.entries()].sort(([i, a], [j, b]) => b.grade - a.grade || i - j).map(([, answer]) => answer)

function gather(rows: readonly Row[]): Graded[] {
  const lists: Graded[] = []
  const byPrompt = new Map<string, Graded>()
  for (const row of rows) {
    const list = graded(row)
    if (list.answers.length > 1) {
      lists.push(list)
      continue
    }
    const key = JSON.stringify([list.scale, list.prompt, list.tools])
    const known = byPrompt.get(key)
    if (known) known.answers.push(...list.answers)
    else {
      byPrompt.set(key, list)
      lists.push(list)
    }
  }
  return lists
}

function graded(row: Row): Graded {
  const tools = 'tools' in row && row.tools ? { tools: row.tools } : {}
  const weight = row.values?.['weight'] && { weight: row.values['weight'][0] }
  const common = { ...tools, ...weight }
  const inOrder = (answers: Answer[]) => answers.map((text, i) => ({ text, grade: answers.length - i }))
  const scores = row.values?.['score']
  switch (row.kind) {
    case 'preference':
    case 'exploration':
      return { ...common, prompt: row.prompt, answers: inOrder([row.chosen, row.rejected]), scale: 'order' }
    case 'triple':
      return { ...common, prompt: row.prompt, answers: inOrder([row.gold, row.chosen, row.rejected]), scale: 'order' }
    case 'ranking': {
      const texts = row.answers as Answer[]
      const answers = scores ? texts.map((text, i) => ({ text, grade: scores[i] })) : inOrder(texts)
      return { ...common, prompt: row.prompt, answers, scale: scores ? 'score' : 'order' }
    }
    case 'unpaired':
      return {
        ...{ ...common, prompt: row.prompt, scale: 'label' },
        answers: [{ text: row.completion, grade: Number(row.label) }],
      }
    case 'completion':
    case 'chat': {
      if (!scores) break
      const [prompt, text] =
        row.kind === 'chat' ? [row.messages.slice(0, -1), row.messages.slice(-1)] : [row.prompt, row.completion]
      return { ...common, prompt, answers: [{ text, grade: scores[0] }], scale: 'score' }
    }
  }
  throw new HoneError('E_ROW_FORMAT', `${where(row.source)}: the row says nothing of how good its answer is`, {
    help: 'give it a "label", a "score", or a better or worse answer beside it',
  })
}

function convert(list: Graded, options: ReshapeOptions): Record<string, unknown>[] {
  const { prompt, tools, weight, answers, scale } = list
  const head = { prompt, ...(tools && { tools }), ...(weight !== undefined && { weight }) }
  const [best, second] = answers
  const worst = answers[answers.length - 1]
  switch (options.to) {
    case 'pairs':
      return pairsOf(answers, options.pairs ?? 'extremes').map(([better, worse]) => ({
        ...{ ...head, chosen: better.text, rejected: worse.text },
        ...(scale === 'score' && { score_chosen: better.grade, score_rejected: worse.grade }),
      }))
    case 'triples':
      if (answers.length < 3 || second.grade === worst.grade) return []
      return [{ ...head, gold: best.text, chosen: second.text, rejected: worst.text }]
    case 'rankings':
      if (best.grade === worst.grade) return []
      return [
        {
          ...{ ...head, responses: answers.map(({ text }) => text) },
          ...(scale !== 'order' && { scores: answers.map(({ grade }) => grade) }),
        },
      ]
    case 'unpaired':
      return labelled(list, options).map(({ text, label }) => ({ ...head, completion: text, label }))
    case 'explorations':
      throw new HoneError('E_CONFIG', 'no other form says what the reference answers', {
        help: 'Give rows with "prompt", "chosen", "rejected" and "usual".',
      })
    case 'steps':
      throw new HoneError('E_CONFIG', 'no other form says where the steps of an answer end', {
        help: 'Give rows with "prompt", "steps" and "labels".',
      })
    case 'demonstrations': {
      const good = scale === 'label' ? answers.filter(({ grade }) => grade === 1) : [best]
      return good.map(({ text }) => ({ ...head, completion: text }))
    }
  }
}

type Graders = Graded['answers']

function pairsOf(answers: Graders, which: 'extremes' | 'neighbours' | 'all'): [Graders[0], Graders[0]][] {
  const all = answers.flatMap((better, i) =>
    answers.slice(i + 1).flatMap((worse, j): [Graders[0], Graders[0], number][] => {
      return better.grade > worse.grade ? [[better, worse, j]] : []
    }),
  )
  const chosen =
    which === 'all' ? all : which === 'neighbours' ? all.filter(([, , gap]) => gap === 0) : extremes(answers)
  return chosen.map(([better, worse]) => [better, worse])
}

function extremes(answers: Graders): [Graders[0], Graders[0]][] {
  const [best, worst] = [answers[0], answers[answers.length - 1]]
  return best.grade > worst.grade ? [[best, worst]] : []
}

/** Of an order only the ends are known to be good and bad. */
function labelled({ answers, scale }: Graded, { threshold }: ReshapeOptions): { text: Answer; label: boolean }[] {
  if (scale === 'label') return answers.map(({ text, grade }) => ({ text, label: grade === 1 }))
  if (scale === 'order') {
    return extremes(answers).flatMap(([best, worst]) => [
      { text: best.text, label: true },
      { text: worst.text, label: false },
    ])
  }
  if (threshold === undefined) {
    throw new HoneError('E_CONFIG', 'scores become labels only by a threshold, and none is given', {
      help: 'say from which score on an answer is good, e.g. threshold=5',
    })
  }
  return answers.map(({ text, grade }) => ({ text, label: grade >= threshold }))
}
