import { random } from '../../../base/index.ts'
import * as exact from './exact.ts'
import * as numeric from './numeric.ts'
import { operations } from './operations.ts'
import { apply, contents, type Expression } from './tree.ts'

/** Points at which two expressions with symbols are compared; those from `NEGATIVE` on have symbols below 0 too. */
const POINTS = 8
const NEGATIVE = 5

/** Points that have to have a value on both sides before equality is believed. */
const NEEDED = 3

const points = random(20231103, 'verifier-probes')

/** A symbol's value depends on its name and the point alone, so an expression is evaluated once, whatever it meets. */
function drawn(name: string, point: number, stream: number): number {
  let hash = 0
  for (let i = 0; i < name.length; i++) hash = (Math.imul(hash, 31) + name.charCodeAt(i)) >>> 0
  return points.unit(hash, point, stream)
}

/** Whole numbers small enough to stand in an exponent. */
const exactSymbol = (name: string, point: number) =>
  name === 'i' ? exact.imaginaryUnit : exact.integer(2 + Math.floor(drawn(name, point, 0) * 59))

const constants: Readonly<Record<string, numeric.Numeric>> = {
  pi: numeric.numeric(Math.PI),
  e: numeric.numeric(Math.E),
  i: numeric.numeric(0, 1),
}

/** Log-uniform over [0.05, 50]. */
function numericSymbol(name: string, point: number): numeric.Numeric {
  if (Object.hasOwn(constants, name)) return constants[name]
  const value = 0.05 * 1000 ** drawn(name, point, 1)
  return numeric.numeric(point >= NEGATIVE && drawn(name, point, 2) < 0.5 ? -value : value)
}

type Values<V> = (V | null)[] | null

interface Profile {
  /** Values at the points, null where there is none; null for all where exact evaluation does not reach. */
  exact: Values<exact.Exact>
  numeric: Values<numeric.Numeric>
  branches: boolean
}

const profiles = new WeakMap<Expression, Profile>()

function evaluateAt<V>(
  expression: Expression,
  leaf: (node: Exclude<Expression, { kind: 'apply' }>) => V,
  rule: (operation: string, args: V[]) => V,
): V {
  const walk = (node: Expression): V => (node.kind === 'apply' ? rule(node.operation, node.args.map(walk)) : leaf(node))
  return walk(expression)
}

function values<V>(count: number, at: (point: number) => V): Values<V> {
  const found: (V | null)[] = []
  for (let point = 0; point < count; point++) {
    try {
      found.push(at(point))
    } catch (error) {
      if (error !== exact.undefinedValue) {
        if (error === exact.beyond) return null
        throw error
      }
      found.push(null)
    }
  }
  return found
}

function profileOf(expression: Expression): Profile {
  const known = profiles.get(expression)
  if (known) return known
  const { operations: used, symbols } = contents(expression)
  symbols.delete('i')
  const count = symbols.size > 0 ? POINTS : 1
  const profile: Profile = {
    // π and e are transcendental: an identity of rational functions holds at them just when it holds everywhere.
    exact: values(count, (point) =>
      evaluateAt<exact.Exact>(
        expression,
        (node) => (node.kind === 'number' ? exact.decimal(node.text) : exactSymbol(node.name, point)),
        (operation, args) => {
          const rule = operations[operation].exact
          if (!rule) throw exact.beyond
          return rule(...args)
        },
      ),
    ),
    get numeric() {
      const found = values(count, (point) =>
        evaluateAt<numeric.Numeric>(
          expression,
          (node) => (node.kind === 'number' ? doubleOf(node.text) : numericSymbol(node.name, point)),
          (operation, args) => operations[operation].numeric(...args),
        ),
      )
      Object.defineProperty(this, 'numeric', { value: found })
      return found
    },
    branches: [...used].some((operation) => operations[operation].branches) || hasBrokenPower(expression),
  }
  profiles.set(expression, profile)
  return profile
}

const doubleOf = (text: string) => {
  const { a, d } = exact.decimal(text)
  return numeric.numeric(Number(a) / Number(d))
}

function hasBrokenPower(node: Expression): boolean {
  if (node.kind !== 'apply') return false
  if (node.operation === 'power' && node.args[1].kind !== 'number') return true
  return node.args.some(hasBrokenPower)
}

function agree<V>(left: (V | null)[], right: (V | null)[], limit: number, same: (x: V, y: V) => boolean): boolean {
  const count = Math.min(Math.max(left.length, right.length), limit)
  let met = 0
  for (let point = 0; point < count; point++) {
    const x = left[Math.min(point, left.length - 1)]
    const y = right[Math.min(point, right.length - 1)]
    if (x === null || y === null) continue
    if (!same(x, y)) return false
    met++
  }
  return met >= Math.min(NEEDED, count)
}

/**
 * Whether two expressions are equal as functions of their symbols. Rational functions are compared exactly at seeded whole
 * numbers (Schwartz 1980; Zippel 1979), all others in doubles, at positive numbers alone where a root or logarithm has branches.
 */
export function equalExpressions(left: Expression, right: Expression): boolean {
  const [a, b] = [profileOf(left), profileOf(right)]
  if (a.exact && b.exact) return agree(a.exact, b.exact, POINTS, exact.equal)
  if (!a.numeric || !b.numeric) return false
  return agree(a.numeric, b.numeric, a.branches || b.branches ? NEGATIVE : POINTS, numeric.near)
}

/** A value without symbols, as a double; null where it has symbols, an imaginary part or no value. */
export function realValue(expression: Expression): number | null {
  const { symbols } = contents(expression)
  if ([...symbols].some((name) => !Object.hasOwn(constants, name))) return null
  const value = profileOf(expression).numeric?.[0]
  return value && Math.abs(value.im) <= 1e-11 * value.size ? value.re : null
}

/**
 * The constant c with left = c · right as functions, where there is one and neither side is constant itself.
 * @returns null without one
 */
export function constantRatio(left: Expression, right: Expression): number | null {
  const isConstant = (expression: Expression) => {
    const { symbols } = contents(expression)
    return [...symbols].every((name) => Object.hasOwn(constants, name))
  }
  if (isConstant(left) || isConstant(right)) return null
  const ratio = apply('divide', left, right)
  const at = profileOf(ratio).numeric?.find((value) => value !== null)
  if (!at || numeric.size(at) < 1e-11 * at.size || Math.abs(at.im) > 1e-11 * at.size) return null
  // A ratio that is equal at every point, by either arithmetic, is held against its own first value.
  const { exact: found, numeric: doubles, branches } = profileOf(ratio)
  const isSame = found
    ? agree(found, firstOf(found), POINTS, exact.equal)
    : doubles !== null && agree(doubles, firstOf(doubles), branches ? NEGATIVE : POINTS, numeric.near)
  return isSame ? at.re : null
}

const firstOf = <V>(list: (V | null)[]): (V | null)[] => [list.find((value) => value !== null) ?? null]
