import { commands, hidden, plainCharacter, plainWords, shortWords, textCommands } from './notation.ts'

/**
 * A piece of an answer. `text` of a number is digits with at most one point, of a text its words, of a command its name without
 * the backslash; all else is an operator.
 */
export interface Token {
  kind: 'number' | 'letters' | 'text' | 'command' | 'operator'
  text: string
}

export interface TokenOptions {
  /** Within brackets `1,000` is two entries (the default) or one number. */
  bracketCommas?: 'separate' | 'group'
}

/** a.m. and p.m. */
const noon = /\b([ap])\.\s?m\b\.?/gi
const spaces = /\s+/y
const numeral = /\d+/y
const fraction = /\.\d+/y
const ordinal = /(?:st|nd|rd|th)\b/y
const hiddenArgument = /\s*(?:\{[^{}]*\}|[^\s{}])/y
const exponent = /[eE][+-]?\d{1,4}(?![\w.])/y
const repeating = /\.?\s*\\overline\s*(?:\{\s*(\d{1,40})\s*\}|(\d))/y
const strongGroup = /\s?(?:,\s?\\!|\\!\s?,|\{,\}\s?|\\,|\\ | )\s?(\d{3})(?!\d)/y
const weakGroup = /,(\d{3})(?!\d)/y
const word = /[A-Za-z]+/y
const command = /\\(?:[A-Za-z]+|[\s\S]|$)/y
const environment = /\s*\{\s*([a-z]+)\*?\s*\}/y
const columns = /\s*\{[clr|\s]*\}/y

const operator = (text: string): Token => ({ kind: 'operator', text })

/** An answer's LaTeX or plain text in pieces, without what only sets it. Every input gives some, in time linear in it. */
export function tokenise(source: string, { bracketCommas = 'separate' }: TokenOptions = {}): Token[] {
  const input = Array.from(source, plainCharacter).join('').replace(noon, '$1m ')
  const tokens: Token[] = []
  let at = 0
  /** Round, square and set brackets that are open; the braces of LaTeX's arguments hide those around them. */
  const depths = [0]

  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    const found = pattern.exec(input)
    if (found) at = pattern.lastIndex
    return found
  }
  const push = (token: Token) => {
    tokens.push(token)
    const depth = depths.length - 1
    if (token.kind !== 'operator') return
    if (['(', '[', '\\{'].includes(token.text)) depths[depth]++
    if ([')', ']', '\\}'].includes(token.text)) depths[depth] = Math.max(0, depths[depth] - 1)
    if (token.text === '{') depths.push(0)
    if (token.text === '}' && depth > 0) depths.pop()
  }
  const readNumber = (): Token => {
    let text = match(numeral)?.[0] ?? ''
    if (text.length <= 3 && text !== '' && !text.startsWith('0')) {
      const isGrouped = bracketCommas === 'group' || depths[depths.length - 1] === 0
      for (;;) {
        const group = match(strongGroup) ?? (isGrouped ? match(weakGroup) : null)
        if (!group) break
        text += group[1]
      }
    }
    text += match(fraction)?.[0] ?? ''
    const start = at
    const cycle = match(repeating)
    if (cycle && (text.includes('.') || cycle[0].startsWith('.'))) {
      return { kind: 'number', text: `${text}${text.includes('.') ? '' : '.'}(${cycle[1] ?? cycle[2]})` }
    }
    at = start
    text += match(exponent)?.[0] ?? ''
    match(ordinal)
    return { kind: 'number', text }
  }

  while (at < input.length) {
    const character = input[at]
    if (match(spaces)) continue
    if (/\d/.test(character) || (character === '.' && /\d/.test(input[at + 1] ?? ''))) push(readNumber())
    else if (/[A-Za-z]/.test(character)) readWord(match(word)?.[0] ?? '').forEach(push)
    else if (character === '\\') {
      const name = match(command)?.[0].slice(1) ?? ''
      if (hidden.has(name)) match(hiddenArgument)
      else if (textCommands.has(name)) readText().forEach(push)
      else if (name === 'begin' || name === 'end') {
        const kind = match(environment)?.[1] ?? ''
        if (kind === 'array' && name === 'begin') match(columns)
        push({ kind: 'command', text: `${name} ${kind}` })
      } else for (const token of commands[name] ?? [{ kind: 'command', text: name } as const]) push(token)
    } else {
      at++
      const pair = character + (input[at] ?? '')
      if (['<=', '>=', '!=', '**', '=='].includes(pair)) {
        at++
        push(operator({ '**': '^', '==': '=' }[pair] ?? pair))
      } else if (character !== '$' && character !== '~') push(operator(character))
    }
  }
  return tokens

  /** The argument of \text: its words, or a separator where it only joins two answers. */
  function readText(): Token[] {
    match(spaces)
    if (input[at] !== '{') return []
    let depth = 0
    const start = at + 1
    for (; at < input.length; at++) {
      if (input[at] === '{') depth++
      if (input[at] === '}' && --depth === 0) break
    }
    const text = input
      .slice(start, at)
      .replace(/[$\\{}]/g, ' ')
      .replace(/\s+/g, ' ')
      .trim()
    at++
    if (/^[,;]?\s*(?:and|or)?\s*[,;]?$/i.test(text))
      return text === '' ? [] : [operator(text.toLowerCase().includes('or') ? 'or' : ',')]
    if (/^[A-Za-z]$/.test(text)) return [{ kind: 'letters', text }]
    return [{ kind: 'text', text }]
  }
}

/** A run of letters: a known name, a word of English, or symbols that stand side by side. */
function readWord(text: string): Token[] {
  const known = Object.hasOwn(plainWords, text.toLowerCase()) ? plainWords[text.toLowerCase()] : undefined
  if (known && text.length > 1) return [known]
  const isProduct = text.length < 3 || /^[xyz]+$/.test(text) || isAscending(text)
  const isWord = text.length > 3 || /^[A-Z]{2,}$/.test(text) || !isProduct || shortWords.has(text.toLowerCase())
  return [{ kind: isWord ? 'text' : 'letters', text }]
}

/** `abc` and `pqr` are products of symbols, `odd` and `May` are words. */
const isAscending = (text: string) => Array.from(text).every((letter, i) => i === 0 || text[i - 1] < letter)
