import { HoneError } from '../base/index.ts'

/**
 * The JavaScript form of a tokenizer.json pattern, `{String}` or `{Regex}`. Regexes there are in Oniguruma's Ruby syntax with
 * Unicode classes; JavaScript's `v` flag has nested classes and intersections too, the rest is rewritten.
 * @throws HoneError E_TOKENIZER when the pattern is missing or has no JavaScript form.
 */
export function compilePattern(pattern: unknown, file: string): RegExp {
  const { String: text, Regex: regex } = (pattern ?? {}) as { String?: unknown; Regex?: unknown }
  if (typeof text === 'string' && text !== '') return literalPattern(text)
  if (typeof regex !== 'string') throw new HoneError('E_TOKENIZER', `${file}: a pattern should be {String} or {Regex}`)
  try {
    return onigurumaToRegExp(regex)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new HoneError('E_TOKENIZER', `${file}: no JavaScript form for the pattern ${JSON.stringify(regex)}: ${why}`, {
      cause,
    })
  }
}

/** Replaces every match of a tokenizer.json pattern by a text, taken as it stands. */
export function compileReplace(pattern: unknown, content: unknown, file: string): (text: string) => string {
  const regex = compilePattern(pattern, file)
  const replacement = () => String(content ?? '')
  const { String: plain } = pattern as { String?: string }
  return plain === undefined
    ? (text) => text.replace(regex, replacement)
    : (text) => text.replaceAll(plain, replacement)
}

/** Matches a text as it stands, wherever it occurs. */
export function literalPattern(text: string): RegExp {
  return new RegExp(text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&'), 'gu')
}

/** @throws SyntaxError for what has no counterpart: back-references, options other than `i`, unknown properties. */
export function onigurumaToRegExp(source: string): RegExp {
  const insensitive = source.startsWith('(?i)')
  return new RegExp(translate(insensitive ? source.slice(4) : source, insensitive), 'gv')
}

const WORD = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}'
const HEX = '0-9a-fA-F'
/** Classes written by one letter; the capital letter is the complement. */
const CLASSES: Record<string, string> = { d: '\\p{Nd}', s: '\\p{White_Space}', w: WORD, h: HEX }
const CONTROLS: Record<string, string> = { n: '\\n', r: '\\r', t: '\\t', f: '\\f', v: '\\v', a: '\\x07', e: '\\x1b' }
const ANCHORS: Record<string, string> = {
  A: '(?<![\\s\\S])',
  z: '(?![\\s\\S])',
  Z: '(?=\\n?(?![\\s\\S]))',
  b: `(?:(?<=[${WORD}])(?![${WORD}])|(?<![${WORD}])(?=[${WORD}]))`,
  B: `(?:(?<=[${WORD}])(?=[${WORD}])|(?<![${WORD}])(?![${WORD}]))`,
}
const POSIX: Record<string, string> = {
  alnum: '\\p{Alphabetic}\\p{Nd}',
  alpha: '\\p{Alphabetic}',
  blank: '\\t\\p{Zs}',
  cntrl: '\\p{Cc}',
  digit: '\\p{Nd}',
  lower: '\\p{Lowercase}',
  punct: '\\p{P}\\p{S}',
  space: '\\p{White_Space}',
  upper: '\\p{Uppercase}',
  word: WORD,
  xdigit: HEX,
}

/** Before the atoms of a pattern: how a group opens. */
const GROUP = /\((?:\?(?:[:=!>]|<[=!]|i:))?/y
const QUANTIFIER = /[?*+]|\{(?:\d+(?:,\d*)?|,\d+)\}/y
/** An escape inside or outside a class: a property, a code point, or one character. */
const ESCAPE = /\\(?:([pP])\{(\^?)([^}]+)\}|x\{([0-9a-fA-F]+)\}|(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4})|(.))/suy

const at = (pattern: RegExp, source: string, i: number): RegExpExecArray | null => {
  pattern.lastIndex = i
  return pattern.exec(source)
}

