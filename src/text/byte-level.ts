/**
 * GPT-2's alphabet: each byte as a printable character, so that byte-level vocabularies can be written as text. Printable
 * Latin-1 stands for itself, the other 68 bytes take U+0100 onwards in order (Radford 2019, encoder.py of the release).
 */
export const byteToChar: readonly string[] = (() => {
  const printable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae
  let next = 0x100
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++))
})()

/** The byte that a character code of the alphabet stands for, −1 for the codes that stand for none. */
export const charToByte: Int16Array = (() => {
  const table = new Int16Array(0x144).fill(-1)
  byteToChar.forEach((char, byte) => {
    table[char.charCodeAt(0)] = byte
  })
  return table
})()

const encoder = new TextEncoder()

/** A text's UTF-8 bytes in the alphabet. */
export function toByteLevel(text: string): string {
  let result = ''
  for (const byte of encoder.encode(text)) result += byteToChar[byte]
  return result
}

/** The bytes that a token spells, or null if a character of it is outside the alphabet. */
export function fromByteLevel(token: string): Uint8Array | null {
  const bytes = new Uint8Array(token.length)
  for (let i = 0; i < token.length; i++) {
    const code = token.charCodeAt(i)
    const byte = code < charToByte.length ? (charToByte[code] as number) : -1
    if (byte < 0) return null
    bytes[i] = byte
  }
  return bytes
}

/** The byte of a byte-fallback token such as `<0x0A>`, −1 for any other token. */
export function fallbackByte(token: string): number {
  return token.length === 6 && /^<0x[0-9A-Fa-f]{2}>$/.test(token) ? Number.parseInt(token.slice(3, 5), 16) : -1
}

/** Ids of the 256 byte-fallback tokens, or null if the vocabulary lacks one. */
export function fallbackIds(idOf: (token: string) => number | undefined): Int32Array | null {
  const ids = new Int32Array(256)
  for (let byte = 0; byte < 256; byte++) {
    const id = idOf(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`)
    if (id === undefined) return null
    ids[byte] = id
  }
  return ids
}
