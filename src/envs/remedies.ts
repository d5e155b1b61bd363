import type { Draw } from './draw.ts'

/**
 * Complaints, and herbs that people take for them. For each complaint one herb is the best by far; of some complaints one reply
 * in a hundred names it, of others one in five. Who asks a few people thus learns which of the usual herbs is the better, but
 * often not of the best.
 */

const complaints =
  `cough cold fever burn bruise cramp rash ache sting cut wart boil fright gout itch stitch hiccup blister
  corn splinter sprain chill swelling thirst toothache earache headache sunburn bite bump`.split(/\s+/)
const people = ['aunt', 'uncle', 'friend', 'son', 'cousin', 'neighbour', 'sister', 'guest']
const herbs = [
  'thyme',
  'sage',
  'mint',
  'fennel',
  'ginger',
  'garlic',
  'nettle',
  'rue',
  'dill',
  'anise',
  'basil',
  'lemon',
]

/** Complaints that can be told apart. */
export const complaintCount = complaints.length

/** Shares of the replies that name the best herb: the logarithm of a complaint's is even between these. */
const [rarest, commonest] = [0.01, 0.2]
/** Any other herb is worth less than this, evenly. */
const second = 0.6

export interface Complaint {
  name: string
  /** The best first. */
  remedies: readonly Remedy[]
}

export interface Remedy {
  text: string
  /** In [0, 1]; 1 for the best. */
  worth: number
  /** Of the replies that people give by themselves. */
  share: number
}

const steps = 2 ** 20

/** The complaint of this number, with worths and shares of its own, neither of which tells of the other. */
export function drawComplaint(draw: Draw, number: number): Complaint {
  const unit = () => (draw.below(steps) + 0.5) / steps
  const [best, ...others] = draw.some(herbs, herbs.length).map((herb) => ` ${herb}`)
  const share = rarest * (commonest / rarest) ** unit()
  const weights = others.map(() => -Math.log(unit()))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const rest = others.map((text, i) => ({ text, worth: second * unit(), share: ((1 - share) * weights[i]) / total }))
  return { name: complaints[number], remedies: [{ text: best, worth: 1, share }, ...rest] }
}

/** What each of the people who may have a complaint makes one ask. */
export const askForAll = ({ name }: Complaint): string[] => people.map((one) => `my ${one} has a ${name}:`)

export const askFor = (draw: Draw, complaint: Complaint): string => draw.pick(askForAll(complaint))

/** A remedy that someone names, drawn by shares to this power: with 1 as people do, with less the rare ones oftener. */
export function drawRemedy(draw: Draw, { remedies }: Complaint, power = 1): Remedy {
  const weights = remedies.map(({ share }) => share ** power)
  let left = (draw.below(steps) / steps) * weights.reduce((sum, weight) => sum + weight, 0)
  return remedies.find((_, i) => (left -= weights[i]) < 0) ?? remedies[remedies.length - 1]
}