function translate(source: string, insensitive: boolean): string {
  let out = ''
  let atom = -1
  let kept = 0
  let folds = insensitive
  const open: { start: number; close: string; folds: boolean }[] = []
  const emit = (text: string): void => {
    atom = out.length
    out += text
  }
  for (let i = 0; i < source.length; ) {
    const char = String.fromCodePoint(source.codePointAt(i) as number)
    if (char === '\\') {
      const found = at(ESCAPE, source, i)
      if (!found) throw new SyntaxError('it ends in a backslash')
      emit(translateEscape(found))
      i += found[0].length
    } else if (char === '[') {
      const { text, end } = translateClass(source, i)
      if (folds && /\p{L}/u.test(text.replace(/\\p\{[^}]*\}|\\./giu, ''))) {
        throw new SyntaxError('letters in a class that disregards case are not supported')
      }
      emit(text)
      i = end
    } else if (char === '(') {
      const [prefix] = at(GROUP, source, i) as RegExpExecArray
      if (source[i + prefix.length] === '?')
        throw new SyntaxError(`the group ${source.slice(i, i + 4)} is not supported`)
      open.push({ start: out.length, close: prefix === '(?>' ? `))\\k<kept${kept}>` : ')', folds })
      folds ||= prefix === '(?i:'
      out += prefix === '(' || prefix === '(?i:' ? '(?:' : prefix === '(?>' ? `(?=(?<kept${kept++}>` : prefix
      atom = -1
      i += prefix.length
    } else if (char === ')') {
      const group = open.pop()
      if (!group) throw new SyntaxError('a bracket closes that was not opened')
      out += group.close
      atom = group.start
      folds = group.folds
      i++
    } else if (atom >= 0 && at(QUANTIFIER, source, i)) {
      const [quantifier] = at(QUANTIFIER, source, i) as RegExpExecArray
      const next = source[i + quantifier.length]
      const repeated = out.slice(atom) + quantifier.replace('{,', '{0,')
      i += quantifier.length
      if (next !== '+' && next !== '*') {
        out = out.slice(0, atom) + repeated + (next === '?' ? '?' : '')
        i += next === '?' ? 1 : 0
        atom = next === '?' ? -1 : atom
      } else if (quantifier.length === 1 && next === '+') {
        // Possessive: what a look-ahead has matched is not given back.
        out = `${out.slice(0, atom)}(?=(?<kept${kept}>${repeated}))\\k<kept${kept}>`
        kept++
        i++
        atom = -1
      } else {
        out = `${out.slice(0, atom)}(?:${repeated})`
      }
    } else {
      if (char === '|') {
        out += char
        atom = -1
      } else emit(ATOMS[char] ?? (folds ? caseVariants(char) : quoted(char)))
      i += char.length
    }
  }
  if (open.length > 0) throw new SyntaxError('a bracket is not closed')
  return out
}

const ATOMS: Record<string, string> = { '.': '[^\\n]', '^': '(?<![^\\n])', $: '(?![^\\n])' }

/**
 * A letter in all its cases. Written out, since V8 lets the modifier of `(?i:…)` leak into `\p{…}` elsewhere in the pattern when
 * the flag is `v`.
 */
function caseVariants(char: string): string {
  const variants = new Set(
    [char, char.toLowerCase(), char.toUpperCase()].filter((text) => Array.from(text).length === 1),
  )
  if (/s/i.test(char)) variants.add('ſ')
  if (/k/i.test(char)) variants.add('\u212a')
  return variants.size === 1 ? quoted(char) : `[${[...variants].join('')}]`
}

