import { combine, type Family } from './family.ts'
import { TELL, wordList } from './positions.ts'

export const lookup: Family = {
  id: 'lookup',
  summary: 'the value that belongs to a key',
  asks: {
    train: [
      ...combine(TELL, [
        'what {a} is',
        'the word for {a}',
        'what goes with {a}',
        'the word that {a} is',
        'what {a} stands for',
        'what belongs to {a}',
        'the value of {a}',
      ]),
      ...combine(['look up', 'look for'], ['{a}', 'what {a} is', 'the value of {a}']),
    ],
    heldOut: [
      'name what {a} is',
      'look up the word for {a}',
      'tell me the value of {a}',
      'write the word that goes with {a}',
    ],
  },
  draw(draw, lexicon) {
    const pairs = 2 + draw.below(3)
    const words = draw.some(lexicon, 2 * pairs)
    const asked = draw.below(pairs)
    const list = Array.from({ length: pairs }, (_, i) => `${words[2 * i]} is ${words[2 * i + 1]}`).join(', ')
    return { list, a: words[2 * asked], answer: words[2 * asked + 1], args: words }
  },
}

export const twice: Family = {
  id: 'twice',
  summary: 'the word that a list holds two times',
  asks: {
    train: combine(TELL, [
      'the word that comes twice',
      'the word that appears twice',
      'the repeated word',
      'the word that is there twice',
      'the word you see twice',
      'the double word',
      'which word is repeated',
      'which word comes two times',
      'the word that appears two times',
    ]),
    heldOut: [
      'find the word that comes twice',
      'tell me the word you see two times',
      'name the repeated one',
      'say which word appears two times',
    ],
  },
  draw(draw, lexicon) {
    const words = wordList(draw, lexicon, 3, 4)
    const repeated = draw.pick(words)
    const order = draw.some([...words.keys(), words.length], words.length + 1)
    const list = order.map((at) => words[at] ?? repeated)
    return { list: list.join(', '), answer: repeated, args: words }
  },
}
