import { functionNames } from './operations.ts'
import type { Token } from './tokens.ts'
import { apply, type Expression, number, symbol } from './tree.ts'

/** Pieces that an expression may have, and brackets or exponents within one another. */
const MAX_TOKENS = 400
const MAX_DEPTH = 60

const unparsable = new Error('no expression')

/** Commands that are symbols, beside the single letters. */
const symbols = new Set(
  (
    'pi theta alpha beta gamma delta epsilon zeta eta kappa lambda mu nu xi rho sigma tau phi chi psi omega Gamma Delta Theta ' +
    'Lambda Xi Sigma Phi Psi Omega ell'
  ).split(' '),
)

const closing: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' }

const floors: Readonly<Record<string, { end: string; operation: string }>> = {
  lfloor: { end: 'rfloor', operation: 'floor' },
  lceil: { end: 'rceil', operation: 'ceil' },
}

const two = number('2')
const isNatural = (node: Expression) => node.kind === 'number' && /^\d+$/.test(node.text)

/** An expression, or null where the pieces are none. Never throws. */
export function parseExpression(tokens: readonly Token[]): Expression | null {
  if (tokens.length === 0 || tokens.length > MAX_TOKENS) return null
  try {
    return parse(tokens)
  } catch (error) {
    if (error === unparsable) return null
    throw error
  }
}

