import { dictMethods, listMethods, percentFormat, textMethods } from './texts.ts'
import {
  type Callable,
  compare,
  contains,
  equal,
  float,
  isFloat,
  isNumber,
  iterate,
  kindOf,
  Namespace,
  ofKind,
  toNumber,
  toText,
  typeName,
  Undefined,
  type Value,
} from './values.ts'

/** Templates that make more characters than this run away. */
export const MAX_TEXT = 1 << 26

/** The `loop` of a loop over these items: one value, brought up to date for each turn. */
export function loopVariable(items: Value[]): { at(index: number): Value } {
  const loop = new Namespace()
  const { length } = items
  let current = 0
  let seen: Value[] | undefined
  const constant: [string, Value][] = [
    ['length', length],
    ['depth', 1],
    ['depth0', 0],
    ['cycle', (args: Value[]) => args[current % args.length]],
    [
      'changed',
      (args: Value[]) => {
        const changed = seen === undefined || !equal(seen, args)
        seen = args
        return changed
      },
    ],
  ]
  for (const [name, value] of constant) loop.values.set(name, value)
  const set = (name: string, value: Value): unknown => loop.values.set(name, value)
  return {
    at(index) {
      current = index
      set('index', index + 1)
      set('index0', index)
      set('revindex', length - index)
      set('revindex0', length - index - 1)
      set('first', index === 0)
      set('last', index === length - 1)
      set('previtem', index > 0 ? items[index - 1] : new Undefined('there is no previous item'))
      set('nextitem', index + 1 < length ? items[index + 1] : new Undefined('there is no next item'))
      return loop
    },
  }
}

export const relations: Record<string, (left: Value, right: Value) => boolean> = {
  '==': equal,
  '!=': (left, right) => !equal(left, right),
  '<': (left, right) => compare(left, right) < 0,
  '<=': (left, right) => compare(left, right) <= 0,
  '>': (left, right) => compare(left, right) > 0,
  '>=': (left, right) => compare(left, right) >= 0,
  in: (left, right) => contains(right, left),
  'not in': (left, right) => !contains(right, left),
}

export function defined(value: Value, use: string): true {
  if (value instanceof Undefined) throw new TypeError(`${value.what}, so ${use} cannot be applied`)
  return true
}

export function invoke(callee: Value, args: Value[], named: Map<string, Value>): Value {
  defined(callee, 'a call')
  if (typeof callee !== 'function') throw new TypeError(`${typeName(callee)} cannot be called`)
  return (callee as Callable)(args, named)
}

/** `value.name`: a method of the value, else its item of that name. */
export function attribute(value: Value, name: string): Value {
  defined(value, `.${name}`)
  if (typeof value === 'string') {
    const method = Object.hasOwn(textMethods, name) ? textMethods[name] : undefined
    if (method) return (args: Value[], named: Map<string, Value>) => method(value, args, named)
  } else if (value instanceof Map) {
    const method = Object.hasOwn(dictMethods, name) ? dictMethods[name] : undefined
    if (method) return (args: Value[]) => method(value, args)
    if (value.has(name)) return value.get(name)
  } else if (Array.isArray(value)) {
    const method = Object.hasOwn(listMethods, name) ? listMethods[name] : undefined
    if (method) return (args: Value[]) => method(value, args)
    if (/^(append|extend|insert|pop|remove|clear|sort|reverse)$/.test(name))
      throw new TypeError(`a list may not be changed: .${name}`)
  } else if (value instanceof Namespace && value.values.has(name)) return value.values.get(name)
  return new Undefined(`${typeName(value)} has no attribute ${name}`)
}

/** `value[at]`: an item, else, for a text, the attribute of that name. */
export function item(value: Value, at: Value): Value {
  defined(value, `[${toText(at)}]`)
  const missing = (): Value => new Undefined(`${typeName(value)} has no element ${toText(at)}`)
  if (value instanceof Map && value.has(at)) return value.get(at)
  if (typeof at === 'string')
    return value instanceof Map || typeof value === 'string' || value instanceof Namespace || Array.isArray(value)
      ? attribute(value, at)
      : missing()
  if (!isNumber(at) || isFloat(at) || value instanceof Map) return missing()
  if (typeof value === 'string') return Array.from(value).at(toNumber(at)) ?? missing()
  const list = Array.isArray(value) ? value : []
  const index = toNumber(at)
  return index < list.length && index >= -list.length ? list.at(index) : missing()
}

export function slice(value: Value, start: Value, stop: Value, step: Value): Value {
  defined(value, 'a slice')
  if (typeof value !== 'string' && !Array.isArray(value)) throw new TypeError(`${typeName(value)} cannot be sliced`)
  const items = iterate(value)
  const by = step == null ? 1 : toNumber(step)
  if (by === 0) throw new RangeError('a slice with a step of zero')
  const clamp = (at: Value, whenNone: number): number => {
    if (at == null) return whenNone
    const index = toNumber(at) < 0 ? toNumber(at) + items.length : toNumber(at)
    return by > 0 ? Math.min(Math.max(index, 0), items.length) : Math.min(Math.max(index, -1), items.length - 1)
  }
  const from = clamp(start, by > 0 ? 0 : items.length - 1)
  const to = clamp(stop, by > 0 ? items.length : -1)
  const taken: Value[] = []
  for (let i = from; by > 0 ? i < to : i > to; i += by) taken.push(items[i])
  if (typeof value === 'string') return taken.join('')
  return kindOf(value) === 'tuple' ? ofKind('tuple', taken) : taken
}

export function calculate(operator: string, left: Value, right: Value): Value {
  if (operator === '~') return toText(left) + toText(right)
  defined(left, operator)
  if (operator === '%' && typeof left === 'string') return percentFormat(left, right)
  defined(right, operator)
  if (operator === '+') {
    if (typeof left === 'string' && typeof right === 'string') return left + right
    if (Array.isArray(left) && Array.isArray(right) && kindOf(left) === kindOf(right)) {
      const joined = [...left, ...right]
      return kindOf(left) === 'tuple' ? ofKind('tuple', joined) : joined
    }
  }
  if (operator === '*') {
    const [many, times] = isNumber(left) ? [right, left] : [left, right]
    if (typeof many === 'string')
      return many.repeat(Math.max(0, Math.min(toNumber(times), MAX_TEXT / Math.max(1, many.length))))
    if (Array.isArray(many))
      return Array.from({ length: Math.max(0, Math.min(toNumber(times), 1e6)) }).flatMap(() => many)
  }
  if (!isNumber(left) || !isNumber(right)) {
    throw new TypeError(`${operator} cannot be applied to ${typeName(left)} and ${typeName(right)}`)
  }
  const [a, b] = [toNumber(left), toNumber(right)]
  if (b === 0 && /^[/%]/.test(operator)) throw new RangeError('division by zero')
  const results: Record<string, () => number> = {
    '+': () => a + b,
    '-': () => a - b,
    '*': () => a * b,
    '/': () => a / b,
    '//': () => Math.floor(a / b),
    // The remainder has the sign of the divisor.
    '%': () => a - b * Math.floor(a / b),
    '**': () => a ** b,
  }
  const result = (results[operator] as () => number)()
  const whole = !isFloat(left) && !isFloat(right) && operator !== '/' && Number.isInteger(result)
  return whole ? result : float(result)
}
