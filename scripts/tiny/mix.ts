import { random } from '../../src/base/index.ts'
import { type Draw, draws, LEXICON } from '../../src/envs/index.ts'
import { echoRow, skillPages, wordPool } from './skills.ts'

/** One document of the base model's training text. */
export interface CorpusDocument {
  kind: 'echo' | 'natural' | 'skill'
  text: string
}

export interface CorpusOptions {
  seed: number
  /** Whole natural texts: novels, stories. */
  texts: readonly string[]
  /** Characters to yield in all, over all kinds. */
  characters: number
  /** Share of the characters that is skill text, echoes aside (default 0.6). */
  skillShare?: number
  /** Characters of the echoes at the beginning (default 4 million, about 1.3 million tokens). */
  echoCharacters?: number
}

/** Characters of a natural passage, at most: about one training sequence. */
const PASSAGE = 900

/** Characters of an echo, at most. */
const ECHO = 400

/** Every one of this many passages is kept out of training. */
const HELD_OUT_EVERY = 100

/** Where a text may be cut, the best borders first: between paragraphs, lines, sentences, words. */
const BORDERS = [/\n\s*\n/, /\n/, /(?<=[.!?]["')]?)\s+/, /\s+/]

/** The parts of a text, each cut only where the better borders leave it longer than a passage. */
function parts(text: string, level = 0): string[] {
  return text.split(BORDERS[level]).flatMap((part) => {
    const line = part.replace(/\s+/g, ' ').trim()
    if (line === '') return []
    return line.length <= PASSAGE || level === BORDERS.length - 1 ? [line] : parts(part, level + 1)
  })
}

/** Cuts a text into passages of at most `PASSAGE` characters, all its words in order. */
export function passages(text: string): string[] {
  const cut: string[] = []
  let open = ''
  for (const part of parts(text)) {
    if (open !== '' && open.length + part.length >= PASSAGE) {
      cut.push(open)
      open = ''
    }
    open = open === '' ? part : `${open}\n${part}`
  }
  if (open !== '') cut.push(open)
  return cut
}

/** The passages of all texts in a seeded order: those to train on, and one in a hundred held out for perplexity. */
export function naturalPassages(seed: number, texts: readonly string[]): { train: string[]; heldOut: string[] } {
  const all = texts.flatMap(passages)
  const order = random(seed, 'tiny-natural').permutation(all.length)
  const train: string[] = []
  const heldOut: string[] = []
  order.forEach((at, i) => {
    const kept = i % HELD_OUT_EVERY === 0 ? heldOut : train
    kept.push(all[at])
  })
  return { train, heldOut }
}

/** Passages of which a few words are said again and again: what teaches a model to copy, for the words of all the text. */
function echoPassage(draw: Draw, passage: string): string {
  const words = passage.split(' ')
  const length = Math.min(words.length, 3 + draw.below(14))
  const from = draw.below(words.length - length + 1)
  const phrase = words.slice(from, from + length).join(' ')
  return Array(2 + draw.below(4))
    .fill(phrase)
    .join(' ')
    .slice(0, ECHO)
}

/** Characters of echoes for each other character after the beginning: as many as keep copying general. */
const LATER_ECHOES = 0.15

/**
 * The documents that the base model is trained on, in order. First echoes alone, rows of words and of natural text said
 * again: until a model can copy it learns little from the rest. Then natural passages and skill pages, mixed so that after
 * every document the share of characters is as asked, and echoes between them. Natural passages come again only after the
 * last; skill pages never.
 */
export function* tinyCorpus(options: CorpusOptions): Generator<CorpusDocument> {
  const { seed, texts, characters, skillShare = 0.6, echoCharacters = 4_000_000 } = options
  const { train } = naturalPassages(seed, texts)
  const pool = [...LEXICON.train, ...wordPool(train)]
  const drawEcho = draws(seed, 'tiny-echo')
  const page = skillPages(seed, pool)
  const given = { echo: 0, natural: 0, skill: 0 }
  const count = { echo: 0, natural: 0, skill: 0 }
  const echo = () => {
    const draw = drawEcho(count.echo)
    return draw.chance(0.5) && train.length > 0 ? echoPassage(draw, draw.pick(train)) : echoRow(draw, pool)
  }
  while (given.echo + given.natural + given.skill < characters) {
    const kind = nextKind()
    const text = kind === 'echo' ? echo() : kind === 'skill' ? page(count.skill) : train[count.natural % train.length]
    count[kind]++
    given[kind] += text.length
    yield { kind, text }
  }

  function nextKind(): CorpusDocument['kind'] {
    const mixed = given.natural + given.skill
    if (given.echo < echoCharacters + LATER_ECHOES * mixed) return 'echo'
    return train.length === 0 || given.skill <= skillShare * mixed ? 'skill' : 'natural'
  }
}
