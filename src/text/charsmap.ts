import { HoneError } from '../base/index.ts'

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const encoder = new TextEncoder()

/** More bytes than this and a grapheme is looked up character by character, as the reference does. */
const LONGEST_GRAPHEME = 5

/**
 * SentencePiece's precompiled character map: a darts-clone double-array trie from byte sequences to offsets into a block of
 * zero-terminated replacements. Layout: u32 length of the trie in bytes, its u32 units, the replacements.
 * @throws HoneError E_TOKENIZER when the lengths do not fit.
 */
export function precompiledCharsmap(base64: unknown, file: string): (text: string) => string {
  const bytes = fromBase64(base64, file)
  const view = new DataView(bytes.buffer)
  const trieBytes = bytes.length >= 4 ? view.getUint32(0, true) : 0
  if (bytes.length < 4 || trieBytes % 4 !== 0 || trieBytes > bytes.length - 4) {
    throw new HoneError(
      'E_TOKENIZER',
      `${file}: the precompiled character map is damaged: its trie does not fit into it`,
    )
  }
  const units = Uint32Array.from({ length: trieBytes / 4 }, (_, i) => view.getUint32(4 + i * 4, true))
  const block = bytes.subarray(4 + trieBytes)
  const memory = new Map<string, string | null>()

  /** The replacement of the shortest prefix that the map knows, null if it knows none. */
  const lookUp = (text: string): string | null => {
    const known = memory.get(text)
    if (known !== undefined) return known
    const at = firstMatch(units, encoder.encode(text))
    let end = at
    while (end >= 0 && end < block.length && block[end] !== 0) end++
    const found = at < 0 || at > block.length ? null : decoder.decode(block.subarray(at, end))
    if (memory.size > 10_000) memory.clear()
    memory.set(text, found)
    return found
  }

  const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' })
  const bySegments = (text: string): string => {
    let result = ''
    for (const { segment } of graphemes.segment(text)) {
      const whole = encoder.encode(segment).length <= LONGEST_GRAPHEME ? lookUp(segment) : null
      if (whole !== null) result += whole
      else for (const char of segment) result += lookUp(char) ?? char
    }
    return result
  }
  // Segmenting is slow and printable ASCII is as a rule left alone, unless a combining mark follows.
  const plain = Array.from({ length: 95 }, (_, i) => String.fromCharCode(0x20 + i)).every(
    (char) => (lookUp(char) ?? char) === char,
  )
  return (text) => (plain ? text.replace(OUTSIDE_ASCII, bySegments) : bySegments(text))
}

const OUTSIDE_ASCII = /[\x20-\x7e]?[^\x20-\x7e]+/g

/** Offset of the value stored under the shortest matching prefix of `key`, −1 if there is none. */
function firstMatch(units: Uint32Array, key: Uint8Array): number {
  const offset = (unit: number): number => (unit >>> 10) << ((unit & 0x200) >>> 6)
  if (units.length === 0) return -1
  let node = offset(units[0] as number)
  for (const byte of key) {
    node ^= byte
    const unit = units[node]
    // The label is the low byte; bit 31 marks a value unit, which no byte leads to.
    if (unit === undefined || (unit & 0x800000ff) >>> 0 !== byte) return -1
    node ^= offset(unit)
    if ((unit & 0x100) !== 0) return ((units[node] ?? 0x7fffffff) & 0x7fffffff) >>> 0
  }
  return -1
}

function fromBase64(text: unknown, file: string): Uint8Array<ArrayBuffer> {
  try {
    if (typeof text === 'string') return Uint8Array.from(atob(text), (char) => char.charCodeAt(0))
  } catch {}
  throw new HoneError('E_TOKENIZER', `${file}: precompiled_charsmap should be base64`)
}
