import type { Draw } from './draw.ts'

/**
 * Short strings to be transformed: `rev badc=` asks for `cdab`. What a demonstration gets wrong, and how it is written, is up
 * to who draws it: data of mixed quality whose errors are known one by one.
 */
export interface Task {
  transform: Transform
  word: string
}

const transforms = {
  cpy: (word: string) => word,
  rev: (word: string) => [...word].reverse().join(''),
  srt: (word: string) => [...word].sort().join(''),
  rot: (word: string) => word.slice(1) + word[0],
  dbl: (word: string) => [...word].map((letter) => letter + letter).join(''),
  swp: (word: string) => word.replace(/(.)(.)/g, '$2$1'),
} as const

export type Transform = keyof typeof transforms

const letters = [...'abcdefgh']

const usual: readonly Transform[] = ['rev', 'srt', 'rot', 'dbl', 'swp']

/** What each transform is called in running text. */
const spoken: Record<Transform, string> = {
  cpy: 'as it is',
  rev: 'backwards',
  srt: 'in order',
  rot: 'turned',
  dbl: 'twice',
  swp: 'swapped',
}

/** A word of 4 or 5 letters that are all different; in longer words letters come again. */
export function drawTask(draw: Draw, from: readonly Transform[] = usual, lengths: readonly number[] = [4, 5]): Task {
  const length = draw.pick(lengths)
  const repeats = length > 5
  const word = repeats ? Array.from({ length }, () => draw.pick(letters)) : draw.some(letters, length)
  return { transform: draw.pick(from), word: word.join('') }
}

export const promptOf = ({ transform, word }: Task): string => `${transform} ${word}=`

export const resultOf = ({ transform, word }: Task): string => transforms[transform](word)

/** The same fact as a base model reads it: `badc backwards is cdab`. */
export const spokenFact = (task: Task): string => `${task.word} ${spoken[task.transform]} is ${resultOf(task)}`

/** A wrong result: the right one's letters in another order. */
export function corrupted(draw: Draw, task: Task): string {
  const right = resultOf(task)
  for (;;) {
    const order = draw.some(
      [...right].map((_, i) => i),
      right.length,
    )
    const wrong = order.map((i) => right[i]).join('')
    if (wrong !== right) return wrong
  }
}

/** Whether a completion is the result, spaces and a mark of style behind it left out. */
export const isResult = (task: Task, completion: string, mark = ''): boolean => {
  const text = completion.trim()
  return (mark !== '' && text.endsWith(mark) ? text.slice(0, -mark.length) : text) === resultOf(task)
}
