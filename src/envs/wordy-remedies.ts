import type { Draw } from './draw.ts'
import { askFor, askForAll, type Complaint, drawRemedy } from './remedies.ts'

/** Remedies for a complaint at some time, after which a reply may go on. What follows the remedy is worth nothing, either way. */

const whens = ['today', 'again', 'now', 'still', 'lately']
const fillers = [' they', ' say']

export interface WordyRequest {
  prompt: string
  remedies: Complaint['remedies']
}

export const drawWordyPrompt = (draw: Draw, complaint: Complaint): string =>
  `${draw.pick(whens)} ${askFor(draw, complaint)}`

/** What can be asked about a complaint. */
export const wordyRequests = (complaint: Complaint): WordyRequest[] =>
  askForAll(complaint).flatMap((asked) =>
    whens.map((when) => ({ prompt: `${when} ${asked}`, remedies: complaint.remedies })),
  )

/** A remedy, drawn by shares to this power, and up to two words that say nothing. */
export function drawWordyReply(draw: Draw, complaint: Complaint, power = 1): string {
  const { text } = drawRemedy(draw, complaint, power)
  return [text, ...fillers.slice(0, draw.below(fillers.length + 1))].join('')
}

/** Up to eight words, out of all form. */
export function drawFormless(draw: Draw, { remedies }: Complaint): string {
  const words = [...remedies.map(({ text }) => text), ...fillers]
  return Array.from({ length: 1 + draw.below(8) }, () => draw.pick(words)).join('')
}

export const wordsOf = (reply: string): string[] => reply.split(/\s+/).filter((word) => word !== '')

/** The worth of the remedy that a reply begins with; nothing where it begins otherwise. */
export function worthOfReply({ remedies }: Pick<Complaint, 'remedies'>, reply: string): number {
  const [first] = wordsOf(reply)
  return remedies.find(({ text }) => text === ` ${first}`)?.worth ?? 0
}
