import type { TokenizerConfig } from './config.ts'
import type { AddedToken, Component, TokenizerJson } from './tokenizer-json.ts'

/** How Qwen 2 and 2.5 cut text into words: contractions in any case, single digits, line breaks apart. */
export const QWEN2_PATTERN =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

/**
 * The tokenizer.json form of `vocab.json` and `merges.txt`, byte-level BPE. The files do not say how text is cut into words: Qwen's
 * pattern for `Qwen2Tokenizer`, GPT-2's for all others.
 */
export function byteLevelJson(
  vocab: Record<string, unknown>,
  merges: string,
  added: Record<string, unknown>,
  config: TokenizerConfig,
): TokenizerJson {
  const qwen = config.tokenizer_class?.startsWith('Qwen2') ?? false
  const lines = merges.split(/\r?\n/).filter((line, i) => line !== '' && !(i === 0 && line.startsWith('#version')))
  return {
    version: '1.0',
    added_tokens: Object.entries(added).map(([content, id]) => plainToken(content, id as number)),
    normalizer: qwen ? { type: 'NFC' } : null,
    pre_tokenizer: qwen ? splitAndBytes(QWEN2_PATTERN) : bytes(config.add_prefix_space === true, true),
    post_processor: null,
    decoder: bytes(false, true),
    model: { type: 'BPE', vocab: vocab as Record<string, number>, merges: lines },
  }
}

/** Cut by a pattern, then spell the words in the byte-level alphabet. */
export function splitAndBytes(pattern: string): Component {
  const split = { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false }
  return { type: 'Sequence', pretokenizers: [split, bytes(false, false)] }
}

export function bytes(addPrefixSpace: boolean, useRegex: boolean): Component {
  return { type: 'ByteLevel', add_prefix_space: addPrefixSpace, trim_offsets: true, use_regex: useRegex }
}

const plainToken = (content: string, id: number): AddedToken => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: false,
})
