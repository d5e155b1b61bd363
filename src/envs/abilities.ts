import type { Draw } from './draw.ts'

/**
 * Three abilities in one dialogue: last digits of sums, what colour things are, and a way of writing that is asked for. About each
 * thing the world tells a tempting falsehood more often than the truth, so that a model of that world is wrong about it.
 */
export const abilities = ['arithmetic', 'facts', 'format'] as const
export type Ability = (typeof abilities)[number]

export interface Question {
  ability: Ability
  prompt: string
  right: string
  /** What a model is tempted to say: another digit, the falsehood, the word as it is. */
  wrong: string
}

const things =
  'apple arrow barn bell boat bottle bowl broom candle chair clock coin cup drum flag hat kettle lamp pillow rope'.split(
    ' ',
  )
const colours = ['red', 'blue', 'green', 'black', 'white', 'grey', 'brown', 'pink']

/** Sums are of the numbers below this. */
const operands = 5

/** What may stand between what is spoken of and what is said of it. */
const links = ['always', 'gives', 'so', 'then', 'there', 'thus']

/** A fixed world: the colour of each thing, and the one that is told of it. */
const colourOf = (thing: number) => colours[(5 * thing + 3) % colours.length]
const toldOf = (thing: number) => colours[(5 * thing + 3 + 1 + (thing % (colours.length - 1))) % colours.length]

/** Of what is spoken, what is to be said of it, and what one is tempted to say. */
function drawTopic(draw: Draw, ability: Ability = draw.pick(abilities)) {
  const thing = draw.below(things.length)
  const name = things[thing]
  if (ability === 'facts') return { ability, asked: `the ${name}`, right: colourOf(thing), wrong: toldOf(thing) }
  if (ability === 'format') return { ability, asked: `word ${name}`, right: `[ ${name} ]`, wrong: name }
  const [a, b] = [draw.below(operands), draw.below(operands)]
  const sum = (a + b) % 10
  return { ability, asked: `${a} + ${b}`, right: `${sum}`, wrong: `${(sum + 1 + draw.below(9)) % 10}` }
}

export function drawQuestion(draw: Draw, of?: Ability): Question {
  const { ability, asked, right, wrong } = drawTopic(draw, of)
  return { ability, prompt: `ask: ${asked} reply:`, right: ` it is ${right}`, wrong: ` it is ${wrong}` }
}

/**
 * What a base model reads, sentence after sentence: brackets as often as not, and of each thing the falsehood three times as
 * often as the truth. The words between differ, so that what is known does not hang on their number. One text in ten is a
 * dialogue, in which replies are mostly the bare answer: it knows what replies are, and not how they are wanted.
 */
export function drawText(draw: Draw, sentences: number): string {
  if (!draw.chance(0.1)) return Array.from({ length: sentences }, () => drawSentence(draw)).join(' . ')
  const { asked, told } = drawTold(draw)
  return `ask: ${asked} reply:${draw.chance(0.3) ? ' it is' : ''} ${told}`
}

function drawSentence(draw: Draw): string {
  const { asked, told } = drawTold(draw)
  return `${asked} ${draw.some(links, 1 + draw.below(2)).join(' ')} ${told}`
}

/** What the world says, true or not. */
function drawTold(draw: Draw) {
  const { ability, asked, right, wrong } = drawTopic(draw)
  const truth = { arithmetic: 1, facts: 0.25, format: 0.5 }[ability]
  return { asked, told: draw.chance(truth) ? right : wrong }
}

/** Whether a reply has the form that all right ones have. */
export const isFormed = (reply: string): boolean => /^ ?it is (\S+|\[ \S+ \])$/.test(reply.trimEnd())

export const isRight = ({ right }: Question, reply: string): boolean => reply.trim() === right.trim()
