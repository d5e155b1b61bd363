import type { Draw } from './draw.ts'

/**
 * Three abilities in one dialogue: sums modulo 10, what colour things are, and a way of writing that is asked for. About each
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

const things = `
  apple arrow barn basket bell boat bottle bowl box brick broom bucket candle chain chair clock cloak coin cradle cup
  door drum fence flag glove hammer hat kettle key lamp ladder mirror needle oven pillow plate ribbon rope saddle spoon
`
  .trim()
  .split(/\s+/)
const colours = ['red', 'blue', 'green', 'black', 'white', 'grey', 'brown', 'pink']

/** A fixed world: the colour of each thing, and the one that is told of it. */
const colourOf = (thing: number) => colours[(5 * thing + 3) % colours.length]
const toldOf = (thing: number) => colours[(5 * thing + 3 + 1 + (thing % (colours.length - 1))) % colours.length]

const said = (asked: string) => `ask: ${asked} reply:`

export function drawQuestion(draw: Draw, ability: Ability = draw.pick(abilities)): Question {
  const thing = draw.below(things.length)
  if (ability === 'facts') {
    const prompt = said(`colour of the ${things[thing]}`)
    return { ability, prompt, right: ` it is ${colourOf(thing)}`, wrong: ` it is ${toldOf(thing)}` }
  }
  if (ability === 'format') {
    const prompt = said(`${things[thing]} in brackets`)
    return { ability, prompt, right: ` it is [ ${things[thing]} ]`, wrong: ` it is ${things[thing]}` }
  }
  const [a, b] = [draw.below(10), draw.below(10)]
  const sum = (a + b) % 10
  return {
    ability,
    prompt: said(`${a} + ${b}`),
    right: ` it is ${sum}`,
    wrong: ` it is ${(sum + 1 + draw.below(9)) % 10}`,
  }
}

/** What a base model reads: no dialogue, and of each thing the falsehood three times as often as the truth. */
export function drawText(draw: Draw): string {
  const thing = draw.below(things.length)
  const ability = draw.pick(abilities)
  if (ability === 'facts') return `the ${things[thing]} is ${draw.chance(0.25) ? colourOf(thing) : toldOf(thing)}`
  if (ability === 'format') return draw.chance(0.5) ? `[ ${things[thing]} ]` : `a ${things[thing]}`
  const [a, b] = [draw.below(10), draw.below(10)]
  return `${a} + ${b} = ${(a + b) % 10}`
}

/** Whether a reply has the form that all right ones have. */
export const isFormed = (reply: string): boolean => /^ ?it is (\S+|\[ \S+ \])$/.test(reply.trimEnd())

export const isRight = ({ right }: Question, reply: string): boolean => reply.trim() === right.trim()
