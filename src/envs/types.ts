import type { Random } from '../base/index.ts'
import type { Message } from '../text/types.ts'

/** Tuning sees `train` alone; evaluation asks `held-out`. The two share neither a wording nor an argument word. */
export type Split = 'train' | 'held-out'

/** One question with its only right answer. */
export interface Item {
  /** Id of the environment that made it. */
  env: string
  /** What the user writes. */
  prompt: string
  /** The answer alone, in canonical form: list members joined by `, `. */
  answer: string
  /** The lexicon words that the prompt is about. */
  args: string[]
  /** Names the wording: the same id means the same text but for the arguments. */
  wording: string
}

/** How a right answer is put: the bare answer, or the answer within a polite sentence. */
export type Style = 'brief' | 'chatty'

/** A source of prompts whose answers can be checked exactly. */
export interface Environment {
  id: string
  /** One sentence for listings. */
  summary: string
  /** Every wording of a split, with `{list}`, `{a}`, `{b}` and `{n}` where arguments go. */
  wordings(split: Split): string[]
  /** The item at `index` of the stream; the same stream, split and index give the same item. */
  sample(source: Random, split: Split, index: number): Item
  /** A conversation that answers the item rightly. `variant` chooses among the phrasings of a style. */
  demonstrate(item: Item, style?: Style, variant?: number): Message[]
  /** Whether a completion, stripped of the known polite phrases, is the answer and nothing besides. */
  verify(item: Item, completion: string): boolean
}
