import { constantRatio, equalExpressions } from './probe.ts'
import { equalRegions, isSurelyRegion, regionOf } from './region.ts'
import { apply, type Expression } from './tree.ts'
import type { Answer } from './types.ts'

type Of<K extends Answer['kind']> = Extract<Answer, { kind: K }>

/**
 * Whether two answers are the same: `left` equals `right` as a number, function, set, interval, equation or word. Units, the
 * base of a numeral and the name before "=" may be missing on one side; where both have them they have to agree.
 */
export function equalAnswers(left: Answer, right: Answer): boolean {
  if (left.raw === right.raw && left.raw !== '') return true
  if (left.kind === 'value' && right.kind === 'value') return equalValues(left, right)
  if (left.kind === 'relation' && right.kind === 'relation') return equalRelations(left, right)
  const [a, b] = [single(meant(left)), single(meant(right))]
  if (a !== left || b !== right) return equalAnswers(a, b)
  if (a.kind === 'text' || b.kind === 'text') return equalTexts(a, b)
  if (isCollection(a) && isCollection(b) && (a.kind === 'set' || b.kind === 'set' || a.kind === b.kind)) {
    const isSet = a.kind === 'set' || b.kind === 'set'
    if (equalCollections(a.items, b.items, isSet)) return true
  }
  if (isSurelyRegion(a) || isSurelyRegion(b)) {
    const [one, other] = [regionOf(a), regionOf(b)]
    if (one && other) return equalRegions(one, other)
  }
  if (a.kind === 'value' && b.kind === 'based') return isNumeralOf(a, b)
  if (a.kind === 'based' && b.kind === 'value') return isNumeralOf(b, a)
  if (a.kind !== b.kind) return false
  const rule = rules[a.kind] as ((x: Answer, y: Answer) => boolean) | undefined
  return rule?.(a, b) ?? false
}

const rules: { [K in Answer['kind']]?: (left: Of<K>, right: Of<K>) => boolean } = {
  value: equalValues,
  infinity: (left, right) => left.sign === right.sign,
  based: (left, right) => left.digits === right.digits && left.base === right.base,
  tuple: (left, right) =>
    (left.items.length > 2 || (left.open === right.open && left.close === right.close)) &&
    equalInOrder(left.items, right.items),
  ratio: (left, right) => equalInOrder(left.items, right.items),
  matrix: (left, right) =>
    left.rows.length === right.rows.length && left.rows.every((row, i) => equalInOrder(row, right.rows[i])),
}

const isCollection = (answer: Answer): answer is Of<'set'> | Of<'list'> =>
  answer.kind === 'set' || answer.kind === 'list'

const equalInOrder = (left: readonly Answer[], right: readonly Answer[]) =>
  left.length === right.length && left.every((item, i) => equalAnswers(item, right[i]))

/** Without order; sets without repetition too. */
function equalCollections(left: readonly Answer[], right: readonly Answer[], isSet: boolean): boolean {
  const holds = (items: readonly Answer[], wanted: Answer) => items.some((item) => equalAnswers(item, wanted))
  if (isSet) return left.every((item) => holds(right, item)) && right.every((item) => holds(left, item))
  if (left.length !== right.length) return false
  const rest = [...right]
  return left.every((item) => {
    const at = rest.findIndex((candidate) => equalAnswers(item, candidate))
    if (at >= 0) rest.splice(at, 1)
    return at >= 0
  })
}

/** A collection of one is its member. */
function single(answer: Answer): Answer {
  return isCollection(answer) && answer.items.length === 1 ? answer.items[0] : answer
}

/** What an equation says where one side only names the other, or all sides are one number. */
function meant(answer: Answer): Answer {
  if (answer.kind !== 'relation' || answer.signs.some((sign) => sign !== '=')) return answer
  const { sides, names } = answer
  const values = sides.filter((_, i) => !names[i])
  if (values.length === 0) return sides.length === 2 && names[0] ? sides[1] : answer
  const isNamed = names[0] || (sides.length === 2 && names[1])
  const isChain = !names.some(Boolean) && values.every((side) => side.kind === 'value')
  if (!isNamed && !isChain) return answer
  const [first, ...others] = values
  return others.every((other) => equalAnswers(first, other)) ? first : answer
}

function equalValues(left: Of<'value'>, right: Of<'value'>): boolean {
  if (left.unit !== '' && right.unit !== '' && left.unit !== right.unit) return false
  if (equalExpressions(left.expression, right.expression)) return true
  if (!left.share === !right.share) return false
  return equalExpressions(left.share ?? left.expression, right.share ?? right.expression)
}

/** The digits of a numeral whose base the question names. */
const isNumeralOf = (value: Answer, { digits, base }: Of<'based'>) =>
  value.raw.replace(/ /g, '').toUpperCase() === digits || (base === '10' && value.raw.replace(/ /g, '') === digits)

const flat = (text: string) =>
  text
    .toLowerCase()
    .replace(/[.'"{}]+/g, '')
    .replace(/\s+/g, ' ')
    .trim()

/** Words: letter case, spaces and full stops aside. A letter of a choice keeps its case, and may have its choice behind it. */
function equalTexts(left: Answer, right: Answer): boolean {
  const [one, other] = [flat(left.raw), flat(right.raw)]
  if (one.length > 1 && one === other) return true
  const letter = (answer: Answer) => /^[A-Z]$/.exec(answer.raw.replace(/[\s(){}]/g, ''))?.[0]
  const chosen = (answer: Answer) => /^\(? ?([A-Z]) ?[).:](?: |$)/.exec(answer.raw)?.[1]
  const [a, b] = [letter(left), letter(right)]
  return (a !== undefined && a === chosen(right)) || (b !== undefined && b === chosen(left))
}

const flipped: Readonly<Record<string, string>> = { '<': '>', '<=': '>=', '>': '<', '>=': '<=', '=': '=', '!=': '!=' }

function equalRelations(left: Of<'relation'>, right: Of<'relation'>): boolean {
  const isSame = (other: Of<'relation'>) =>
    left.signs.join() === other.signs.join() && equalInOrder(left.sides, other.sides)
  const turned = {
    ...right,
    sides: [...right.sides].reverse(),
    signs: [...right.signs].reverse().map((sign) => flipped[sign] ?? sign),
  }
  if (isSame(right) || isSame(turned)) return true
  if (isSurelyRegion(left) || isSurelyRegion(right)) {
    const [one, other] = [regionOf(left), regionOf(right)]
    if (one && other) return equalRegions(one, other)
  }
  const [one, other] = [difference(left), difference(right)]
  if (!one || !other) return false
  const ratio = constantRatio(one, other)
  if (ratio === null) return false
  const [sign, wanted] = [left.signs[0], right.signs[0]]
  return (ratio > 0 ? wanted : flipped[wanted]) === sign
}

/** Left less right side. */
function difference({ sides, signs }: Of<'relation'>): Expression | null {
  const [left, right] = sides
  if (signs.length !== 1 || left.kind !== 'value' || right.kind !== 'value') return null
  return apply('add', left.expression, apply('negate', right.expression))
}
