import { combine, type Drawn, type Family } from './family.ts'
import { wordList } from './positions.ts'

const NUMBERS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six']

/** A family whose answer is made of a list of `least` to `most` words. */
function remake(
  id: string,
  summary: string,
  [least, most]: [number, number],
  rule: (words: string[]) => string,
  asks: Family['asks'],
): Family {
  return {
    id,
    summary,
    asks,
    draw(draw, lexicon) {
      const words = wordList(draw, lexicon, least, most)
      return { list: words.join(', '), answer: rule(words), args: words }
    },
  }
}

export const copy = remake('copy', 'the list itself', [2, 5], (words) => words.join(', '), {
  train: combine(
    ['repeat', 'copy', 'say again', 'write again', 'give me again', 'say once more', 'copy out'],
    ['the list', 'the words', 'the same list', 'the same words', 'all the words', 'the whole list', 'this list'],
  ),
  heldOut: ['copy the whole list', 'repeat the same words', 'say once more all the words', 'write once more the list'],
})

export const reverse = remake('reverse', 'the list backwards', [2, 4], (words) => words.toReversed().join(', '), {
  train: [
    ...combine(['reverse', 'turn around'], ['the list', 'the words', 'the order', 'this list', 'all the words']),
    ...combine(
      ['say', 'write', 'give me', 'read', 'put', 'repeat'],
      [
        'the list backwards',
        'the words backwards',
        'it all backwards',
        'the list in reverse',
        'the words in reverse order',
        'the list in reverse order',
        'the words in reverse',
      ],
    ),
  ],
  heldOut: [
    'write the list backwards',
    'reverse these words',
    'give me the words in reverse order',
    'say the order in reverse',
  ],
})

export const join = remake('join', 'the list joined by and', [2, 4], (words) => words.join(' and '), {
  train: [
    ...combine(
      ['join', 'link', 'connect', 'say', 'write', 'give me'],
      [
        'the words with and',
        'the list with and',
        'all words with and',
        'the items with and between',
        'them with and in between',
      ],
    ),
    ...combine(
      ['put and between', 'use and between', 'place and between'],
      ['the words', 'the items', 'all words', 'them'],
    ),
  ],
  heldOut: [
    'link the list with and',
    'say the words with and in between',
    'put the word and between the items',
    'connect them all with and',
  ],
})

export const repeat: Family = {
  id: 'repeat',
  summary: 'a word several times',
  asks: {
    train: combine(
      ['say', 'write', 'repeat', 'give me', 'copy', 'type', 'put down'],
      [
        'it {n} times',
        'the word {n} times',
        'that word {n} times',
        'this {n} times',
        'that {n} times',
        'this word {n} times',
      ],
    ),
    heldOut: [
      'write the word {n} times',
      'repeat it {n} times',
      'say {n} times that word',
      'give me {n} times the word',
    ],
  },
  draw(draw, lexicon): Drawn {
    const [word] = draw.some(lexicon, 1)
    const count = 2 + draw.below(3)
    return { list: word, n: NUMBERS[count], answer: Array(count).fill(word).join(', '), args: [word] }
  },
}

export const count = remake('count', 'how many words a list has', [2, 5], (words) => NUMBERS[words.length], {
  train: [
    ...combine(['count', 'count up'], ['the words', 'the items', 'them', 'all words', 'the list']),
    ...combine(
      ['say', 'tell me', 'give me', 'write', 'find', 'show me'],
      [
        'how many words there are',
        'how many words you see',
        'how many items there are',
        'how many there are',
        'the number of words',
        'the number of items',
        'the count of words',
      ],
    ),
  ],
  heldOut: [
    'tell me how many words you see',
    'count all the items',
    'give me the number of words',
    'say how many items you see',
  ],
})
