import { HoneError } from '../base/index.ts'
import type { Message, RenderOptions } from './types.ts'

export interface Span {
  text: string
  trained: boolean
}

/** Renders messages, with sentinels around what the template marks as generated. */
export type RenderMarked = (
  messages: Message[],
  options: RenderOptions,
  marks?: { open: string; close: string },
) => string

export interface Conversation {
  messages: Message[]
  options: RenderOptions
  /** Texts of the tokens at which generation stops. */
  stops: string[]
  /** Whether the template has `{% generation %}` marks. */
  marked: boolean
  render: RenderMarked
}

/**
 * A conversation's rendering, cut where what an assistant wrote begins and ends.
 *
 * With `{% generation %}` marks the trained spans are what the marks enclose, to the character, as the assistant mask of
 * `transformers`. Without them a turn runs from the end of its generation prompt to its last stop token; white space behind that
 * token belongs to the turn that follows, since a sampler stops before it.
 * @throws HoneError E_TEMPLATE_MASK, E_MASK_EMPTY
 */
export function spansOf(conversation: Conversation): Span[] {
  const { messages, options, marked, render } = conversation
  const turns = messages.flatMap(({ role }, i) => (role === 'assistant' ? [i] : []))
  const learnt = turns.filter((turn) => messages[turn]?.train !== false)
  if (learnt.length === 0) {
    const why = turns.length === 0 ? 'has no assistant turn' : 'marks every assistant turn with "train": false'
    throw new HoneError('E_MASK_EMPTY', `the conversation ${why}: there is nothing to learn from`)
  }
  const text = render(messages, options)
  const ranges = marked ? markedRanges(conversation, text, turns) : prefixRanges(conversation, text, learnt)
  const spans = cut(text, ranges)
  if (spans.some(({ trained }) => trained)) return spans
  throw new HoneError('E_MASK_EMPTY', 'the chat template renders no text for the assistant turns', {
    help: 'Use a template that prints what the assistant says, for example template=chatml.',
  })
}

type Range = [start: number, end: number]

function cut(text: string, ranges: Range[]): Span[] {
  const spans: Span[] = []
  let done = 0
  const add = (end: number, trained: boolean): void => {
    const last = spans.at(-1)
    if (end <= done) return
    if (last?.trained === trained) last.text += text.slice(done, end)
    else spans.push({ text: text.slice(done, end), trained })
    done = end
  }
  for (const [start, end] of ranges) {
    add(start, false)
    add(end, true)
  }
  add(text.length, false)
  return spans
}

/** Ranges that the template encloses in generation marks: sentinels are printed around them and looked up in the rendering. */
function markedRanges({ messages, options, render }: Conversation, text: string, turns: number[]): Range[] {
  // Noncharacters, which no text of the world has: the first pair that is not in this one either.
  const pairs = Array.from({ length: 16 }, (_, i) =>
    [0xfdd0 + 2 * i, 0xfdd1 + 2 * i].map((code) => String.fromCharCode(code)),
  )
  const [open, close] = (pairs.find((pair) => !pair.some((char) => text.includes(char))) ?? pairs[0]) as [
    string,
    string,
  ]
  const found: Range[] = []
  let plain = ''
  let start = -1
  const disordered = (): never => {
    throw new HoneError('E_TEMPLATE_MASK', 'the generation marks of the chat template open and close out of order')
  }
  for (const part of render(messages, options, { open, close }).split(new RegExp(`([${open}${close}])`))) {
    if (part === open) {
      if (start >= 0) disordered()
      start = plain.length
    } else if (part === close) {
      if (start < 0) disordered()
      found.push([start, plain.length])
      start = -1
    } else plain += part
  }
  if (start >= 0) disordered()
  if (plain !== text) {
    throw new HoneError(
      'E_TEMPLATE_MASK',
      `the chat template renders another text with its generation marks than without: ${difference(text, plain)}`,
      {
        help: 'The text between the marks is changed after it is put together; move the marks to where it is printed.',
      },
    )
  }
  if (turns.every((turn) => messages[turn]?.train !== false)) return found
  if (found.length === turns.length) return found.filter((_, i) => messages[turns[i] as number]?.train !== false)
  throw new HoneError(
    'E_TEMPLATE_MASK',
    `the chat template marks ${found.length} passages for ${turns.length} assistant turns, so "train": false cannot be applied`,
    { help: 'Leave "train" out, or use a template that marks each assistant turn once.' },
  )
}

/**
 * Ranges found by rendering the conversation up to each turn and through it: the first must begin the second, and the second, up to
 * the turn's end, the whole. What a template adds only at its very end (an end-of-text token) stands behind the turn's end.
 */
function prefixRanges({ messages, options, stops, render }: Conversation, text: string, turns: number[]): Range[] {
  const ending = turnEnding(stops)
  return turns.map((turn) => {
    const until = (count: number, addGenerationPrompt: boolean): string =>
      attempt(turn, () => render(messages.slice(0, count), { ...options, addGenerationPrompt }))
    const prompt = until(turn, true)
    const through = until(turn + 1, false)
    if (!through.startsWith(prompt))
      throw inconsistent(turn, 'does not begin with its generation prompt', prompt, through)
    const tail = ending.exec(through.slice(prompt.length))
    const end = tail ? prompt.length + tail.index + (tail[1] as string).length : through.length
    const ended = through.slice(0, end)
    if (!text.startsWith(ended)) throw inconsistent(turn, 'is rendered otherwise once more turns follow', ended, text)
    return [prompt.length, end]
  })
}

/** The stop tokens that end a turn, with nothing but white space and further stop tokens behind them. */
function turnEnding(stops: string[]): RegExp {
  const longestFirst = stops.filter(Boolean).toSorted((a, b) => b.length - a.length)
  const stop = longestFirst.map((token) => token.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')).join('|')
  return stop ? new RegExp(`((?:${stop})+)(?:\\s|${stop})*$`) : /(?!)/
}

function attempt(turn: number, run: () => string): string {
  try {
    return run()
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new HoneError('E_TEMPLATE_MASK', `message ${turn + 1} cannot be told apart from the conversation: ${why}`, {
      cause,
      help: 'Use a template with {% generation %} marks around what the assistant writes.',
    })
  }
}

function inconsistent(turn: number, what: string, expected: string, got: string): HoneError {
  return new HoneError('E_TEMPLATE_MASK', `message ${turn + 1} (assistant) ${what}: ${difference(expected, got)}`, {
    help: 'Keep this turn out of the loss with "train": false, end the conversation with it, or use a template with {% generation %} marks.',
  })
}

/** Where two texts part, with a little of each. */
function difference(expected: string, got: string): string {
  let at = 0
  while (at < expected.length && expected[at] === got[at]) at++
  const show = (text: string): string => JSON.stringify(text.slice(Math.max(0, at - 20), at + 40))
  return `at character ${at} ${show(expected)} became ${show(got)}`
}
