import type { Draw } from './draw.ts'
import type { Family } from './family.ts'
import { wordList } from './positions.ts'

const NUMBERS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six']

/** A family whose answer is a list made of the given one. */
function remake(
  id: string,
  summary: string,
  lengths: [number, number],
  rule: (words: string[]) => string[],
  asks: Family['asks'],
): Family {
  return {
    id,
    summary,
    asks,
    draw(draw: Draw, lexicon) {
      const words = wordList(draw, lexicon, ...lengths)
      return { list: words.join(', '), answer: rule(words).join(', '), args: words }
    },
  }
}

export const copy = remake('copy', 'the list itself', [2, 5], (words) => words, {
  train: [
    'repeat the list',
    'copy the words',
    'say the same words again',
    'write the list again',
    'give me the same list',
    'copy this list for me',
    'say all the words again',
    'repeat all the words',
    'write the same list once more',
    'tell me the whole list again',
  ],
  heldOut: ['copy the whole list', 'repeat the same words', 'say the list once more', 'write all the words again'],
})

export const reverse = remake('reverse', 'the list backwards', [2, 4], (words) => words.toReversed(), {
  train: [
    'reverse the list',
    'say the words backwards',
    'write the list in reverse order',
    'give me the list from back to front',
    'turn the list around',
    'put the words in reverse',
    'read the list backwards',
    'write the words in backwards order',
    'say the list in reverse',
    'reverse the order of the words',
  ],
  heldOut: [
    'write the list backwards',
    'reverse these words',
    'give me the words in reverse order',
    'say it all backwards',
  ],
})

export const swap = remake(
  'swap',
  'the list with its first and last word exchanged',
  [3, 4],
  (words) => [words[words.length - 1], ...words.slice(1, -1), words[0]],
  {
    train: [
      'swap the first and last words',
      'exchange the first word with the last',
      'let the first and last words swap places',
      'swap the two ends',
      'trade the first word for the last',
      'exchange the ends of the list',
      'switch the first and the last',
      'swap the ends of the list',
      'switch the two end words',
      'exchange the first and last items',
    ],
    heldOut: [
      'swap the first item with the last',
      'exchange the two ends',
      'switch the first and last words',
      'let the ends of the list swap',
    ],
  },
)

export const join: Family = {
  id: 'join',
  summary: 'the list joined by and',
  asks: {
    train: [
      'join the words with and',
      'put and between the words',
      'write the list with and in between',
      'use and between all words',
      'link the words with and',
      'say the words with and between them',
      'join them all by and',
      'connect the words using and',
      'place and between the items',
      'give the list joined by and',
    ],
    heldOut: [
      'join the items using and',
      'say the list with and in between',
      'link all the words by and',
      'place the word and between them',
    ],
  },
  draw(draw, lexicon) {
    const words = wordList(draw, lexicon, 2, 4)
    return { list: words.join(', '), answer: words.join(' and '), args: words }
  },
}

export const repeat: Family = {
  id: 'repeat',
  summary: 'a word several times',
  asks: {
    train: [
      'say it {n} times',
      'write it {n} times',
      'repeat the word {n} times',
      'give me that word {n} times',
      'say the word {n} times over',
      'write that {n} times',
      'copy the word {n} times',
      'put it down {n} times',
      'type the word {n} times',
      'repeat this {n} times',
    ],
    heldOut: [
      'write the word {n} times',
      'repeat it {n} times',
      'say that word {n} times',
      'put the word down {n} times',
    ],
  },
  draw(draw, lexicon) {
    const [word] = draw.some(lexicon, 1)
    const count = 2 + draw.below(3)
    return { list: word, n: NUMBERS[count], answer: Array(count).fill(word).join(', '), args: [word] }
  },
}

export const count: Family = {
  id: 'count',
  summary: 'how many words a list has',
  asks: {
    train: [
      'count the words',
      'say how many words there are',
      'tell me the number of words',
      'give me the count of the words',
      'write how many items you see',
      'tell me how many there are',
      'count them',
      'say the number of items',
      'count how many words I have',
      'find the number of words',
    ],
    heldOut: [
      'tell me how many words I have',
      'count the items',
      'give me the number of words',
      'say how many you see',
    ],
  },
  draw(draw, lexicon) {
    const words = wordList(draw, lexicon, 2, 5)
    return { list: words.join(', '), answer: NUMBERS[words.length], args: words }
  },
}
