import { CHATML_TEMPLATE, type ChatTemplate, chatTemplate, type Tokenizer } from '../src/text/index.ts'

const SPECIAL = ['<s>', '</s>', '<|im_start|>', '<|im_end|>']
const BYTES = SPECIAL.length
const WORDS = BYTES + 256

/** A tokenizer small enough to count by hand: specials, then bytes, then ' a' … ' z', a space merged with its letter. */
export function fakeTokenizer(options: { addBos?: boolean; eos?: boolean } = {}): Tokenizer {
  const { addBos = true, eos = true } = options
  const encode = (text: string, { special = true }: { special?: boolean } = {}): number[] => {
    const pieces = special ? text.split(/(<s>|<\/s>|<\|im_start\|>|<\|im_end\|>)/) : [text]
    return pieces.flatMap((piece) => {
      if (special && SPECIAL.includes(piece)) return [SPECIAL.indexOf(piece)]
      const bytes = new TextEncoder().encode(piece)
      const ids: number[] = []
      for (let i = 0; i < bytes.length; i++) {
        const next = bytes[i + 1]
        if (bytes[i] === 0x20 && next >= 0x61 && next <= 0x7a) ids.push(WORDS + bytes[++i] - 0x61)
        else ids.push(BYTES + bytes[i])
      }
      return ids
    })
  }
  const bytesOf = (id: number): number[] => {
    if (id < BYTES) return [...new TextEncoder().encode(SPECIAL[id])]
    return id < WORDS ? [id - BYTES] : [0x20, id - WORDS + 0x61]
  }
  const decode = (ids: ArrayLike<number>) => new TextDecoder().decode(Uint8Array.from(Array.from(ids).flatMap(bytesOf)))
  return {
    vocabSize: WORDS + 26,
    bos: 0,
    eos: eos ? 1 : null,
    pad: null,
    addBos,
    fingerprint: 'fake',
    encode,
    encodeParts: (parts, settings) => parts.map((part) => encode(part, settings)),
    decode,
    idOf: (token) => encode(token).at(0),
    tokenOf: (id) => decode([id]),
    isSpecial: (id) => id < BYTES,
    stream() {
      const decoder = new TextDecoder()
      return {
        push: (id) => decoder.decode(Uint8Array.from(bytesOf(id)), { stream: true }),
        flush: () => decoder.decode(),
      }
    },
    files: () => [],
  }
}

export const chatml = (): ChatTemplate => chatTemplate(CHATML_TEMPLATE, { stopTokens: ['<|im_end|>'] })
