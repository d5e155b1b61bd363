import type { Draw } from './draw.ts'
import { corrupted, promptOf, resultOf, type Transform } from './transforms.ts'

/**
 * Transforms of a word one after another: `rev swp badc=` asks for the word backwards, and of that with its letters swapped in
 * pairs. Each step is a fact about one word, which tiny models learn without a jump, so that what is hard is to put them
 * together; a solution may leave its steps out.
 */
export interface Composition {
  word: string
  /** In the order in which they are done; no two are the same. */
  transforms: readonly Transform[]
}

/** Transforms that keep the letters of a word, so that words stay as long as they are. */
export const orders: readonly Transform[] = ['rev', 'rot', 'swp', 'srt']

const letters = [...'abcdefgh']

/** A word of different letters, at most 8. */
export const drawWord = (draw: Draw, length: number): string => draw.some(letters, length).join('')

/** @param steps at most as many as `from` has, @param length of the word */
export function drawComposition(
  draw: Draw,
  steps: number,
  length: number,
  from: readonly Transform[] = orders,
): Composition {
  return { word: drawWord(draw, length), transforms: draw.some(from, steps) }
}

export const questionOf = ({ word, transforms }: Composition): string => `${transforms.join(' ')} ${word}=`

export const answerOf = ({ word, transforms }: Composition): string =>
  transforms.reduce((word, transform) => resultOf({ transform, word }), word)

/** How a solution is written: the answer alone, each step, or each step and its result again. */
export type Manner = 'direct' | 'steps' | 'checked'

/**
 * A solution. With `slip` that step (from 0) either is another transform or has a result with its letters in another order, and
 * what follows is done rightly from there: the answer may come out right all the same, where a later step sorts.
 */
export function solve({ word, transforms }: Composition, manner: Manner, slip?: { step: number; draw: Draw }): string {
  let text = ''
  for (const [i, asked] of transforms.entries()) {
    const isOff = slip?.step === i
    const other = isOff && slip.draw.chance(0.5) ? slip.draw.pick(orders.filter((name) => name !== asked)) : null
    const task = { transform: other ?? asked, word }
    word = isOff && !other ? corrupted(slip.draw, task) : resultOf(task)
    if (manner !== 'direct') text += `${promptOf(task)}${word};`
    if (manner === 'checked') text += `so ${word};`
  }
  return text + word
}

/** Whether the last word of a completion is the answer. */
export const isRight = (asked: Composition, completion: string): boolean =>
  completion.trim().split(';').at(-1) === answerOf(asked)

/** Whether a completion has the transforms that were asked for, in order, each with a result, right or wrong, and an answer. */
export function isStepwise({ transforms }: Composition, completion: string): boolean {
  const lines = completion.trim().split(';')
  const named = lines.slice(0, -1).map((line) => /^([a-z]+) [a-h]+=[a-h]+$/.exec(line)?.[1])
  return named.join() === transforms.join() && /^[a-h]+$/.test(lines.at(-1) ?? '')
}
