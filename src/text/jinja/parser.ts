import type { Arguments, Expression, FilterCall, Parameter, Statement, Target } from './ast.ts'
import { type Token, tokenize, unquote } from './lexer.ts'

const COMPARISONS = ['==', '!=', '<', '<=', '>', '>=']
const RESERVED = ['else', 'and', 'or', 'is', 'in', 'not', 'if']

/**
 * Parses a template (Jinja 3.1, with the `loopcontrols` extension and the `generation` block that `transformers` adds).
 * Templates made of several files (`include`, `import`, `extends`, `block`) are refused.
 * @throws SyntaxError with the line.
 */
export function parse(template: string): Statement[] {
  const tokens = tokenize(template)
  let at = 0
  let loops = 0

  const peek = (): Token | undefined => tokens[at]
  const isAt = (type: Token['type'], value?: string): boolean =>
    tokens[at]?.type === type && (value === undefined || tokens[at]?.value === value)
  const take = (type: Token['type'], value?: string): boolean => {
    const found = isAt(type, value)
    if (found) at++
    return found
  }
  const fail = (expected: string): never => {
    const token = peek()
    const where = token ?? tokens.at(-1)
    throw new SyntaxError(
      `line ${where?.line ?? 1}: expected ${expected}, found ${token ? JSON.stringify(token.value) : 'the end'}`,
    )
  }
  const need = (type: Token['type'], value?: string): string => {
    const token = peek()
    if (!take(type, value)) fail(value ?? type)
    return (token as Token).value
  }
  const operator = (value: string): boolean => take('operator', value)
  const word = (value: string): boolean => take('name', value)

  /** Statements up to a block that begins with one of the words in `ends`; the word is taken. */
  const statements = (ends: string[]): { body: Statement[]; end: string } => {
    const body: Statement[] = []
    for (;;) {
      const token = peek()
      if (!token) {
        if (ends.length > 0) fail(ends.map((end) => `{% ${end} %}`).join(' or '))
        return { body, end: '' }
      }
      at++
      if (token.type === 'text') body.push({ kind: 'text', text: token.value })
      else if (token.type === 'printBegin') {
        body.push({ kind: 'print', value: tuple(true) })
        need('printEnd')
      } else {
        const name = need('name')
        if (ends.includes(name)) return { body, end: name }
        const read = Object.hasOwn(blocks, name) ? blocks[name] : undefined
        if (!read) {
          at--
          fail('a block that is known')
        }
        body.push((read as () => Statement)())
      }
    }
  }
  const bodyUntil = (end: string): Statement[] => {
    need('blockEnd')
    const { body } = statements([end])
    need('blockEnd')
    return body
  }

  const blocks: Record<string, () => Statement> = {
    if: () => {
      const branches: { test: Expression; body: Statement[] }[] = []
      for (;;) {
        const test = tuple(false)
        need('blockEnd')
        const { body, end } = statements(['elif', 'else', 'endif'])
        branches.push({ test, body })
        if (end === 'elif') continue
        const otherwise = end === 'else' ? bodyUntil('endif') : []
        if (end === 'endif') need('blockEnd')
        return { kind: 'if', branches, otherwise }
      }
    },
    for: () => {
      const to = target()
      if (!word('in')) fail('in')
      const over = tuple(false)
      const filter = word('if') ? expression() : undefined
      if (isAt('name', 'recursive')) fail('a loop that is not recursive')
      need('blockEnd')
      loops++
      const { body, end } = statements(['else', 'endfor'])
      loops--
      const otherwise = end === 'else' ? bodyUntil('endfor') : []
      if (end === 'endfor') need('blockEnd')
      return { kind: 'for', target: to, over, filter, body, otherwise }
    },
    set: () => {
      const to = target(true)
      if (operator('=')) {
        const value = tuple(true)
        need('blockEnd')
        return { kind: 'set', target: to, value }
      }
      const filters = filterCalls()
      return { kind: 'setBlock', target: to, filters, body: bodyUntil('endset') }
    },
    macro: () => {
      const name = need('name')
      const list = parameters()
      return { kind: 'macro', name, parameters: list, body: inMacro(() => bodyUntil('endmacro')) }
    },
    call: () => {
      const list = isAt('operator', '(') ? parameters() : []
      const call = expression()
      if (call.kind !== 'call') fail('a call')
      return { kind: 'callBlock', parameters: list, call, body: inMacro(() => bodyUntil('endcall')) }
    },
    filter: () => {
      const name = need('name')
      const first = { name, args: isAt('operator', '(') ? callArguments() : NO_ARGUMENTS }
      return { kind: 'filterBlock', filters: [first, ...filterCalls()], body: bodyUntil('endfilter') }
    },
    with: () => {
      const values: [Target, Expression][] = []
      while (!isAt('blockEnd')) {
        if (values.length > 0 && !operator(',')) fail(',')
        const to = target()
        need('operator', '=')
        values.push([to, expression()])
      }
      return { kind: 'with', values, body: bodyUntil('endwith') }
    },
    generation: () => ({ kind: 'generation', body: bodyUntil('endgeneration') }),
    break: () => loopControl('break'),
    continue: () => loopControl('continue'),
  }
  const loopControl = (kind: 'break' | 'continue'): Statement => {
    if (loops === 0) fail(`${kind} inside a loop`)
    need('blockEnd')
    return { kind }
  }
  const inMacro = <T>(read: () => T): T => {
    const outer = loops
    loops = 0
    const result = read()
    loops = outer
    return result
  }

  const target = (withAttribute = false): Target => {
    const one = (): Target => {
      if (operator('(')) {
        const inner = target()
        need('operator', ')')
        return inner
      }
      const name = need('name')
      if (withAttribute && operator('.')) return { kind: 'attribute', of: name, name: need('name') }
      return { kind: 'name', name }
    }
    const first = one()
    if (!isAt('operator', ',')) return first
    const items = [first]
    while (operator(',')) if (isAt('name') && !isAt('name', 'in')) items.push(one())
    return { kind: 'tuple', items }
  }

  const parameters = (): Parameter[] => {
    const list: Parameter[] = []
    need('operator', '(')
    while (!operator(')')) {
      if (list.length > 0) need('operator', ',')
      const name = need('name')
      list.push({ name, fallback: operator('=') ? expression() : undefined })
    }
    return list
  }

  const filterCalls = (): FilterCall[] => {
    const calls: FilterCall[] = []
    while (operator('|')) calls.push({ name: dotted(), args: isAt('operator', '(') ? callArguments() : NO_ARGUMENTS })
    return calls
  }
  const dotted = (): string => {
    let name = need('name')
    while (operator('.')) name += `.${need('name')}`
    return name
  }

  /** One expression, or several with commas between as a tuple. */
  const tuple = (withChoice: boolean): Expression => {
    const read = withChoice ? expression : or
    const first = read()
    if (!isAt('operator', ',')) return first
    const items = [first]
    while (operator(',') && !ends()) items.push(read())
    return { kind: 'tuple', items }
  }
  const ends = (): boolean => isAt('blockEnd') || isAt('printEnd') || isAt('operator', ')') || isAt('name', 'in')

  const expression = (): Expression => {
    let then = or()
    while (word('if')) {
      const test = or()
      then = { kind: 'choice', test, then, otherwise: word('else') ? expression() : undefined }
    }
    return then
  }
  const binary =
    (operators: string[], next: () => Expression): (() => Expression) =>
    () => {
      let left = next()
      for (;;) {
        const found = operators.find((value) => isAt('operator', value) || (/\w/.test(value) && isAt('name', value)))
        if (found === undefined) return left
        at++
        left = { kind: 'binary', operator: found, left, right: next() }
      }
    }
  const not = (): Expression => (word('not') ? { kind: 'unary', operator: 'not', of: not() } : compare())
  const compare = (): Expression => {
    const first = sum()
    const rest: { operator: string; right: Expression }[] = []
    for (;;) {
      const token = peek()
      const notIn = isAt('name', 'not') && tokens[at + 1]?.type === 'name' && tokens[at + 1]?.value === 'in'
      if (token?.type === 'operator' && COMPARISONS.includes(token.value)) at++
      else if (notIn) at += 2
      else if (!word('in')) return rest.length > 0 ? { kind: 'compare', first, rest } : first
      rest.push({ operator: notIn ? 'not in' : (token as Token).value, right: sum() })
    }
  }
  const unary = (withFilters = true): Expression => {
    const sign = isAt('operator', '-') ? '-' : isAt('operator', '+') ? '+' : undefined
    if (sign) at++
    const value: Expression = sign ? { kind: 'unary', operator: sign, of: unary(false) } : postfix(primary())
    return withFilters ? filtered(postfix(value)) : value
  }
  const power = binary(['**'], unary)
  const product = binary(['*', '/', '//', '%'], power)
  const concatenation = binary(['~'], product)
  const sum = binary(['+', '-'], concatenation)
  const and = binary(['and'], not)
  const or = binary(['or'], and)

  const primary = (): Expression => {
    const token = peek()
    at++
    switch (token?.type) {
      case 'name':
        if (/^[tT]rue$/.test(token.value)) return { kind: 'constant', value: true }
        if (/^[fF]alse$/.test(token.value)) return { kind: 'constant', value: false }
        if (/^[nN]one$/.test(token.value)) return { kind: 'constant', value: null }
        return { kind: 'name', name: token.value }
      case 'string': {
        let value = unquote(token.value)
        while (isAt('string')) value += unquote(need('string'))
        return { kind: 'constant', value }
      }
      case 'integer':
        return { kind: 'constant', value: Number(token.value.replaceAll('_', '')) }
      case 'float':
        return { kind: 'constant', value: Number(token.value.replaceAll('_', '')), float: true }
      case 'operator':
        if (token.value === '(') return parenthesised()
        if (token.value === '[') return { kind: 'list', items: listed(']', expression) }
        if (token.value === '{') return { kind: 'dict', entries: listed('}', entry) }
    }
    at--
    return fail('an expression')
  }
  const parenthesised = (): Expression => {
    if (operator(')')) return { kind: 'tuple', items: [] }
    const inner = tuple(true)
    need('operator', ')')
    return inner
  }
  const listed = <T>(close: string, read: () => T): T[] => {
    const items: T[] = []
    while (!operator(close)) {
      if (items.length > 0) need('operator', ',')
      if (operator(close)) break
      items.push(read())
    }
    return items
  }
  const entry = (): [Expression, Expression] => {
    const key = expression()
    need('operator', ':')
    return [key, expression()]
  }

  const postfix = (value: Expression): Expression => {
    let of = value
    for (;;) {
      if (operator('.')) {
        if (isAt('integer')) of = { kind: 'item', of, at: { kind: 'constant', value: Number(need('integer')) } }
        else of = { kind: 'attribute', of, name: need('name') }
      } else if (operator('[')) of = subscript(of)
      else if (isAt('operator', '(')) of = { kind: 'call', callee: of, args: callArguments() }
      else return of
    }
  }
  const subscript = (of: Expression): Expression => {
    const part = (): Expression | undefined =>
      isAt('operator', ':') || isAt('operator', ']') ? undefined : expression()
    const start = part()
    if (operator(']')) return start ? { kind: 'item', of, at: start } : fail('an index')
    need('operator', ':')
    const stop = part()
    const step = operator(':') ? part() : undefined
    need('operator', ']')
    return { kind: 'slice', of, start, stop, step }
  }
  const callArguments = (): Arguments => {
    const args: Arguments = { positional: [], named: [] }
    need('operator', '(')
    for (let first = true; !operator(')'); first = false) {
      if (!first) need('operator', ',')
      if (operator(')')) break
      if (operator('**')) args.spreadNamed = expression()
      else if (operator('*')) args.spread = expression()
      else if (isAt('name') && tokens[at + 1]?.type === 'operator' && tokens[at + 1]?.value === '=') {
        const name = need('name')
        at++
        args.named.push([name, expression()])
      } else args.positional.push(expression())
    }
    return args
  }

  const filtered = (value: Expression): Expression => {
    let of = value
    for (;;) {
      if (operator('|')) {
        const name = dotted()
        of = { kind: 'filter', of, name, args: isAt('operator', '(') ? callArguments() : NO_ARGUMENTS }
      } else if (word('is')) of = test(of)
      else if (isAt('operator', '(')) of = { kind: 'call', callee: of, args: callArguments() }
      else return of
    }
  }
  const test = (of: Expression): Expression => {
    const negated = word('not')
    const name = dotted()
    const token = peek()
    let args = NO_ARGUMENTS
    if (isAt('operator', '(')) args = callArguments()
    else if (token && (/^(string|integer|float)$/.test(token.type) || '[{'.includes(token.value) || isOperand(token))) {
      args = { positional: [postfix(primary())], named: [] }
    }
    return { kind: 'test', of, name, args, negated }
  }
  const isOperand = (token: Token): boolean => token.type === 'name' && !RESERVED.includes(token.value)

  return statements([]).body
}

const NO_ARGUMENTS: Arguments = { positional: [], named: [] }
