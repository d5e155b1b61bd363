import type { Family } from './family.ts'
import { wordList } from './positions.ts'

export const lookup: Family = {
  id: 'lookup',
  summary: 'the value that belongs to a key',
  asks: {
    train: [
      'say what {a} is',
      'tell me what {a} is',
      'give the word for {a}',
      'find what goes with {a}',
      'name the word that {a} is',
      'look up {a}',
      'tell me the word for {a}',
      'write what {a} stands for',
      'give me what belongs to {a}',
      'find the value of {a}',
    ],
    heldOut: ['name what {a} is', 'look up the word for {a}', 'tell me the value of {a}', 'write what goes with {a}'],
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
    train: [
      'say which word comes twice',
      'name the word that appears twice',
      'find the word that is there two times',
      'tell me the repeated word',
      'give me the word you see twice',
      'pick the word that occurs twice',
      'find the double word',
      'name the one that comes two times',
      'tell me which word is repeated',
      'write the word that appears two times',
    ],
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

export const contains: Family = {
  id: 'contains',
  summary: 'whether a list has a word',
  asks: {
    train: [
      'say yes or no: is {a} there',
      'tell me if {a} is in it, yes or no',
      'answer yes or no: do you see {a}',
      'check if {a} is in the list',
      'tell me whether you see {a}',
      'say if {a} is one of the words',
      'check for {a} and say yes or no',
      'say whether {a} is in the list',
      'tell me if the list has {a}',
      'answer whether {a} is there',
    ],
    heldOut: [
      'check whether {a} is in it',
      'tell me yes or no: is {a} one of the words',
      'say if you see {a}',
      'answer if the list has {a}',
    ],
  },
  draw(draw, lexicon) {
    const [other, ...words] = wordList(draw, lexicon, 4, 6)
    const there = draw.chance(0.5)
    const asked = there ? draw.pick(words) : other
    return { list: words.join(', '), a: asked, answer: there ? 'yes' : 'no', args: [...new Set([...words, asked])] }
  },
}
