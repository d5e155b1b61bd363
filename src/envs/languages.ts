import type { Draw } from './draw.ts'

/**
 * Two languages that say the same: errands (`take the red ball`) and what is reported back (`the red ball is taken`). They
 * share no word and order them differently, so that who knows one does not know the other.
 */
export type Language = 'english' | 'italian'

export interface Errand {
  verb: number
  colour: number
  noun: number
}

interface Lexicon {
  verbs: readonly (readonly [order: string, done: string])[]
  colours: readonly string[]
  nouns: readonly string[]
  ask(verb: string, colour: string, noun: string): string
  report(done: string, colour: string, noun: string): string
}

const lexicons: Record<Language, Lexicon> = {
  english: {
    verbs: [
      ['take', 'taken'],
      ['give', 'given'],
      ['hide', 'hidden'],
      ['show', 'shown'],
      ['wash', 'washed'],
      ['sell', 'sold'],
      ['paint', 'painted'],
      ['break', 'broken'],
    ],
    colours: ['red', 'blue', 'green', 'black', 'white', 'yellow', 'grey', 'brown'],
    nouns: ['ball', 'cup', 'hat', 'key', 'coin', 'book', 'chair', 'boat', 'lamp', 'shoe'],
    ask: (verb, colour, noun) => `${verb} the ${colour} ${noun}:`,
    report: (done, colour, noun) => ` the ${colour} ${noun} is ${done}`,
  },
  italian: {
    verbs: [
      ['prendi', 'preso'],
      ['dona', 'donato'],
      ['nascondi', 'nascosto'],
      ['mostra', 'mostrato'],
      ['lava', 'lavato'],
      ['vendi', 'venduto'],
      ['dipingi', 'dipinto'],
      ['rompi', 'rotto'],
    ],
    colours: ['rosso', 'blu', 'verde', 'nero', 'bianco', 'giallo', 'grigio', 'bruno'],
    nouns: ['pallone', 'bicchiere', 'cappello', 'chiodo', 'soldo', 'libro', 'sedile', 'battello', 'lume', 'sandalo'],
    ask: (verb, colour, noun) => `il ${noun} ${colour}, ${verb}:`,
    report: (done, colour, noun) => ` ${done} il ${noun} ${colour}`,
  },
}

export function drawErrand(draw: Draw): Errand {
  const { verbs, colours, nouns } = lexicons.english
  return { verb: draw.below(verbs.length), colour: draw.below(colours.length), noun: draw.below(nouns.length) }
}

export function errandOf({ verb, colour, noun }: Errand, language: Language): string {
  const { verbs, colours, nouns, ask } = lexicons[language]
  return ask(verbs[verb][0], colours[colour], nouns[noun])
}

export function reportOf({ verb, colour, noun }: Errand, language: Language): string {
  const { verbs, colours, nouns, report } = lexicons[language]
  return report(verbs[verb][1], colours[colour], nouns[noun])
}

/** What a polite report ends with, in either language, and what a rude one does. */
export const polite = ', with pleasure'
export const rude = ', leave me alone'

export const isPolite = (reply: string): boolean => reply.trimEnd().endsWith(polite)

/** Whether a reply reports the errand in this language, whatever it ends with. */
export const isReported = (errand: Errand, language: Language, reply: string): boolean =>
  reply.split(',')[0].trim() === reportOf(errand, language).trim()
