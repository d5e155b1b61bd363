import type { Draw } from './draw.ts'
import type { Family } from './family.ts'

/** Lists of three to five different words: the material of most families. */
export function wordList(draw: Draw, lexicon: readonly string[], least = 3, most = 5): string[] {
  return draw.some(lexicon, least + draw.below(most - least + 1))
}

/** A family whose answer is the word at a place of the list. */
function place(id: string, summary: string, at: number, asks: Family['asks']): Family {
  return {
    id,
    summary,
    asks,
    draw(draw, lexicon) {
      const words = wordList(draw, lexicon)
      return { list: words.join(', '), answer: words.at(at) ?? '', args: words }
    },
  }
}

/** A family whose answer is a neighbour of a word of the list. */
function neighbour(id: string, summary: string, step: 1 | -1, asks: Family['asks']): Family {
  return {
    id,
    summary,
    asks,
    draw(draw, lexicon) {
      const words = wordList(draw, lexicon)
      const at = draw.below(words.length - 1)
      const [asked, answer] = step === 1 ? [at, at + 1] : [at + 1, at]
      return { list: words.join(', '), a: words[asked], answer: words[answer], args: words }
    },
  }
}

export const first = place('first', 'the first word of a list', 0, {
  train: [
    'say the first word',
    'name the first one',
    'tell me which word comes first',
    'give me the word at the start',
    'write the first of the words',
    'pick the word that starts the list',
    'find the first word',
    'give only the first item',
    'show me what comes first',
    'tell me the starting word',
  ],
  heldOut: [
    'tell me the first item',
    'write only the word that is first',
    'name the word at the very start',
    'give me what comes first',
  ],
})

export const last = place('last', 'the last word of a list', -1, {
  train: [
    'say the last word',
    'name the last one',
    'tell me which word comes last',
    'give me the word at the end',
    'write the last of the words',
    'pick the word that ends the list',
    'find the last word',
    'give only the last item',
    'show me what comes last',
    'tell me the ending word',
  ],
  heldOut: [
    'tell me the last item',
    'write only the word that is last',
    'name the word at the very end',
    'give me what comes last',
  ],
})

export const after = neighbour('after', 'the word that follows a given word', 1, {
  train: [
    'say the word after {a}',
    'name the one that follows {a}',
    'tell me which word comes after {a}',
    'give me what comes next after {a}',
    'write the word that follows {a}',
    'find the word after {a}',
    'say what follows {a}',
    'pick the word right after {a}',
    'tell me what is next after {a}',
    'show the item after {a}',
  ],
  heldOut: [
    'tell me the word that follows {a}',
    'find what comes right after {a}',
    'name the next word after {a}',
    'give the item that follows {a}',
  ],
})

export const before = neighbour('before', 'the word that precedes a given word', -1, {
  train: [
    'say the word before {a}',
    'name the one just before {a}',
    'tell me which word comes before {a}',
    'give me what stands before {a}',
    'write the word that is before {a}',
    'find the word before {a}',
    'say what comes before {a}',
    'pick the word right before {a}',
    'tell me what is just before {a}',
    'show the item before {a}',
  ],
  heldOut: [
    'tell me the word that is before {a}',
    'find what comes right before {a}',
    'name the word just before {a}',
    'give the item that stands before {a}',
  ],
})
