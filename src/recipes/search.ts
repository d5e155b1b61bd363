/** Okapi BM25 (Robertson and Zaragoza 2009): k1 saturates repeated words, b discounts long documents. */
const k1 = 1.2
const b = 0.75

/**
 * The words of a text as they are compared: letters and digits in lower case, a plural as its singular. Words joined by
 * hyphens count together and each alone.
 */
export function words(text: string): string[] {
  const plain = text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase()
  const joined = plain.match(/[\p{L}\p{N}]+(?:-[\p{L}\p{N}]+)*/gu) ?? []
  return joined.flatMap((word) => (word.includes('-') ? [word, ...word.split('-')] : [word])).map(stem)
}

/** Only plurals: a catalogue of names suffers more from wrong stems than from missing ones. */
const stem = (word: string) => (word.length > 3 ? word.replace(/sses$/, 'ss').replace(/([^su])s$/, '$1') : word)

export interface Ranked<T> {
  item: T
  score: number
}

/** The items whose text has a word of the query, the best first; of equal ones that which stands first. */
export function search<T>(items: readonly T[], textOf: (item: T) => string, query: string): Ranked<T>[] {
  const documents = items.map((item) => words(textOf(item)))
  const average = documents.reduce((sum, { length }) => sum + length, 0) / (documents.length || 1)
  const scores = new Float64Array(items.length)
  for (const term of new Set(words(query))) {
    const counts = documents.map((document) => document.filter((word) => word === term).length)
    const holders = counts.filter((count) => count > 0).length
    const rarity = Math.log(1 + (documents.length - holders + 0.5) / (holders + 0.5))
    for (const [i, count] of counts.entries()) {
      const saturation = k1 * (1 - b + (b * documents[i].length) / average)
      scores[i] += (rarity * count * (k1 + 1)) / (count + saturation)
    }
  }
  return items
    .map((item, i) => ({ item, score: scores[i] }))
    .filter(({ score }) => score > 0)
    .sort((x, y) => y.score - x.score)
}