/** Outside classes, only what JavaScript takes for syntax needs a backslash. */
const quoted = (char: string): string => (/[\^$\\.*+?()[\]{}|/]/.test(char) ? `\\${char}` : char)
const quotedInClass = (char: string): string => (/[\^$\\.*+?()[\]{}|/&\-!#%,:;<=>@`~]/.test(char) ? `\\${char}` : char)

function translateEscape(found: RegExpExecArray): string {
  const [, , , , , , char] = found
  if (char === undefined) return sharedEscape(found)
  if (Object.hasOwn(ANCHORS, char)) return ANCHORS[char] as string
  if (/[1-9kgGKRX]/.test(char)) throw new SyntaxError(`\\${char} is not supported`)
  return setEscape(char) ?? CONTROLS[char] ?? quoted(char)
}

function setEscape(char: string): string | undefined {
  const set = CLASSES[char.toLowerCase()]
  return set && (char === char.toLowerCase() ? `[${set}]` : `[^${set}]`)
}

/** Properties and code points, which read the same inside and outside a class. */
function sharedEscape([, property, negated, name, braced, fixed]: RegExpExecArray): string {
  if (braced !== undefined) return `\\u{${braced}}`
  if (fixed !== undefined) return `\\${fixed}`
  const complement = (property === 'P') !== (negated === '^')
  const posix = POSIX[(name as string).toLowerCase()]
  if (posix) return `[${complement ? '^' : ''}${posix}]`
  const known = [name, `Script=${name}`].find((candidate) => {
    try {
      return new RegExp(`\\p{${candidate}}`, 'v')
    } catch {
      return false
    }
  })
  if (!known) throw new SyntaxError(`the property ${name} is not known`)
  return `\\${complement ? 'P' : 'p'}{${known}}`
}

/** A character class from its `[` on: unions, ranges, nested classes, `[:posix:]` and intersections. */
function translateClass(source: string, start: number): { text: string; end: number } {
  const negated = source[start + 1] === '^'
  const first = start + (negated ? 2 : 1)
  const operands = ['']
  const add = (text: string): void => {
    operands[operands.length - 1] += text
  }
  /** Whether a `-` here would make a range: it stands after a single character that does not itself end one. */
  let canRange = false
  for (let i = first; i < source.length; ) {
    const char = String.fromCodePoint(source.codePointAt(i) as number)
    const posix = char === '[' ? at(/\[:(\^?)(\w+):\]/y, source, i) : null
    if (char === ']' && i > first) {
      const inner = operands.length > 1 ? operands.map((operand) => `[${operand}]`).join('&&') : (operands[0] as string)
      return { text: `[${negated ? '^' : ''}${inner}]`, end: i + 1 }
    }
    if (source.startsWith('&&', i)) {
      operands.push('')
      canRange = false
      i += 2
    } else if (posix) {
      const set = POSIX[posix[2] as string]
      if (!set) throw new SyntaxError(`${posix[0]} is not known`)
      add(`[${posix[1]}${set}]`)
      canRange = false
      i += posix[0].length
    } else if (char === '[') {
      const nested = translateClass(source, i)
      add(nested.text)
      canRange = false
      i = nested.end
    } else if (
      char === '-' &&
      canRange &&
      source[i + 1] !== ']' &&
      source[i + 1] !== '[' &&
      !source.startsWith('&&', i + 1)
    ) {
      const { text, end, single } = classCharacter(source, i + 1)
      if (!single) throw new SyntaxError('a range ends in a class')
      add(`-${text}`)
      canRange = false
      i = end
    } else {
      const { text, end, single } = classCharacter(source, i)
      add(text)
      canRange = single
      i = end
    }
  }
  throw new SyntaxError('a class is not closed')
}

function classCharacter(source: string, i: number): { text: string; end: number; single: boolean } {
  const found = at(ESCAPE, source, i)
  if (!found) {
    const char = String.fromCodePoint(source.codePointAt(i) ?? 0x5c)
    return { text: quotedInClass(char), end: i + char.length, single: true }
  }
  const end = i + found[0].length
  const char = found[6]
  if (char === undefined) return { text: sharedEscape(found), end, single: found[1] === undefined }
  const set = setEscape(char)
  const text = set ?? (char === 'b' ? '\\x08' : (CONTROLS[char] ?? quotedInClass(char)))
  return { text, end, single: set === undefined }
}
