import type { Draw } from './draw.ts'
import { drawTask, promptOf, resultOf, type Transform } from './transforms.ts'

/**
 * Transforms of a word of five letters, and two of them in a row, with solutions that are told in two ways. The plain way goes
 * step by step from what a step is done to; the other one gives each result before it says of what, in other words.
 */
export interface Work {
  word: string
  steps: readonly Transform[]
}

export const tasks = ['rev', 'rot', 'swp', 'srt'] as const satisfies readonly Transform[]

/** The task that is put together of two. */
export const composed: readonly Transform[] = ['rev', 'swp']

const spoken: Partial<Record<Transform, string>> = { rev: 'back', rot: 'turn', swp: 'pairs', srt: 'order' }

export const drawWork = (draw: Draw, steps: readonly Transform[]): Work => ({
  word: drawTask(draw, tasks, [5]).word,
  steps,
})

export const questionOf = ({ word, steps }: Work): string => `${steps.join(' ')} ${word}: `

const told = ({ word, steps }: Work) => {
  let current = word
  return steps.map((transform) => {
    const from = current
    current = resultOf({ transform, word: from })
    return { transform, from, to: current }
  })
}

export const answerOf = (work: Work): string => told(work)[work.steps.length - 1].to

/** `rev badce=ecdab;so ecdab` */
export const plainly = (work: Work): string =>
  `${told(work)
    .map(({ transform, from, to }) => `${promptOf({ transform, word: from })}${to};`)
    .join('')}so ${answerOf(work)}`

/** `[ecdab] back > ecdab` */
export const otherwise = (work: Work): string =>
  `${told(work)
    .map(({ transform, to }) => `[${to}] ${spoken[transform]} `)
    .join('')}> ${answerOf(work)}`

/** What asks to tell a solution again. */
export const retelling = '{prompt}{answer} / '

export const retellingOf = (work: Work, solution: string): string =>
  retelling.replace('{prompt}', () => questionOf(work)).replace('{answer}', () => solution)

/** Whether the last word of a completion is the answer. */
export const isRight = (work: Work, completion: string): boolean =>
  completion.trim().split(' ').at(-1) === answerOf(work)
