import { type Draw, draws, families, LEXICON, trainAsks } from '../../src/envs/index.ts'
import { FOLLOWING, FRAMES, NAMES, ONSETS, PHRASES, REQUESTS, RIMES } from './phrases.ts'

/** How the members of a list are kept apart in a document. */
const SEPARATORS = [', ', ', ', ', ', ', ', ' ', ' ; ', ' - ', ' / ']

const heldOut = new Set(LEXICON['held-out'])

function inventWord(draw: Draw): string {
  const parts = 1 + draw.below(2)
  const word = Array.from({ length: parts }, () => draw.pick(ONSETS) + draw.pick(RIMES)).join('')
  return heldOut.has(word) ? inventWord(draw) : word
}

/** Words for one document: of the training lexicon or of the pool, some of them invented. */
function wordsFor(draw: Draw, pool: readonly string[]): string[] {
  const known = draw.some(draw.chance(0.5) ? LEXICON.train : pool, 30)
  const share = draw.pick([0, 0, 0, 0, 0.1, 0.4])
  return known.map((word) => (draw.chance(share) ? inventWord(draw) : word))
}

/**
 * The words of running text that lists of skill text are drawn from besides the training lexicon, so that its operations
 * are learnt for words of all kinds: the most frequent ones in lower case, but for the held-out ones.
 */
export function wordPool(texts: readonly string[], size = 8000): string[] {
  const counts = new Map<string, number>()
  for (const text of texts) {
    for (const [word] of text.matchAll(/(?<![\w'-])[a-z]{3,10}(?![\w'-])/g))
      counts.set(word, (counts.get(word) ?? 0) + 1)
  }
  const known = [...counts].filter(([word]) => !heldOut.has(word))
  // Equal counts fall back on the alphabet, so that the pool does not depend on the order of the texts.
  const order = known.sort(([a, left], [b, right]) => right - left || (a < b ? -1 : 1))
  return order.slice(0, size).map(([word]) => word)
}

function fill(template: string, slots: Record<string, string | undefined>): string {
  return template.replace(/\{(\w+)\}/g, (whole, slot: string) => slots[slot] ?? whole)
}

interface Line {
  frame: string
  noun: string
}

/** One worked line of a family: the phrase is filled first, then the frame. */
function worked(draw: Draw, family: number, words: string[], separator: string, line: Line): string {
  const drawn = families[family].draw(draw, words)
  const noun = fill(line.noun, { a: drawn.a, b: drawn.b, n: drawn.n })
  const [name, other] = draw.some(NAMES, 2)
  const list = drawn.list.replaceAll(', ', separator)
  const answer = drawn.answer.replaceAll(', ', separator)
  return fill(line.frame, { list, noun, ask: noun, answer, name, other })
}

/** A frame with a phrase for it: of a statement, or of a story about a request. */
function newLine(draw: Draw, family: number): Line {
  if (draw.chance(0.4)) return { frame: draw.pick(REQUESTS), noun: draw.pick(trainAsks(families[family])) }
  return { frame: draw.pick(FRAMES), noun: draw.pick(PHRASES[families[family].id]) }
}

/** Many operations, one line each: a page of a notebook in which every line has its own frame. */
function mixedPage(draw: Draw, pool: readonly string[]): string[] {
  const words = wordsFor(draw, pool)
  return Array.from({ length: 4 + draw.below(6) }, () => {
    const family = draw.below(families.length)
    return worked(draw, family, words, draw.pick(SEPARATORS), newLine(draw, family))
  })
}

/** One operation in one frame, several times: the pattern can be read off the lines above. */
function drillPage(draw: Draw, pool: readonly string[]): string[] {
  const words = wordsFor(draw, pool)
  const family = draw.below(families.length)
  const line = newLine(draw, family)
  const separator = draw.pick(SEPARATORS)
  return Array.from({ length: 4 + draw.below(5) }, () => worked(draw, family, words, separator, line))
}

/** One list, and several operations on it. */
function studyPage(draw: Draw, pool: readonly string[]): string[] {
  const words = draw.some(wordsFor(draw, pool), 3 + draw.below(4))
  const [name, other] = draw.some(NAMES, 2)
  const separator = draw.pick(SEPARATORS)
  const frame = draw.pick(FOLLOWING)
  const list = words.join(separator)
  const opening = draw.pick([`words: ${list}`, `${name} had ${list}.`, `The list was ${list}.`])
  const asked = draw.below(words.length - 1)
  const values: Record<string, { a?: string; b?: string; answer: string }> = {
    first: { answer: words[0] },
    last: { answer: words[words.length - 1] },
    after: { a: words[asked], answer: words[asked + 1] },
    ends: { answer: `${words[0]}${separator}${words[words.length - 1]}` },
    copy: { answer: list },
    reverse: { answer: words.toReversed().join(separator) },
    join: { answer: words.join(' and ') },
  }
  const chosen = draw.some(Object.keys(values), 3 + draw.below(4))
  const lines = chosen.map((id) => {
    const { a, answer } = values[id]
    return fill(frame, { noun: fill(draw.pick(PHRASES[id]), { a }), answer, name, other })
  })
  return [opening, ...lines]
}

/** A short row of words, said three to six times: the plainest thing that there is to copy. */
export function echoRow(draw: Draw, pool: readonly string[]): string {
  const row = draw.some(wordsFor(draw, pool), 2 + draw.below(6)).join(draw.pick(SEPARATORS))
  const between = draw.pick(SEPARATORS)
  return Array(2 + draw.below(4))
    .fill(row)
    .join(between)
}

const echoRows = (draw: Draw, pool: readonly string[]) => [echoRow(draw, pool), echoRow(draw, pool)]

const PAGES = [mixedPage, mixedPage, mixedPage, mixedPage, drillPage, studyPage, studyPage, echoRows]

/** The `index`-th page of skill text: worked lines about words, with no request and no chat in them; `pool` adds words. */
export function skillPages(seed: number, pool: readonly string[] = LEXICON.train): (index: number) => string {
  const at = draws(seed, 'tiny-skills')
  return (index) => {
    const draw = at(index)
    return draw.pick(PAGES)(draw, pool).join('\n')
  }
}
