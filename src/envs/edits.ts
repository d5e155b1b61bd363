import { combine, type Family } from './family.ts'
import { wordList } from './positions.ts'

/** A family whose answer is the list and one word more. */
function extend(
  id: string,
  summary: string,
  rule: (words: string[], fresh: string) => string[],
  asks: Family['asks'],
): Family {
  return {
    id,
    summary,
    asks,
    draw(draw, lexicon) {
      const [fresh, ...words] = wordList(draw, lexicon, 3, 4)
      const answer = rule(words, fresh).join(', ')
      return { list: words.join(', '), a: fresh, answer, args: [...words, fresh] }
    },
  }
}

const ADD = ['add', 'put', 'write', 'place', 'say']

export const append = extend('append', 'the list with a word more at its end', (words, fresh) => [...words, fresh], {
  train: [
    ...combine(ADD, [
      '{a} at the end',
      'the word {a} at the end',
      '{a} after the words',
      '{a} at the end of the list',
      '{a} after the list',
      '{a} last',
      '{a} behind the list',
    ]),
    ...combine(['append'], ['{a}', 'the word {a}', '{a} to the list', 'the word {a} at the end']),
  ],
  heldOut: [
    'put the word {a} at the end',
    'append {a} to the words',
    'add {a} behind the words',
    'place {a} last of all',
  ],
})

export const prepend = extend(
  'prepend',
  'the list with a word more at its start',
  (words, fresh) => [fresh, ...words],
  {
    train: [
      ...combine(ADD, [
        '{a} at the start',
        'the word {a} at the start',
        '{a} before the words',
        '{a} at the start of the list',
        '{a} before the list',
        '{a} first',
        '{a} in front of the list',
      ]),
      ...combine(['start with {a} and', 'begin with {a} and'], ['say the list', 'give the words', 'write the rest']),
    ],
    heldOut: [
      'put the word {a} at the start',
      'add {a} in front of the words',
      'start with {a} and say the words',
      'place {a} first of all',
    ],
  },
)
