import { parseAnswer, phrase, sameAnswer } from './answers.ts'
import { type Draw, drawAt } from './draw.ts'
import { LEXICON } from './lexicon.ts'
import type { Environment, Split } from './types.ts'

/** What a family draws for one item: the material, the words that its request mentions, and the answer. */
export interface Drawn {
  /** Stands where the wording has `{list}`. */
  list: string
  /** Stand where the request has `{a}`, `{b}` and `{n}`. */
  a?: string
  b?: string
  n?: string
  answer: string
  args: string[]
}

/** A row of the table of families: requests as imperative phrases, and the rule that draws arguments and answer. */
export interface Family {
  id: string
  summary: string
  asks: { train: string[]; heldOut: string[] }
  draw(draw: Draw, lexicon: readonly string[]): Drawn
}

/** Requests made of every verb with every object. */
export function combine(verbs: string[], objects: string[]): string[] {
  return verbs.flatMap((verb) => objects.map((object) => `${verb} ${object}`))
}

/** The sentences that carry a request and its material. `{Ask}` is the request with a capital. */
const CARRIERS = {
  train: [
    '{Ask}: {list}',
    '{Ask}. {list}',
    '{Ask} for me: {list}',
    '{Ask} now. {list}',
    '{Ask}. The words are {list}.',
    '{Ask}. My list: {list}',
    '{list}. {Ask}.',
    '{list}: {ask}',
    '{list}. Now {ask}.',
    '{list}. Can you {ask}?',
    '{list}. {Ask}, please.',
    'Please {ask}: {list}',
    'Please {ask}. {list}',
    'Could you {ask}: {list}',
    'Could you {ask} for me? {list}',
    'Can you {ask}? {list}',
    'Can you {ask}? My words: {list}.',
    'Help me and {ask}: {list}',
    'I need help: {ask}. This is it: {list}.',
    'I want you to {ask}: {list}',
    'I want to {ask}. This is my list: {list}.',
    'Here are some words: {list}. {Ask}.',
    'Here is a list: {list}. Please {ask}.',
    'This is the list: {list}. {Ask}.',
    'The words are {list}. {Ask} for me.',
    'The list is {list}. Could you {ask}?',
    'Look at {list}. {Ask}.',
    'Look at this: {list}. Can you {ask}?',
    'My list is {list}. {Ask}.',
    'I have {list}. Please {ask}.',
    'I wrote {list}. Now {ask}.',
    'I put down {list}. {Ask} now.',
    'Given {list}, {ask}.',
    'With {list}, please {ask}.',
    'With this list, {ask}: {list}',
    'Take {list} and {ask}.',
    'Take the words {list}. Now {ask}.',
    'Words: {list}. Task: {ask}.',
    'Task: {ask}. Words: {list}.',
    'Use this list: {list}. {Ask}.',
    'Consider the list {list} and {ask}.',
    'Consider this: {list}. {Ask}.',
    'I noted {list}. {Ask}.',
    'I noted down {list}. Please {ask}.',
    'I jotted down {list}. Could you {ask}?',
    'I typed {list}. {Ask} for me.',
    'I set down {list}. Now {ask} for me.',
    'I picked {list}. {Ask}, please.',
    'I was given {list}. {Ask}.',
    'We wrote {list}. {Ask} for us.',
    'She put down {list}. {Ask} for her.',
    'From the words {list}, {ask}.',
    'For the words {list}, {ask}.',
    'Given the words {list}, please {ask}.',
    'Using {list}, {ask}.',
    'Using the list {list}, {ask} now.',
    'As for {list}, {ask}.',
    'In the list {list}, {ask}.',
    'Having {list}, {ask}.',
    'When the words are {list}, {ask}.',
    'If the list is {list}, {ask}.',
    'Help me {ask}. The words are {list}.',
    'Try to {ask}. My list is {list}.',
    'You should {ask}. Here is the list: {list}.',
    'Would you {ask}? I have {list}.',
    'Think of {list}. Then {ask}.',
    'See {list}. Now {ask}.',
  ],
  heldOut: [
    'Consider {list}. Now {ask}.',
    'Could you {ask}? The words are {list}.',
    'I wrote down {list}. {Ask} for me.',
    'With the words {list}, {ask}.',
    'Help me to {ask}. This is the list: {list}.',
  ],
}

const capital = (text: string) => text[0].toUpperCase() + text.slice(1)

function weave(asks: string[], carriers: string[]): string[] {
  return carriers.flatMap((carrier) =>
    asks.map((ask) => carrier.replace('{ask}', () => ask).replace('{Ask}', () => capital(ask))),
  )
}

function fill(wording: string, drawn: Drawn): string {
  return wording.replace(/\{(list|a|b|n)\}/g, (_, slot: 'list' | 'a' | 'b' | 'n') => drawn[slot] ?? '')
}

/** The requests of a family that tuning sees: none of those held out. */
export function trainAsks(family: Family): string[] {
  return family.asks.train.filter((ask) => !family.asks.heldOut.includes(ask))
}

/** Makes the environment of a family. Wordings are its requests in every carrier, apart for each split. */
export function fromFamily(family: Family): Environment {
  const wordings: Record<Split, string[]> = {
    train: weave(trainAsks(family), CARRIERS.train),
    'held-out': weave(family.asks.heldOut, CARRIERS.heldOut),
  }
  return {
    id: family.id,
    summary: family.summary,
    wordings: (split) => wordings[split],
    sample(source, split, index) {
      const draw = drawAt(source, index)
      const which = draw.below(wordings[split].length)
      const drawn = family.draw(draw, LEXICON[split])
      const prompt = fill(wordings[split][which], drawn)
      return {
        env: family.id,
        prompt,
        answer: drawn.answer,
        args: drawn.args,
        wording: `${family.id}/${split}/${which}`,
      }
    },
    demonstrate: (item, style = 'brief', variant = 0) => [
      { role: 'user', content: item.prompt },
      { role: 'assistant', content: phrase(item.answer, style, variant) },
    ],
    verify: (item, completion) => sameAnswer(parseAnswer(completion).answer, item.answer),
  }
}