function parse(source: readonly Token[]): Expression {
  const tokens = source.flatMap((token, i): Token[] => {
    if (token.kind !== 'letters') return [token]
    // 2 x 10^3: no symbol, since a number does not follow one.
    const isTimes = /^x$/i.test(token.text) && source[i - 1]?.kind === 'number' && source[i + 1]?.kind === 'number'
    if (isTimes) return [{ kind: 'operator', text: '*' }]
    return Array.from(token.text, (text) => ({ ...token, text }))
  })
  let at = 0
  let depth = 0
  let inBars = 0

  const fail = (): never => {
    throw unparsable
  }
  const peek = (text: string) => tokens[at]?.text === text && tokens[at].kind !== 'text'
  const accept = (...texts: string[]) => texts.find((text) => peek(text) && at++ >= 0)
  const expect = (text: string) => accept(text) ?? fail()
  const nested = <T>(read: () => T): T => {
    if (++depth > MAX_DEPTH) fail()
    const value = read()
    depth--
    return value
  }

  function sum(): Expression {
    return nested(() => {
      let left = product()
      for (;;) {
        const sign = accept('+', '-')
        if (!sign) return left
        const right = product()
        left = apply('add', left, sign === '-' ? apply('negate', right) : right)
      }
    })
  }

  function product(): Expression {
    let left = signed()
    for (;;) {
      if (accept('*')) left = apply('multiply', left, signed())
      else if (accept('/')) left = apply('divide', left, signed())
      else if (startsFactor()) left = apply('multiply', left, power())
      else return left
    }
  }

  function signed(): Expression {
    if (accept('+')) return nested(signed)
    if (accept('-')) return apply('negate', nested(signed))
    return power()
  }

  /** Side by side means times, but for a number after something: `x 2` and `2 3` are slips, not products. */
  function startsFactor(): boolean {
    const token = tokens[at]
    if (!token || token.kind === 'text' || token.kind === 'number') return false
    if (token.kind === 'letters') return true
    if (token.kind === 'operator') return token.text in closing || (token.text === '|' && inBars === 0)
    return (
      symbols.has(token.text) ||
      functionNames.has(token.text) ||
      ['frac', 'sqrt', 'binom'].includes(token.text) ||
      Object.hasOwn(floors, token.text)
    )
  }

  function power(): Expression {
    const base = postfix(primary())
    return raised(base)
  }

  function raised(base: Expression): Expression {
    if (!accept('^')) return base
    if (accept('circ')) return raised(apply('degree', base))
    if (tokens[at]?.text === '{' && tokens[at + 1]?.text === 'circ' && tokens[at + 2]?.text === '}') {
      at += 3
      return raised(apply('degree', base))
    }
    const exponent = nested(() => {
      const sign = accept('-', '+')
      const value = power()
      return sign === '-' ? apply('negate', value) : value
    })
    return apply('power', base, exponent)
  }

  function postfix(node: Expression): Expression {
    let value = node
    for (;;) {
      if (accept('!')) value = apply('factorial', value)
      else if (accept('circ')) value = apply('degree', value)
      else if (accept('%')) value = apply('divide', value, number('100'))
      else return value
    }
  }

  function primary(): Expression {
    const token = tokens[at++] ?? fail()
    if (token.kind === 'number') return mixed(number(token.text))
    if (token.kind === 'letters') return named(token.text)
    if (token.kind === 'operator') {
      if (Object.hasOwn(closing, token.text)) {
        const inner = sum()
        expect(closing[token.text])
        return inner
      }
      if (token.text !== '|') return fail()
      inBars++
      const inner = sum()
      expect('|')
      inBars--
      return apply('abs', inner)
    }
    if (token.kind === 'text') return fail()
    if (token.text === 'frac') return apply('divide', argument(true), argument(true))
    if (token.text === 'binom') return apply('binomial', argument(true), argument(true))
    if (token.text === 'sqrt') return radical()
    if (Object.hasOwn(floors, token.text)) {
      const { end, operation } = floors[token.text]
      const inner = sum()
      expect(end)
      return apply(operation, inner)
    }
    if (functionNames.has(token.text)) return called(token.text)
    return symbols.has(token.text) ? named(token.text) : fail()
  }

  /** 2\frac{1}{3} and 2 1/3 are sums: proper fractions of whole numbers after one. */
  function mixed(whole: Expression): Expression {
    if (!isNatural(whole)) return whole
    const start = at
    const saved = tokens.slice(at, at + 3)
    let part: Expression | null = null
    if (accept('frac')) part = apply('divide', argument(true), argument(true))
    else if (tokens[at]?.kind === 'number' && tokens[at + 1]?.text === '/' && tokens[at + 2]?.kind === 'number') {
      part = apply('divide', number(tokens[at].text), number(tokens[at + 2].text))
      at += 3
    }
    if (part?.kind === 'apply') {
      const [top, bottom] = part.args
      const isProper = isNatural(top) && isNatural(bottom) && lessThan(top, bottom)
      if (isProper) return apply('add', whole, part)
    }
    at = start
    // An argument of one digit is cut off the number that it stands in.
    tokens.splice(start, saved.length, ...saved)
    return whole
  }

  function named(name: string): Expression {
    let full = name
    if (accept('_')) {
      const start = at
      if (accept('{')) while (at < tokens.length && !peek('}')) at++
      const end = at++
      full += `_${tokens
        .slice(start, end + 1)
        .map(({ text }) => text)
        .filter((text) => text !== '{' && text !== '}')
        .join('')}`
    }
    while (accept("'")) full += "'"
    return symbol(full)
  }

  /** A braced group, or one piece; `digits`: a single digit of a number, as LaTeX reads \frac12. */
  function argument(digits: boolean): Expression {
    if (accept('{')) {
      const inner = sum()
      expect('}')
      return inner
    }
    const token = tokens[at]
    if (digits && token?.kind === 'number' && /^\d\d/.test(token.text)) {
      tokens[at] = { ...token, text: token.text.slice(1) }
      return number(token.text[0])
    }
    if (token?.kind === 'number') {
      at++
      return number(token.text)
    }
    if (token?.kind === 'operator' && token.text !== '(') return fail()
    return nested(primary)
  }

  function radical(): Expression {
    let degree: Expression = two
    if (accept('[')) {
      degree = sum()
      expect(']')
    }
    return apply('root', argument(false), degree)
  }

  function called(name: string): Expression {
    let base: Expression | null = null
    let exponent: Expression | null = null
    for (;;) {
      if (accept('_')) base = argument(false)
      else if (accept('^')) {
        const isNegative = accept('-')
        const value = argument(false)
        exponent = isNegative ? apply('negate', value) : value
      } else break
    }
    const inner = nested(operand)
    const isInverse =
      exponent?.kind === 'apply' &&
      exponent.operation === 'negate' &&
      exponent.args[0].kind === 'number' &&
      exponent.args[0].text === '1'
    if (isInverse && functionNames.has(`arc${name}`)) return apply(`arc${name}`, inner)
    const value = name === 'log' ? apply('log', inner, base ?? number('10')) : apply(name, inner)
    return exponent ? apply('power', value, exponent) : value
  }

  /** What a function without brackets is applied to: factors up to the next function, sign or end. */
  function operand(): Expression {
    if (peek('(') || peek('{')) return postfix(primary())
    let value = signed()
    while (startsFactor() && !functionNames.has(tokens[at].text)) value = apply('multiply', value, power())
    if (value.kind === 'number' && accept('/')) return apply('divide', value, power())
    return value
  }

  const result = sum()
  return at === tokens.length ? result : fail()
}

function lessThan(left: Expression, right: Expression): boolean {
  if (left.kind !== 'number' || right.kind !== 'number') return false
  return left.text.length < 40 && right.text.length < 40 && BigInt(left.text) < BigInt(right.text)
}
