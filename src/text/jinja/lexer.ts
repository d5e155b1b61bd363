/** A piece of a template: text to print, or one token inside `{% %}` or `{{ }}`. */
export interface Token {
  type:
    | 'text'
    | 'blockBegin'
    | 'blockEnd'
    | 'printBegin'
    | 'printEnd'
    | 'name'
    | 'string'
    | 'integer'
    | 'float'
    | 'operator'
  value: string
  line: number
}

/** What Python takes for white space, in `\s` and in `strip()`. */
export const SPACE = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000'

const TAG = /\{([%{#])([-+]?)/g
const RAW = new RegExp(`\\{%[-+]?[${SPACE}]*raw[${SPACE}]*(-?)%\\}`, 'y')
const END_RAW = new RegExp(`\\{%([-+]?)[${SPACE}]*endraw[${SPACE}]*([-+]?)%\\}`, 'g')
const SKIPPED = new RegExp(`[${SPACE}]*`, 'y')
const OPERATOR = /\/\/|\*\*|==|!=|>=|<=|[-+*/%~[\](){}><=.:|,]/y
const FLOAT = /(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?[eE][-+]?\d+|\.(?:\d+_)*\d+)/y
const INTEGER = /0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[0-9a-fA-F])+|\d(?:_?\d)*/y
const NAME = /[\p{Alphabetic}\p{Nl}_][\p{Alphabetic}\p{M}\p{Nd}\p{Pc}]*/uy
const STRING = /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/sy

/**
 * Cuts a template into tokens, white space control included: `trim_blocks` takes the line break after a block, `lstrip_blocks` the
 * indentation before one, `-` all white space on its side, `+` leaves all as it is; one line break at the end goes.
 * @throws SyntaxError with the line.
 */
export function tokenize(template: string): Token[] {
  const source = template.replace(/\r\n?/g, '\n').replace(/\n$/, '')
  const tokens: Token[] = []
  let at = 0
  const lineAt = lineCounter(source)
  const push = (type: Token['type'], value: string, where: number): void => {
    tokens.push({ type, value, line: lineAt(where) })
  }
  const text = (end: number, sign: string, block: boolean): void => {
    const kept = trimmedBefore(source, at, end, sign, block)
    if (kept !== '') push('text', kept, at)
  }
  for (;;) {
    TAG.lastIndex = at
    const tag = TAG.exec(source)
    if (!tag) break
    const [whole, kind, sign] = tag as unknown as [string, string, string]
    const raw = kind === '%' ? match(RAW, source, tag.index) : null
    text(tag.index, sign, kind !== '{')
    if (raw) {
      at = afterTag(source, tag.index + raw[0].length, raw[1] === '-' ? '-' : '+')
      END_RAW.lastIndex = at
      const end = END_RAW.exec(source)
      if (!end) throw new SyntaxError(`line ${lineAt(tag.index)}: raw without endraw`)
      text(end.index, end[1] as string, true)
      at = afterTag(source, end.index + end[0].length, end[2] as string)
    } else if (kind === '#') {
      const end = source.indexOf('#}', tag.index + 2)
      if (end < 0) throw new SyntaxError(`line ${lineAt(tag.index)}: a comment is not closed`)
      at = afterTag(
        source,
        end + 2,
        /[-+]/.test(source[end - 1] as string) && end > tag.index + 2 ? (source[end - 1] as string) : '',
      )
    } else {
      push(kind === '%' ? 'blockBegin' : 'printBegin', whole, tag.index)
      at = tagTokens(source, tag.index + whole.length, kind === '%' ? '%}' : '}}', push)
    }
  }
  text(source.length, '+', false)
  return tokens
}

/** The text from `start` to a tag at `end` less what white space control takes away before the tag. */
function trimmedBefore(source: string, start: number, end: number, sign: string, block: boolean): string {
  const text = source.slice(start, end)
  if (sign === '-') return text.replace(new RegExp(`[${SPACE}]+$`), '')
  const line = text.lastIndexOf('\n') + 1
  const startsLine = line > 0 || start === 0 || source[start - 1] === '\n'
  const indented = startsLine && new RegExp(`^[${SPACE}]+$`).test(text.slice(line))
  return block && sign === '' && indented ? text.slice(0, line) : text
}

/** Where the text goes on after a tag that ended with this sign. */
function afterTag(source: string, end: number, sign: string): number {
  if (sign === '-') return end + (match(SKIPPED, source, end)?.[0].length ?? 0)
  return sign === '' && source[end] === '\n' ? end + 1 : end
}

/** Tokens from inside a tag up to its end; a closing brace ends it only where no bracket is open. */
function tagTokens(
  source: string,
  start: number,
  close: string,
  push: (type: Token['type'], value: string, where: number) => void,
): number {
  const open: string[] = []
  const print = close === '}}'
  for (let at = start; at < source.length; ) {
    at += match(SKIPPED, source, at)?.[0].length ?? 0
    const sign = /[-+]/.test(source[at] ?? '') && !(print && source[at] === '+') ? (source[at] as string) : ''
    if (open.length === 0 && source.startsWith(close, at + sign.length)) {
      push(print ? 'printEnd' : 'blockEnd', close, at)
      return afterTag(source, at + sign.length + 2, print && sign === '' ? '+' : sign)
    }
    const found = (
      [
        ['float', FLOAT],
        ['integer', INTEGER],
        ['name', NAME],
        ['string', STRING],
        ['operator', OPERATOR],
      ] as const
    ).find(([, pattern]) => match(pattern, source, at))
    if (!found) break
    const value = (match(found[1], source, at) as RegExpExecArray)[0]
    if ('([{'.includes(value)) open.push(value)
    else if (')]}'.includes(value) && open.pop() !== { ')': '(', ']': '[', '}': '{' }[value]) break
    push(found[0], value, at)
    at += value.length
  }
  const shown = JSON.stringify(source.slice(start, start + 40))
  throw new SyntaxError(
    `line ${source.slice(0, start).split('\n').length}: cannot read the tag that begins with ${shown}`,
  )
}

function match(pattern: RegExp, source: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at
  return pattern.exec(source)
}

function lineCounter(source: string): (at: number) => number {
  let line = 1
  let counted = 0
  return (at) => {
    for (; counted < at; counted++) if (source[counted] === '\n') line++
    return line
  }
}

const SIMPLE: Record<string, string> = {
  n: '\n',
  r: '\r',
  t: '\t',
  b: '\b',
  f: '\f',
  v: '\v',
  a: '\x07',
  "'": "'",
  '"': '"',
  '\\': '\\',
  '\n': '',
}

/** The value of a string literal, with Python's escapes; a backslash before any other character stays. */
export function unquote(literal: string): string {
  const escapes = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{1,3})|(.))/gs
  return literal.slice(1, -1).replace(escapes, (whole, x, u, U, octal, char) => {
    const hex = x ?? u ?? U
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16))
    if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8))
    return SIMPLE[char as string] ?? whole
  })
}
