import type { Tokenizer } from '../text/types.ts'

/** Follows a completion's text as it grows and notices a stop text, also one that crosses token borders. */
export interface StopWatch {
  /** Takes the next token; true when a stop text is complete. */
  push(id: number): boolean
  /** The text so far, cut before the stop text. */
  text(): string
}

export function createStopWatch(tokenizer: Tokenizer | null, stops: readonly string[]): StopWatch {
  const stream = tokenizer?.stream({ skipSpecial: true })
  const longest = stops.reduce((most, stop) => Math.max(most, stop.length), 0)
  let text = ''
  let cut = false
  return {
    push(id) {
      const piece = stream?.push(id) ?? ''
      if (piece === '') return cut
      const from = Math.max(0, text.length - longest + 1)
      text += piece
      const found = stops.map((stop) => text.indexOf(stop, from)).filter((at) => at >= 0)
      if (found.length > 0) {
        text = text.slice(0, Math.min(...found))
        cut = true
      }
      return cut
    },
    text() {
      if (!cut) text += stream?.flush() ?? ''
      return text
    },
  }
}
