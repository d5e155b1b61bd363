/** Characters from the end of a completion that are searched for its answer. */
const SEARCHED = 100_000

/** Boxes from the end that are looked at, those that are cut off or empty included. */
const MAX_BOXES = 16
const box = /\\(?:boxed|fbox)/g

/** An answer longer than this is none. */
export const MAX_ANSWER = 2000

export interface FinalAnswer {
  answer: string
  /** Where it was found, for people. */
  where: string
}

/**
 * The final answer of a completion: the last \boxed{…} or \fbox{…}, else what follows the last `####`, else the last "answer is",
 * "answer:" or "final answer", else the last formula or number of the last line; a short text of one line is an answer by itself.
 * What stands before `</think>` does not count, and within `<answer>…</answer>` only that does. Linear in the text.
 */
export function extractAnswer(completion: string): FinalAnswer | null {
  let text = completion.slice(-SEARCHED)
  const thought = text.lastIndexOf('</think>')
  if (thought >= 0) text = text.slice(thought + 8)
  const close = text.lastIndexOf('</answer>')
  const open = close < 0 ? -1 : text.lastIndexOf('<answer>', close)
  const isTagged = open >= 0
  if (isTagged) text = text.slice(open + 8, close)
  const found = marked(text) ?? (isTagged ? whole(text, '<answer>') : unmarked(text))
  return found && found.answer.length <= MAX_ANSWER ? found : null
}

/** The answer of a reference: a box or `####` where there is one, as solutions of MATH and GSM8K have it, else all of it. */
export function extractReference(reference: string): string {
  const text = reference.slice(-SEARCHED)
  return (boxed(text) ?? afterHashes(text))?.answer ?? reference.trim()
}

const marked = (text: string) => boxed(text) ?? afterHashes(text) ?? afterPhrase(text)

function whole(text: string, where: string): FinalAnswer | null {
  const answer = bare(text)
  return answer === '' ? null : { answer, where }
}

function boxed(text: string): FinalAnswer | null {
  const starts = Array.from(text.matchAll(box), (match) => match.index + match[0].length)
  for (const start of starts.slice(-MAX_BOXES).reverse()) {
    const answer = argument(text, start)?.trim()
    if (answer) return { answer, where: 'boxed' }
  }
  return null
}

/** A braced argument with braces in it, or the one piece behind a space; null where the brace is never closed. */
function argument(text: string, start: number): string | null {
  let at = start
  while (text[at] === ' ') at++
  if (text[at] !== '{') return at > start ? (/^[^\s$]+/.exec(text.slice(at, at + MAX_ANSWER))?.[0] ?? null) : null
  let depth = 0
  for (let i = at; i < Math.min(text.length, at + MAX_ANSWER + 2); i++) {
    if (text[i] === '\\') i++
    else if (text[i] === '{') depth++
    else if (text[i] === '}' && --depth === 0) return text.slice(at + 1, i)
  }
  return null
}

function afterHashes(text: string): FinalAnswer | null {
  const at = text.lastIndexOf('####')
  if (at < 0) return null
  return whole(
    text
      .slice(at + 4)
      .trimStart()
      .split('\n', 1)[0],
    '####',
  )
}

const phrase = /(?:final\s{1,3}answer|\banswer|答案)(?:\s{1,3}is|\s?[:：]|\*{0,2}\s?[:：]|\s{1,3}=|是|为)/gi

function afterPhrase(text: string): FinalAnswer | null {
  let at = -1
  for (const match of text.matchAll(phrase)) at = match.index + match[0].length
  if (at < 0) return null
  const rest = text.slice(at, at + 2 * MAX_ANSWER).replace(/^[\s:：*_]+/, '')
  return whole(sentence(rest), 'phrase')
}

/** Up to the end of the sentence or line; a formula at its beginning is taken alone. */
function sentence(text: string): string {
  const formula = formulas(text)[0]
  if (formula?.start === 0) return text.slice(0, formula.end)
  return text.split(/\n|[.!?。](?=\s|$)|,?\s(?:because|since|so that|as we)\s/, 1)[0]
}

interface Span {
  start: number
  end: number
}

const delimiters: readonly (readonly [string, string])[] = [
  ['$$', '$$'],
  ['$', '$'],
  ['\\(', '\\)'],
  ['\\[', '\\]'],
]

/** A price in a sentence. */
const money = /^\$\s?\d[\d,.]{0,20}\s+[a-z]{2,}\s/i

/** The formulas between $…$, \(…\) or \[…\]; a dollar sign before a number and words is money. */
function formulas(text: string): Span[] {
  const found: Span[] = []
  for (let at = 0; at < text.length; ) {
    const pair = delimiters.find(([open]) => text.startsWith(open, at) && text[at - 1] !== '\\')
    if (!pair || money.test(text.slice(at, at + 60))) {
      at++
      continue
    }
    const [open, close] = pair
    let end = text.indexOf(close, at + open.length)
    while (end > 0 && close[0] === '$' && text[end - 1] === '\\') end = text.indexOf(close, end + 1)
    if (end < 0) {
      at += open.length
      continue
    }
    found.push({ start: at, end: end + close.length })
    at = end + close.length
  }
  return found
}

const numeral = /[-−]?[$€£]?\d[\d,]{0,40}(?:\.\d{1,40})?(?:\s?\/\s?\d{1,40})?%?/g

function unmarked(text: string): FinalAnswer | null {
  const trimmed = text.trim()
  // A box that is empty or cut off is an answer that was not given.
  if (trimmed.search(box) >= 0) return null
  const last = trimmed.slice(trimmed.lastIndexOf('\n') + 1).slice(-2 * MAX_ANSWER)
  const isShort = trimmed.length <= 200 && (!trimmed.includes('\n') || closesMore(last))
  const isSentence = /[a-z]{2,}\s+[a-z]{2,}\s+[a-z]{2,}/i.test(trimmed.replace(/\\text\{[^{}]{0,200}\}/g, ''))
  if (isShort && !isSentence) return whole(trimmed, 'whole')
  const formula = formulas(last).at(-1)
  if (formula) return whole(last.slice(formula.start, formula.end), 'last formula')
  const number = [...last.matchAll(numeral)].at(-1)?.[0]
  if (number !== undefined) return whole(number.replace(/,+$/, ''), 'last number')
  return isShort ? whole(trimmed, 'whole') : null
}

/** Whether a line ends what one above it began. */
const closesMore = (line: string) =>
  line.split('}').length > line.split('{').length || (line.includes('\\end{') && !line.includes('\\begin{'))

/** Without the marks of mathematics and emphasis around it. */
function bare(text: string): string {
  let answer = text.trim()
  for (;;) {
    const before = answer
    answer = answer.replace(/^[*_`]{1,3}|[*_`]{1,3}$/g, '').trim()
    for (const [open, close] of delimiters) {
      const isWrapped = answer.length >= open.length + close.length && answer.startsWith(open) && answer.endsWith(close)
      if (isWrapped && answer.indexOf(close, open.length) === answer.length - close.length)
        answer = answer.slice(open.length, -close.length).trim()
    }
    const stopped = answer.replace(/(?<=[^.])\.$/, '')
    if (stopped !== answer) answer = stopped.trim()
    if (answer === before) return answer
  }
}
