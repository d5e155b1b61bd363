import type { Family } from './family.ts'
import { wordList } from './positions.ts'

export const remove: Family = {
  id: 'remove',
  summary: 'the list without a word',
  asks: {
    train: [
      'remove {a}',
      'leave out {a}',
      'write the list without {a}',
      'say all the words but {a}',
      'drop {a} from the list',
      'take {a} out of the list',
      'give me the list without {a}',
      'remove the word {a}',
      'say the words without {a}',
      'drop the word {a}',
    ],
    heldOut: [
      'leave out the word {a}',
      'remove {a} from the words',
      'write all the words but {a}',
      'drop {a} out of it',
    ],
  },
  draw(draw, lexicon) {
    const words = wordList(draw, lexicon, 3, 5)
    const gone = draw.pick(words)
    const kept = words.filter((word) => word !== gone)
    return { list: words.join(', '), a: gone, answer: kept.join(', '), args: words }
  },
}

export const replace: Family = {
  id: 'replace',
  summary: 'the list with one word in place of another',
  asks: {
    train: [
      'replace {a} with {b}',
      'put {b} in place of {a}',
      'change {a} to {b}',
      'use {b} instead of {a}',
      'write the list with {b} in place of {a}',
      'turn {a} into {b}',
      'say the list with {b} instead of {a}',
      'replace the word {a} by {b}',
      'change the word {a} into {b}',
      'give the list with {a} changed to {b}',
    ],
    heldOut: [
      'replace {a} by the word {b}',
      'write {b} instead of {a}',
      'change {a} into the word {b}',
      'say {b} in place of {a}',
    ],
  },
  draw(draw, lexicon) {
    const [fresh, ...words] = wordList(draw, lexicon, 4, 5)
    const old = draw.pick(words)
    const answer = words.map((word) => (word === old ? fresh : word))
    return { list: words.join(', '), a: old, b: fresh, answer: answer.join(', '), args: [...words, fresh] }
  },
}

export const append: Family = {
  id: 'append',
  summary: 'the list with a word more at its end',
  asks: {
    train: [
      'add {a} at the end',
      'put {a} after the list',
      'add the word {a} last',
      'write the list and then {a}',
      'append {a}',
      'extend the list with {a}',
      'place {a} at the end',
      'add {a} to the list',
      'put {a} last',
      'append the word {a} to the list',
    ],
    heldOut: [
      'put the word {a} at the end',
      'append {a} to the words',
      'extend it with {a}',
      'add {a} after the words',
    ],
  },
  draw(draw, lexicon) {
    const [fresh, ...words] = wordList(draw, lexicon, 3, 5)
    return { list: words.join(', '), a: fresh, answer: [...words, fresh].join(', '), args: [...words, fresh] }
  },
}
