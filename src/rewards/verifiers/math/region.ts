import { realValue } from './probe.ts'
import { contents } from './tree.ts'
import type { Answer } from './types.ts'

/** An interval of the reals; a point has both ends closed and equal. */
interface Interval {
  low: number
  high: number
  lowClosed: boolean
  highClosed: boolean
}

/** Whether an answer can only be a set of reals: `(1, 2)` alone may be a point of the plane. */
export function isSurelyRegion(answer: Answer): boolean {
  if (answer.kind === 'union' || answer.kind === 'difference') return true
  if (answer.kind === 'relation') return answer.signs.every((sign) => sign !== '=')
  if (answer.kind === 'list') return answer.items.every(isSurelyRegion)
  if (answer.kind !== 'tuple' || answer.items.length !== 2) return false
  const isMixed = (answer.open === '[') !== (answer.close === ']')
  return isMixed || answer.items.some(({ kind }) => kind === 'infinity')
}

function endOf(answer: Answer): number | null {
  if (answer.kind === 'infinity') return answer.sign * Number.POSITIVE_INFINITY
  return answer.kind === 'value' ? realValue(answer.expression) : null
}

/** The set of reals that an answer describes, as intervals that neither meet nor touch, in order; null where it is none. */
export function regionOf(answer: Answer): readonly Interval[] | null {
  const known = regions.get(answer)
  if (known !== undefined) return known
  const found = intervals(answer)
  const region = found && merged(found)
  regions.set(answer, region)
  return region
}

const regions = new WeakMap<Answer, readonly Interval[] | null>()

function intervals(answer: Answer): Interval[] | null {
  if (answer.kind === 'union' || answer.kind === 'list') {
    const parts = answer.items.map((item) => intervals(item))
    return parts.some((part) => part === null) ? null : parts.flatMap((part) => part ?? [])
  }
  if (answer.kind === 'difference') {
    const [all, points] = answer.items.map(intervals)
    if (!all || points?.some(({ low, high }) => low !== high)) return null
    return points?.reduce((parts, { low }) => parts.flatMap((part) => without(part, low)), all) ?? null
  }
  if (answer.kind === 'set') {
    const ends = answer.items.map(endOf)
    if (ends.some((end) => end === null)) return null
    return ends.map((end) => ({ low: end ?? 0, high: end ?? 0, lowClosed: true, highClosed: true }))
  }
  if (answer.kind === 'tuple' && answer.items.length === 2) {
    const [low, high] = answer.items.map(endOf)
    if (low === null || high === null || low > high) return null
    return [{ low, high, lowClosed: answer.open === '[', highClosed: answer.close === ']' }]
  }
  return answer.kind === 'relation' ? inequality(answer) : null
}

function without(part: Interval, point: number): Interval[] {
  if (point < part.low || point > part.high) return [part]
  return [
    { ...part, high: point, highClosed: false },
    { ...part, low: point, lowClosed: false },
  ]
}

const turned: Readonly<Record<string, string>> = { '<': '>', '>': '<', '<=': '>=', '>=': '<=', '!=': '!=' }

/** One symbol held against numbers: x < 3, 3 > x, -2 ≤ x < 7, x ≠ 1. */
function inequality({ sides, signs }: Extract<Answer, { kind: 'relation' }>): Interval[] | null {
  const at = sides.findIndex((side) => side.kind === 'value' && contents(side.expression).symbols.size > 0)
  const subject = sides[at]
  if (subject?.kind !== 'value' || subject.expression.kind !== 'symbol' || sides.length > 3) return null
  let low = Number.NEGATIVE_INFINITY
  let high = Number.POSITIVE_INFINITY
  let [lowClosed, highClosed] = [false, false]
  for (const [i, side] of sides.entries()) {
    if (i === at) continue
    const end = endOf(side)
    const sign = i > at ? signs[i - 1] : turned[signs[i]]
    if (end === null || Math.abs(i - at) !== 1) return null
    if (sign === '!=' && sides.length === 2) {
      return [
        { low, high: end, lowClosed: false, highClosed: false },
        { low: end, high, lowClosed: false, highClosed: false },
      ]
    }
    if (sign === '<' || sign === '<=') [high, highClosed] = [end, sign === '<=']
    else if (sign === '>' || sign === '>=') [low, lowClosed] = [end, sign === '>=']
    else return null
  }
  return low > high ? null : [{ low, high, lowClosed, highClosed }]
}

const same = (x: number, y: number) =>
  x === y || (Number.isFinite(x - y) && Math.abs(x - y) <= 1e-11 * Math.max(Math.abs(x), Math.abs(y), 1e-3))

function merged(parts: readonly Interval[]): Interval[] {
  const sorted = parts
    .filter(({ low, high, lowClosed, highClosed }) => low < high || (lowClosed && highClosed))
    .toSorted((x, y) => x.low - y.low || Number(y.lowClosed) - Number(x.lowClosed))
  const result: Interval[] = []
  for (const next of sorted) {
    const last = result[result.length - 1]
    const isTouching = last && same(last.high, next.low)
    const isMet = last && (isTouching ? last.highClosed || next.lowClosed : next.low < last.high)
    if (!last || !isMet) result.push({ ...next })
    else if (same(next.high, last.high)) last.highClosed ||= next.highClosed
    else if (next.high > last.high) [last.high, last.highClosed] = [next.high, next.highClosed]
  }
  return result
}

export function equalRegions(left: readonly Interval[], right: readonly Interval[]): boolean {
  return (
    left.length === right.length &&
    left.every((part, i) => {
      const other = right[i]
      return (
        same(part.low, other.low) &&
        same(part.high, other.high) &&
        part.lowClosed === other.lowClosed &&
        part.highClosed === other.highClosed
      )
    })
  )
}
