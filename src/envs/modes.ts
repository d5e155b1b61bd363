import type { Draw } from './draw.ts'

/**
 * Prompts whose answers are three words of a few, with two of them worth anything: a usual one that a model finds often and
 * that is worth half, and a rare one that is worth all. Who only repeats what has paid never meets the second.
 */

const words = ['ash', 'bay', 'cob', 'dew', 'elm', 'fig', 'gum', 'hop', 'ivy', 'jute', 'kale', 'lime']
const length = 3

export interface Mode {
  prompt: string
  /** Worth 1. */
  rare: string
  /** Worth ½. */
  usual: string
}

/** How often a demonstration gives either; the others are three words at random. */
export interface Frequencies {
  rare: number
  usual: number
}

/** The prompt of this number, with two answers that have no word in common at any place. */
export function drawMode(draw: Draw, number: number): Mode {
  const usual = Array.from({ length }, () => draw.below(words.length))
  const rare = usual.map((at) => (at + 1 + draw.below(words.length - 1)) % words.length)
  const spell = (places: readonly number[]) => places.map((at) => ` ${words[at]}`).join('')
  return { prompt: `${number}:`, rare: spell(rare), usual: spell(usual) }
}

export function demonstrateMode(draw: Draw, { prompt, rare, usual }: Mode, often: Frequencies) {
  const random = () => Array.from({ length }, () => ` ${draw.pick(words)}`).join('')
  const completion = draw.chance(often.usual) ? usual : draw.chance(often.rare / (1 - often.usual)) ? rare : random()
  return { prompt, completion }
}

/** 1, ½ or 0. */
export const modeReward = ({ rare, usual }: Mode, answer: string): number =>
  answer === rare ? 1 : answer === usual ? 0.5 : 0
