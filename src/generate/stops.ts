import type { Tokenizer } from '../text/types.ts'

/** Follows a completion's text as it grows and notices a stop text, also one that crosses token borders. */
export interface StopWatch {
  /** Takes the next token; true when a stop text is complete. */
  push(id: number): boolean
  /** Says that no token follows. */
  end(): void
  /** The text so far, cut before the stop text. */
  text(): string
  /** What has been added since the last call and can no longer be part of a stop text that is cut off. */
  settled(): string
}

export function createStopWatch(tokenizer: Tokenizer | null, stops: readonly string[]): StopWatch {
  const stream = tokenizer?.stream({ skipSpecial: true })
  const longest = stops.reduce((most, stop) => Math.max(most, stop.length), 0)
  let text = ''
  let cut = false
  let ended = false
  let given = 0
  /** Characters at the end of the text with which a stop text may have begun. */
  const open = () => {
    for (let length = Math.min(longest - 1, text.length); length > 0; length--) {
      const tail = text.slice(-length)
      if (stops.some((stop) => stop.startsWith(tail))) return length
    }
    return 0
  }
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
    end() {
      if (!cut && !ended) text += stream?.flush() ?? ''
      ended = true
    },
    text: () => text,
    settled() {
      const until = cut || ended ? text.length : text.length - open()
      const more = text.slice(given, until)
      given = Math.max(given, until)
      return more
    },
  }
}
