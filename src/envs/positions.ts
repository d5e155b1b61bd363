import type { Draw } from './draw.ts'
import { combine, type Family } from './family.ts'

/** Lists of three to five different words: the material of most families. */
export function wordList(draw: Draw, lexicon: readonly string[], least = 3, most = 5): string[] {
  return draw.some(lexicon, least + draw.below(most - least + 1))
}

/** Verbs that ask for a word. */
export const TELL = ['say', 'name', 'tell me', 'give me', 'give', 'write', 'find', 'show me', 'pick']

/** A family whose answer is chosen from a list by place. */
function place(id: string, summary: string, rule: (words: string[]) => string[], asks: Family['asks']): Family {
  return {
    id,
    summary,
    asks,
    draw(draw, lexicon) {
      const words = wordList(draw, lexicon)
      return { list: words.join(', '), answer: rule(words).join(', '), args: words }
    },
  }
}

export const first = place('first', 'the first word of a list', (words) => words.slice(0, 1), {
  train: combine(TELL, [
    'the first word',
    'the first one',
    'the first item',
    'only the first word',
    'the word that comes first',
    'what comes first',
    'the word at the start',
    'the word at the very start',
    'the first of the words',
  ]),
  heldOut: [
    'tell me the first item',
    'write only the word that is first',
    'name the word at the very start',
    'give me the word in first place',
  ],
})

export const last = place('last', 'the last word of a list', (words) => words.slice(-1), {
  train: combine(TELL, [
    'the last word',
    'the last one',
    'the last item',
    'only the last word',
    'the word that comes last',
    'what comes last',
    'the word at the end',
    'the word at the very end',
    'the last of the words',
  ]),
  heldOut: [
    'tell me the last item',
    'write only the word that is last',
    'name the word at the very end',
    'give me the word in last place',
  ],
})

export const ends = place(
  'ends',
  'the first and the last word of a list',
  (words) => [words[0], words[words.length - 1]],
  {
    train: combine(TELL, [
      'the first and the last word',
      'the first and last words',
      'both ends',
      'both ends of the list',
      'the two ends',
      'the first word and the last one',
      'the words at both ends',
      'the first and the last',
    ]),
    heldOut: [
      'write the first and last words',
      'tell me both ends of it',
      'name the words at the two ends',
      'give me the first item and the last item',
    ],
  },
)

export const after: Family = {
  id: 'after',
  summary: 'the word that follows a given word',
  asks: {
    train: combine(TELL, [
      'the word after {a}',
      'the one after {a}',
      'the item after {a}',
      'what comes after {a}',
      'the word that follows {a}',
      'the word that comes after {a}',
      'what follows {a}',
      'the next word after {a}',
      'the word right after {a}',
    ]),
    heldOut: [
      'tell me the word that follows {a}',
      'find what comes right after {a}',
      'name the next word after {a}',
      'give the item that follows {a}',
    ],
  },
  draw(draw, lexicon) {
    const words = wordList(draw, lexicon)
    const at = draw.below(words.length - 1)
    return { list: words.join(', '), a: words[at], answer: words[at + 1], args: words }
  },
}
