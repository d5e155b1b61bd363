import { type Draw, draws } from './draw.ts'
import { type Content, drawReply, goldScore, type Request } from './replies.ts'

/** The content of a poor, wordy reply: more words against it than for it, and many fillers. */
export const poorContent = (draw: Draw): Content => ({
  good: draw.pick([0, 0, 0, 1, 1, 2]),
  bad: draw.below(3),
  filler: 2 + draw.below(5),
})

/** Different words for a reply less those against it, four of each at most: it goes below 0, where the gold score ends. */
export function balance(request: Request, reply: string): number {
  const faultless = drawReply(draws(0, 'faultless')(0), request, { good: 4, bad: 0, filler: 0 })
  const good = new Set(reply.split(/\s+/).filter((word) => goldScore(request, word) > 0)).size
  const bad = 4 - 4 * goldScore(request, `${faultless} ${reply}`)
  return Math.min(4, good) - bad
}
