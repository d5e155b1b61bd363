import { fallbackByte, fromByteLevel } from './byte-level.ts'
import type { Stage } from './decode.ts'

const encoder = new TextEncoder()

/** Byte-level tokens to text: bytes are gathered and decoded together, an incomplete character waits for its rest. */
export function utf8Bytes(): Stage {
  const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
  let bytes = new Uint8Array(64)
  let size = 0
  return {
    push: (piece, added) => {
      const piece8 = (added ? null : fromByteLevel(piece)) ?? encoder.encode(piece)
      if (size + piece8.length > bytes.length) {
        const wider = new Uint8Array(Math.max(bytes.length * 2, size + piece8.length))
        wider.set(bytes)
        bytes = wider
      }
      bytes.set(piece8, size)
      size += piece8.length
    },
    drain: (end) => {
      const text = utf8.decode(bytes.subarray(0, size), { stream: !end })
      size = 0
      return [text]
    },
  }
}

/**
 * Byte-fallback tokens to text. A byte that is part of no character becomes U+FFFD, one for each; characters around it are
 * kept, where the reference gives up the whole run of byte tokens.
 */
export function byteRuns(): Stage {
  let ready: string[] = []
  let run: number[] = []
  const settle = (end: boolean): void => {
    while (run.length > 0) {
      const length = sequenceLength(run)
      if (length < 0 && !end) return
      ready.push(
        length > 0
          ? new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(run.slice(0, length)))
          : '\ufffd',
      )
      run = run.slice(Math.max(length, 1))
    }
  }
  return {
    push: (piece, added) => {
      const byte = added ? -1 : fallbackByte(piece)
      if (byte >= 0) run.push(byte)
      settle(byte < 0)
      if (byte < 0) ready.push(piece)
    },
    drain: (end) => {
      if (end) settle(true)
      const pieces = ready
      ready = []
      return pieces
    },
  }
}

/** Length of the UTF-8 sequence that the bytes begin with: 0 if they begin none, −1 if it is not yet complete (RFC 3629, section 4). */
function sequenceLength(bytes: number[]): number {
  const lead = bytes[0] as number
  const length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0
  for (let i = 1; i < length; i++) {
    const byte = bytes[i]
    if (byte === undefined) return -1
    const low = i > 1 ? 0x80 : lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
    const high = i > 1 ? 0xbf : lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
    if (byte < low || byte > high) return 0
  }
  return length
}
