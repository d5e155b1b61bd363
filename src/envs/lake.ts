import type { Draw } from './draw.ts'

/**
 * The frozen lake of 4 × 4 (after the Gymnasium environment of that name), without slipping: a walker is to reach the goal
 * from any safe field and not to fall into a hole. A walk is written as fields, a to p, and steps between them: `aDeDi…`.
 */
const rows = ['SFFF', 'FHFH', 'FFFH', 'HFFG']
const side = rows.length
const fieldAt = (place: number) => rows[Math.floor(place / side)][place % side]
const places = Array.from({ length: side * side }, (_, place) => place)
const goal = places.findIndex((place) => fieldAt(place) === 'G')

export const steps = ['L', 'R', 'U', 'D'] as const
export type Step = (typeof steps)[number]

/** Where walks begin: every field but holes and the goal. */
export const starts: readonly number[] = places.filter((place) => fieldAt(place) !== 'H' && place !== goal)

export const nameOf = (place: number): string => String.fromCharCode(97 + place)

/** The field after a step; at a border one stays. */
export function after(place: number, step: Step): number {
  const [row, column] = [Math.floor(place / side), place % side]
  const clamp = (x: number) => Math.min(side - 1, Math.max(0, x))
  const moved: Record<Step, [number, number]> = {
    L: [row, column - 1],
    R: [row, column + 1],
    U: [row - 1, column],
    D: [row + 1, column],
  }
  const [r, c] = moved[step]
  return clamp(r) * side + clamp(c)
}

/** Steps to the goal from each field over safe ones. */
const distances = (() => {
  const found = new Map([[goal, 0]])
  const open = [goal]
  for (const place of open) {
    for (const from of starts) {
      if (!found.has(from) && steps.some((step) => after(from, step) === place)) {
        found.set(from, (found.get(place) as number) + 1)
        open.push(from)
      }
    }
  }
  return found
})()

export const promptOf = (start: number): string => `from ${nameOf(start)}:`

/** A shortest walk, one of them at random. */
export function expertWalk(draw: Draw, start: number): string {
  let [place, text] = [start, '']
  while (place !== goal) {
    const left = distances.get(place) as number
    const step = draw.pick(steps.filter((step) => distances.get(after(place, step)) === left - 1))
    place = after(place, step)
    text += step + nameOf(place)
  }
  return text
}

/** A walk of random steps that ends in a hole, or too soon. */
export function failedWalk(draw: Draw, start: number): string {
  let [place, text] = [start, '']
  for (let i = 0; i < 8; i++) {
    const step = draw.pick(steps.filter((step) => after(place, step) !== goal))
    place = after(place, step)
    text += step + nameOf(place)
    if (fieldAt(place) === 'H') break
  }
  return text
}

/** Whether the steps of a walk lead to the goal over safe fields; the fields that it names are its own imagination. */
export function succeeds(start: number, walk: string): boolean {
  let place = start
  for (const step of walk.match(/[LRUD]/g) ?? []) {
    place = after(place, step as Step)
    if (place === goal) return true
    if (fieldAt(place) === 'H') return false
  }
  return false
}
