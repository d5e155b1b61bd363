import { HoneError } from '../base/index.ts'
import { toByteLevel } from './byte-level.ts'
import { precompiledCharsmap } from './charsmap.ts'
import { compileReplace } from './pattern.ts'
import type { Component } from './tokenizer-json.ts'

/** Where in the text a stretch between special tokens stands. */
export interface Place {
  /** It begins where the whole text begins. */
  first: boolean
  /** It begins the text or follows a special token: not the continuation of a part. */
  fresh: boolean
}

export type Normalize = (text: string, place: Place) => string

/**
 * Compiles a tokenizer.json normalizer.
 * @throws HoneError E_TOKENIZER for a type that is not known.
 */
export function normalizer(spec: Component | null, file: string): Normalize {
  if (spec === null) return (text) => text
  const make = Object.hasOwn(makers, spec.type) ? makers[spec.type] : undefined
  if (!make) throw new HoneError('E_TOKENIZER', `${file}: the normalizer ${spec.type} is not supported`)
  return make(spec, file)
}

const makers: Record<string, (spec: Component, file: string) => Normalize> = {
  Sequence: ({ normalizers }, file) => {
    const steps = ((normalizers ?? []) as Component[]).map((step) => normalizer(step, file))
    return (text, place) => steps.reduce((current, step) => step(current, place), text)
  },
  NFC: () => (text) => text.normalize('NFC'),
  NFD: () => (text) => text.normalize('NFD'),
  NFKC: () => (text) => text.normalize('NFKC'),
  NFKD: () => (text) => text.normalize('NFKD'),
  Lowercase: () => lowerCase,
  StripAccents: () => (text) => text.replace(/\p{M}/gu, ''),
  ByteLevel: () => toByteLevel,
  Prepend:
    ({ prepend }) =>
    (text, { fresh }) =>
      text === '' || !fresh ? text : `${prepend}${text}`,
  Replace: ({ pattern, content }, file) => compileReplace(pattern, content, file),
  Strip:
    ({ strip_left: left, strip_right: right }) =>
    (text) => {
      const start = left ? text.replace(/^\p{White_Space}+/u, '') : text
      return right ? start.replace(/(?<!\p{White_Space})\p{White_Space}+$/u, '') : start
    },
  Precompiled: ({ precompiled_charsmap: map }, file) => precompiledCharsmap(map, file),
  BertNormalizer: ({ clean_text: clean, handle_chinese_chars: han, strip_accents: accents, lowercase }) => {
    const stripped = accents ?? lowercase
    return (text) => {
      let result = text
      // White space goes first: tab and line breaks are control characters too.
      if (clean)
        result = result
          .replace(/[\t\n\r]/g, ' ')
          .replace(/[\p{C}\ufffd]/gu, '')
          .replace(/\p{White_Space}/gu, ' ')
      if (han) result = result.replace(CJK, ' $& ')
      if (stripped) result = result.normalize('NFD').replace(/\p{Mn}/gu, '')
      return lowercase ? lowerCase(result) : result
    }
  },
}

const CJK =
  /[\u{4e00}-\u{9fff}\u{3400}-\u{4dbf}\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\u{f900}-\u{faff}\u{2f800}-\u{2fa1f}]/gu

/** Letter by letter: JavaScript alone would turn a final sigma into ς. */
const lowerCase = (text: string): string => text.replaceAll('Σ', 'σ').toLowerCase()
