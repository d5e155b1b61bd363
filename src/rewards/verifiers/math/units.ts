/**
 * Units that an answer may carry. Two answers with different ones are different; where one has none it is read off the question,
 * and so is the name of things that are counted ("ways", "students"), which is no unit.
 */
const synonyms: readonly (readonly string[])[] = [
  ['percent', '%', 'pct', 'per cent', 'percentage'],
  ['degree', 'deg', '°', 'degrees'],
  ['dollar', '$', 'usd', 'dollars', 'buck'],
  ['euro', '€', 'eur'],
  ['pound sterling', '£', 'gbp'],
  ['cent', '¢', 'penny', 'pennies'],
  ['mm', 'millimeter', 'millimetre'],
  ['cm', 'centimeter', 'centimetre'],
  ['m', 'meter', 'metre'],
  ['km', 'kilometer', 'kilometre'],
  ['inch', 'in', 'inches'],
  ['foot', 'ft', 'feet'],
  ['yard', 'yd'],
  ['mile', 'mi'],
  ['gram', 'g', 'gm'],
  ['kg', 'kilogram', 'kilo'],
  ['mg', 'milligram'],
  ['pound', 'lb', 'lbs'],
  ['ounce', 'oz'],
  ['ton', 'tonne'],
  ['second', 's', 'sec'],
  ['minute', 'min'],
  ['hour', 'h', 'hr'],
  ['day'],
  ['week'],
  ['month'],
  ['year', 'yr'],
  ['liter', 'l', 'litre'],
  ['ml', 'milliliter', 'millilitre'],
  ['gallon', 'gal'],
  ['quart', 'qt'],
  ['cup'],
  ['acre'],
  ['radian', 'rad'],
  ['mph', 'mi/h', 'mile/hour', 'mile per hour'],
  ['km/h', 'kph', 'kmh', 'kilometer per hour'],
  ['m/s', 'meter per second'],
  ['ft/s', 'foot per second'],
  ['am', 'a.m'],
  ['pm', 'p.m'],
  ['unit'],
  ['dozen'],
]

const canonical = new Map(
  synonyms.flatMap(([name, ...others]) => [name, ...others].map((word) => [word, name] as const)),
)

const powers: Readonly<Record<string, string>> = { square: '2', sq: '2', squared: '2', cubic: '3', cu: '3', cubed: '3' }

/** Words that multiply. */
export const scales: ReadonlyMap<string, string> = new Map([
  ['hundred', '100'],
  ['thousand', '1000'],
  ['million', '1000000'],
  ['billion', '1000000000'],
  ['trillion', '1000000000000'],
])

/** Words that make another number of the one before them, in ways that are not read. */
const meaningful = new Set(
  'not times over minus plus power to than less more fewer least most half factorial divided multiplied choose root'.split(
    ' ',
  ),
)

/**
 * @param words what stands behind the number
 * @returns the unit's one name, such as `cm^2`; '' where the words are no unit that this table knows; null where they say more
 * than a unit does
 */
export function unitOf(words: string): string | null {
  let power = ''
  const plain = words
    .toLowerCase()
    .replace(/\.(?=\s|$)/g, ' ')
    .replace(/\s*\^\s*\{?\s*(\d)\s*\}?/g, (_, digit: string) => {
      power = digit
      return ' '
    })
    .split(/[\s\\]+/)
    .filter((word) => {
      if (!Object.hasOwn(powers, word)) return word !== ''
      power = powers[word]
      return false
    })
    .join(' ')
  const name = nameOf(plain)
  if (name === undefined) {
    const isMore =
      /\d/.test(plain) || (plain === '' && power !== '') || plain.split(' ').some((word) => meaningful.has(word))
    return isMore ? null : ''
  }
  return power === '' || power === '1' ? name : `${name}^${power}`
}

const nameOf = (word: string): string | undefined =>
  canonical.get(word) ??
  canonical.get(word.replace(/e?s$/, '')) ??
  canonical.get(word.replace(/s$/, '')) ??
  canonical.get(word.replace(/s(?= per )/, '').replace(/^feet/, 'foot'))
