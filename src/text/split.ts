import { HoneError } from '../base/index.ts'
import { toByteLevel } from './byte-level.ts'
import type { Place } from './normalize.ts'
import { compilePattern, literalPattern } from './pattern.ts'
import type { Component } from './tokenizer-json.ts'

/** Cuts a normalised stretch of text into the words that the model encodes one by one. */
export type Split = (text: string, place: Place) => string[]

export interface PreTokenizer {
  split: Split
  /** Whether the words are still to be spelled in the byte-level alphabet: left to the end so that they can be cached as text. */
  byteLevel: boolean
}

/**
 * Compiles a tokenizer.json pre-tokenizer.
 * @throws HoneError E_TOKENIZER for a type that is not known.
 */
export function preTokenizer(spec: Component | null, file: string): PreTokenizer {
  const steps = flatten(spec)
  const last = steps.at(-1)?.type === 'ByteLevel'
  const splits = steps.map((step, i) => compile(step, i === steps.length - 1, file))
  if (splits.length === 1) return { split: splits[0] as Split, byteLevel: last }
  return {
    byteLevel: last,
    split: (text, place) => {
      let words = [text]
      for (const split of splits) {
        words = words.flatMap((word, i) => split(word, i === 0 && text.startsWith(word) ? place : INSIDE))
      }
      return words
    },
  }
}

/** A word further on in its stretch: no continuation of a part, nor the beginning of the text. */
const INSIDE: Place = { first: false, fresh: true }

const flatten = (spec: Component | null): Component[] => {
  if (spec === null) return []
  return spec.type === 'Sequence' ? ((spec.pretokenizers ?? []) as Component[]).flatMap(flatten) : [spec]
}

function compile(spec: Component, isLast: boolean, file: string): Split {
  const make = Object.hasOwn(makers, spec.type) ? makers[spec.type] : undefined
  if (!make) throw new HoneError('E_TOKENIZER', `${file}: the pre-tokenizer ${spec.type} is not supported`)
  return make(spec, isLast, file)
}

const GPT2 =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu

const makers: Record<string, (spec: Component, isLast: boolean, file: string) => Split> = {
  ByteLevel: ({ add_prefix_space: prefix, use_regex: regex }, isLast) => {
    const cut = regex === false ? (text: string) => [text] : isolate(GPT2)
    const spell = isLast ? (words: string[]) => words : (words: string[]) => words.map(toByteLevel)
    return (text, { fresh }) => spell(cut(prefix !== false && fresh && !text.startsWith(' ') ? ` ${text}` : text))
  },
  Metaspace: ({ replacement, prepend_scheme: scheme, add_prefix_space: legacy, split }) => {
    const mark = typeof replacement === 'string' && replacement !== '' ? replacement : '▁'
    const prepend = scheme ?? (legacy === false ? 'never' : 'always')
    const cut = split === false ? (text: string) => [text] : behaviours.MergedWithNext(literalPattern(mark))
    return (text, { first, fresh }) => {
      const marked = text.replaceAll(' ', mark)
      const wanted = fresh && (prepend === 'always' || (prepend === 'first' && first))
      return cut(wanted && !marked.startsWith(mark) ? mark + marked : marked)
    }
  },
  Split: ({ pattern, behavior, invert }, _isLast, file) => {
    const make = Object.hasOwn(behaviours, String(behavior)) ? behaviours[behavior as Behaviour] : undefined
    if (!make) throw new HoneError('E_TOKENIZER', `${file}: the split behaviour ${behavior} is not known`)
    return make(compilePattern(pattern, file), invert === true)
  },
  Digits: ({ individual_digits: single }) =>
    single ? behaviours.Isolated(/\p{N}/gu) : behaviours.Contiguous(/\p{N}/gu),
  Punctuation: ({ behavior }, _isLast, file) => {
    const make = Object.hasOwn(behaviours, String(behavior)) ? behaviours[behavior as Behaviour] : undefined
    if (!make && behavior != null)
      throw new HoneError('E_TOKENIZER', `${file}: the split behaviour ${behavior} is not known`)
    return (make ?? behaviours.Isolated)(PUNCTUATION)
  },
  Whitespace: () =>
    behaviours.Removed(
      /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\p{White_Space}]+/gu,
      true,
    ),
  WhitespaceSplit: () => behaviours.Removed(/\p{White_Space}/gu),
  CharDelimiterSplit: ({ delimiter }) => behaviours.Removed(literalPattern(String(delimiter))),
  BertPreTokenizer: () => {
    const words = behaviours.Removed(/\p{White_Space}/gu)
    const marks = behaviours.Isolated(PUNCTUATION)
    return (text) => words(text).flatMap(marks)
  },
}

const PUNCTUATION = /[\p{P}!-/:-@[-`{-~]/gu

interface Piece {
  text: string
  match: boolean
}

/** The text cut at the matches of a pattern, matches and what lies between them, nothing empty. */
function pieces(text: string, pattern: RegExp, invert: boolean): Piece[] {
  const found: Piece[] = []
  let end = 0
  for (const match of text.matchAll(pattern)) {
    if (match[0] === '') continue
    if (match.index > end) found.push({ text: text.slice(end, match.index), match: invert })
    found.push({ text: match[0], match: !invert })
    end = match.index + match[0].length
  }
  if (end < text.length) found.push({ text: text.slice(end), match: invert })
  return found
}

/** `Isolated`, and quickly so where the pattern's matches make up the whole text, as those of the GPT family do. */
function isolate(pattern: RegExp): (text: string) => string[] {
  return (text) => {
    const words: string[] = text.match(pattern) ?? []
    let length = 0
    for (const word of words) length += word.length
    return length === text.length && !words.includes('')
      ? words
      : pieces(text, pattern, false).map((piece) => piece.text)
  }
}

type Behaviour = 'Removed' | 'Isolated' | 'Contiguous' | 'MergedWithPrevious' | 'MergedWithNext'

const behaviours: Record<Behaviour, (pattern: RegExp, invert?: boolean) => (text: string) => string[]> = {
  Removed:
    (pattern, invert = false) =>
    (text) =>
      pieces(text, pattern, invert).flatMap((piece) => (piece.match ? [] : [piece.text])),
  Isolated: isolate,
  Contiguous: (pattern, invert = false) => merged(pattern, invert, (before, piece) => before.match === piece.match),
  MergedWithPrevious: (pattern, invert = false) =>
    merged(pattern, invert, (before, piece) => piece.match && !before.match),
  MergedWithNext: (pattern, invert = false) => merged(pattern, invert, (before, piece) => before.match && !piece.match),
}

function merged(
  pattern: RegExp,
  invert: boolean,
  joins: (before: Piece, piece: Piece) => boolean,
): (text: string) => string[] {
  return (text) => {
    const words: string[] = []
    let before: Piece | undefined
    for (const piece of pieces(text, pattern, invert)) {
      if (before && joins(before, piece)) words[words.length - 1] += piece.text
      else words.push(piece.text)
      before = piece
    }
    return words
  }
}
