import type { Arguments, Expression, FilterCall, Parameter, Statement, Target } from './ast.ts'
import { type Context, filters, tests } from './filters.ts'
import { attribute, calculate, defined, invoke, item, loopVariable, MAX_TEXT, relations, slice } from './operations.ts'
import {
  type Callable,
  float,
  isFloat,
  iterate,
  Namespace,
  toNumber,
  toText,
  truthy,
  tuple,
  Undefined,
  type Value,
} from './values.ts'

/** Names of one block; what is not there is sought in the block around it. */
interface Scope {
  names: Map<string, Value>
  outer: Scope | null
}
type Signal = 'break' | 'continue' | null
const inner = (outer: Scope): Scope => ({ names: new Map(), outer })
/** A template that runs more statements than this runs away. */
const MAX_STEPS = 1e6

/**
 * Runs a parsed template.
 * @param marks Printed at the beginning and end of what a `generation` block prints.
 * @throws TypeError, RangeError for what Python would refuse.
 */
export function interpret(
  program: Statement[],
  globals: Map<string, Value>,
  marks?: { open: string; close: string },
): string {
  const root: Scope = { names: globals, outer: null }
  const context: Context = {
    lookUp: item,
    applyFilter,
    applyTest,
  }
  let steps = 0
  return run(program, inner(root)).text

  function run(body: Statement[], scope: Scope): { text: string; signal: Signal } {
    let text = ''
    for (const statement of body) {
      if (++steps > MAX_STEPS) throw new RangeError(`the template runs more than ${MAX_STEPS} statements`)
      const { text: printed, signal } = execute(statement, scope)
      text += printed
      if (text.length > MAX_TEXT) throw new RangeError(`the template prints more than ${MAX_TEXT} characters`)
      if (signal) return { text, signal }
    }
    return { text, signal: null }
  }

  function execute(statement: Statement, scope: Scope): { text: string; signal: Signal } {
    const printed = (text: string): { text: string; signal: Signal } => ({ text, signal: null })
    switch (statement.kind) {
      case 'text':
        return printed(statement.text)
      case 'print':
        return printed(toText(evaluate(statement.value, scope)))
      case 'if': {
        const taken = statement.branches.find(({ test }) => truthy(evaluate(test, scope)))
        return run(taken ? taken.body : statement.otherwise, scope)
      }
      case 'for':
        return printed(loop(statement, scope))
      case 'set':
        assign(statement.target, evaluate(statement.value, scope), scope)
        return printed('')
      case 'setBlock':
        assign(statement.target, filtered(run(statement.body, inner(scope)).text, statement.filters, scope), scope)
        return printed('')
      case 'macro':
        scope.names.set(statement.name, macro(statement.name, statement.parameters, statement.body, scope))
        return printed('')
      case 'callBlock': {
        const caller = macro('caller', statement.parameters, statement.body, scope)
        const call = statement.call as Expression & { kind: 'call' }
        const { args, named } = argumentsOf(call.args, scope)
        return printed(toText(invoke(evaluate(call.callee, scope), args, named.set('caller', caller))))
      }
      case 'filterBlock':
        return printed(toText(filtered(run(statement.body, inner(scope)).text, statement.filters, scope)))
      case 'with': {
        const own = inner(scope)
        for (const [target, value] of statement.values) assign(target, evaluate(value, scope), own)
        return printed(run(statement.body, own).text)
      }
      case 'generation': {
        const { text } = run(statement.body, inner(scope))
        return printed(marks ? marks.open + text + marks.close : text)
      }
      case 'break':
      case 'continue':
        return { text: '', signal: statement.kind }
      default:
        return statement satisfies never
    }
  }

  function loop(statement: Statement & { kind: 'for' }, scope: Scope): string {
    const bound = (value: Value): Scope => {
      const own = inner(scope)
      assign(statement.target, value, own)
      return own
    }
    const over = evaluate(statement.over, scope)
    const items = iterate(over).filter((value) => !statement.filter || truthy(evaluate(statement.filter, bound(value))))
    const variable = loopVariable(items)
    let text = ''
    for (let i = 0; i < items.length; i++) {
      const own = bound(items[i])
      own.names.set('loop', variable.at(i))
      const { text: printed, signal } = run(statement.body, own)
      text += printed
      if (signal === 'break') break
    }
    return items.length === 0 ? run(statement.otherwise, inner(scope)).text : text
  }

  function macro(name: string, parameters: Parameter[], body: Statement[], scope: Scope): Callable {
    return (args, named) => {
      const own = inner(scope)
      const rest = new Map(named)
      parameters.forEach((parameter, i) => {
        const given = i < args.length ? args[i] : rest.get(parameter.name)
        rest.delete(parameter.name)
        const missing = (): Value => new Undefined(`parameter ${parameter.name} of ${name} was not given`)
        own.names.set(
          parameter.name,
          given ?? (given === null ? null : parameter.fallback ? evaluate(parameter.fallback, own) : missing()),
        )
      })
      own.names.set('caller', rest.get('caller') ?? new Undefined('there is no caller'))
      rest.delete('caller')
      own.names.set('varargs', tuple(...args.slice(parameters.length)))
      own.names.set('kwargs', rest)
      return run(body, own).text
    }
  }

  function assign(target: Target, value: Value, scope: Scope): void {
    if (target.kind === 'name') scope.names.set(target.name, value)
    else if (target.kind === 'tuple') {
      const items = iterate(value)
      const { length } = target.items
      if (items.length !== length) throw new TypeError(`${items.length} values for ${length} names`)
      for (const [i, part] of target.items.entries()) assign(part, items[i], scope)
    } else {
      const namespace = resolve(target.of, scope)
      if (!(namespace instanceof Namespace))
        throw new TypeError(`${target.of} is no namespace: its attributes cannot be set`)
      namespace.values.set(target.name, value)
    }
  }

  function resolve(name: string, scope: Scope): Value {
    for (let at: Scope | null = scope; at; at = at.outer) if (at.names.has(name)) return at.names.get(name)
    return new Undefined(`'${name}' is undefined`)
  }

  function evaluate(node: Expression, scope: Scope): Value {
    switch (node.kind) {
      case 'constant':
        return node.float ? float(node.value as number) : node.value
      case 'name':
        return resolve(node.name, scope)
      case 'list':
        return node.items.map((part) => evaluate(part, scope))
      case 'tuple':
        return tuple(...node.items.map((part) => evaluate(part, scope)))
      case 'dict':
        return new Map(node.entries.map(([key, value]) => [evaluate(key, scope), evaluate(value, scope)]))
      case 'attribute':
        return attribute(evaluate(node.of, scope), node.name)
      case 'item':
        return item(evaluate(node.of, scope), evaluate(node.at, scope))
      case 'slice':
        return slice(
          evaluate(node.of, scope),
          ...([node.start, node.stop, node.step].map((part) => part && evaluate(part, scope)) as [Value, Value, Value]),
        )
      case 'call': {
        const { args, named } = argumentsOf(node.args, scope)
        return invoke(evaluate(node.callee, scope), args, named)
      }
      case 'filter': {
        const { args, named } = argumentsOf(node.args, scope)
        return applyFilter(node.name, evaluate(node.of, scope), args, named)
      }
      case 'test': {
        const { args, named } = argumentsOf(node.args, scope)
        return applyTest(node.name, evaluate(node.of, scope), args, named) !== node.negated
      }
      case 'unary': {
        const value = evaluate(node.of, scope)
        if (node.operator === 'not') return !truthy(value)
        const number = defined(value, node.operator) && toNumber(value) * (node.operator === '-' ? -1 : 1)
        return isFloat(value) ? float(number as number) : number
      }
      case 'binary': {
        const left = evaluate(node.left, scope)
        if (node.operator === 'and') return truthy(left) ? evaluate(node.right, scope) : left
        if (node.operator === 'or') return truthy(left) ? left : evaluate(node.right, scope)
        return calculate(node.operator, left, evaluate(node.right, scope))
      }
      case 'compare': {
        let left = evaluate(node.first, scope)
        return node.rest.every(({ operator, right: side }) => {
          const right = evaluate(side, scope)
          const holds = relations[operator]?.(left, right)
          left = right
          return holds
        })
      }
      case 'choice':
        if (truthy(evaluate(node.test, scope))) return evaluate(node.then, scope)
        return node.otherwise ? evaluate(node.otherwise, scope) : new Undefined('the choice has no else')
      default:
        return node satisfies never
    }
  }

  function argumentsOf(args: Arguments, scope: Scope): { args: Value[]; named: Map<string, Value> } {
    const positional = args.positional.map((part) => evaluate(part, scope))
    const named = new Map(args.named.map(([name, value]) => [name, evaluate(value, scope)]))
    if (args.spread) positional.push(...iterate(evaluate(args.spread, scope)))
    if (args.spreadNamed)
      for (const [name, value] of evaluate(args.spreadNamed, scope) as Map<string, Value>) named.set(name, value)
    return { args: positional, named }
  }

  function filtered(text: string, calls: FilterCall[], scope: Scope): Value {
    return calls.reduce<Value>((value, { name, args: given }) => {
      const { args, named } = argumentsOf(given, scope)
      return applyFilter(name, value, args, named)
    }, text)
  }

  function applyFilter(name: string, value: Value, args: Value[], named: Map<string, Value>): Value {
    const filter = Object.hasOwn(filters, name) ? filters[name] : undefined
    if (!filter) throw new TypeError(`there is no filter ${name}`)
    return filter(value, args, named, context)
  }

  function applyTest(name: string, value: Value, args: Value[], named: Map<string, Value>): boolean {
    if (Object.hasOwn(relations, name)) return relations[name]?.(value, args[0]) as boolean
    const test = Object.hasOwn(tests, name) ? tests[name] : undefined
    if (!test) throw new TypeError(`there is no test ${name}`)
    return test(value, [...args, ...named.values()])
  }
}
