import type { Draw } from './draw.ts'

/**
 * Key-value retrieval with documents of any wanted length. A record is a word of two letters, a consonant and the vowel that
 * belongs to it, among fillers: ` kA then also Be well then`. A question names a consonant, and its vowel is the answer.
 */
export interface Records {
  /** All different. */
  keys: readonly string[]
  values: readonly string[]
}

/** Words of a record in a document, fillers included; each is a token where the tokenizer has learnt them. */
export const recordLength = 3

const consonants = [...'bcdfghjklmnpqrstvwxyzBCDFGHJKLMNPQRSTVWXYZ']
const vowels = [...'aeiouAEIOU']
const fillers = ['then', 'also', 'well', 'indeed']

/** Every word that a document, a question or an answer has. */
export const recordWords: readonly string[] = [
  ...consonants.flatMap((key) => vowels.map((value) => key + value)),
  ...[...consonants, ...vowels, ...fillers],
]

/** @param count at most 42 */
export function drawRecords(draw: Draw, count: number): Records {
  const keys = draw.some(consonants, count)
  return { keys, values: keys.map(() => draw.pick(vowels)) }
}

/** The records in their order, fillers drawn. */
export const drawDocument = (draw: Draw, { keys, values }: Records): string =>
  keys.map((key, i) => ` ${key}${values[i]} ${draw.pick(fillers)} ${draw.pick(fillers)}`).join('')

/** The value of a key, or null where there is none. */
export const lookUp = ({ keys, values }: Records, key: string): string | null => values[keys.indexOf(key)] ?? null
