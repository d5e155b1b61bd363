import type { Draw } from './draw.ts'

/**
 * Open replies with a hidden gold score. A request names two themes; a reply is a row of words, of which those of the
 * themes count for it, those of other themes against it, and fillers neither way. What is preferred can thus be told from
 * what is merely long.
 */

const themes: Readonly<Record<string, readonly string[]>> = {
  sea: ['wave', 'shell', 'harbour', 'gull', 'tide'],
  farm: ['barn', 'plough', 'hay', 'goat', 'fence'],
  kitchen: ['spoon', 'oven', 'flour', 'kettle', 'plate'],
  garden: ['rose', 'hedge', 'spade', 'seed', 'path'],
  music: ['drum', 'violin', 'song', 'chord', 'choir'],
  weather: ['rain', 'cloud', 'frost', 'storm', 'sun'],
  road: ['bridge', 'wheel', 'corner', 'lorry', 'sign'],
  school: ['chalk', 'lesson', 'desk', 'pupil', 'book'],
  forest: ['oak', 'moss', 'owl', 'trail', 'fern'],
  town: ['market', 'tower', 'square', 'tram', 'lamp'],
  night: ['star', 'moon', 'dream', 'candle', 'shadow'],
  mountain: ['peak', 'snow', 'rope', 'valley', 'cliff'],
}
const names = Object.keys(themes)
const fillers = ['well', 'so', 'indeed', 'truly', 'also', 'then', 'perhaps', 'surely']

/** Words of the themes that a reply needs for the whole score. */
const enough = 4

export interface Request {
  prompt: string
  themes: readonly [string, string]
}

/** What goes into a reply: words for it, words against it, and fillers. */
export interface Content {
  good: number
  bad: number
  filler: number
}

/**
 * A request. Two themes meet either in training or in the shifted requests that measure generalisation, which also word
 * it otherwise.
 */
export function drawRequest(draw: Draw, shifted = false): Request {
  const first = draw.below(names.length)
  // Themes an odd number of places apart meet in training, the others in the shifted requests.
  const apart = shifted ? 2 + 2 * draw.below(names.length / 2 - 1) : 1 + 2 * draw.below(names.length / 2)
  const pair = [names[first], names[(first + apart) % names.length]] as const
  return { prompt: shifted ? `on ${pair[0]} and ${pair[1]}:` : `about ${pair[0]}, ${pair[1]}:`, themes: pair }
}

/** A reply with this content, its words in random order. */
export function drawReply(draw: Draw, request: Request, { good, bad, filler }: Content): string {
  const own = request.themes.flatMap((theme) => themes[theme])
  const other = names.filter((name) => !request.themes.includes(name)).flatMap((name) => themes[name])
  const words = [
    ...draw.some(own, good),
    ...draw.some(other, bad),
    ...Array.from({ length: filler }, () => draw.pick(fillers)),
  ]
  return draw
    .some([...words.keys()], words.length)
    .map((at) => ` ${words[at]}`)
    .join('')
}

/** The content of a reply of middling quality: what the demonstrations of a first model are. */
export function drawContent(draw: Draw): Content {
  return { good: 1 + draw.below(enough), bad: draw.below(3), filler: 1 + draw.below(4) }
}

const wordsOf = (reply: string) => reply.split(/\s+/).filter((word) => word !== '')

/** In [0, 1]: a quarter for each different word of the themes up to four, less a quarter for each other word but fillers. */
export function goldScore(request: Request, reply: string): number {
  const own = new Set(request.themes.flatMap((theme) => themes[theme]))
  const words = wordsOf(reply)
  const good = new Set(words.filter((word) => own.has(word))).size
  const bad = words.filter((word) => !own.has(word) && !fillers.includes(word)).length
  return Math.min(1, Math.max(0, (Math.min(good, enough) - bad) / enough))
}

export interface ReplyPair {
  prompt: string
  chosen: string
  rejected: string
}

/**
 * The better of two replies by gold score, and the other. Fillers make the chosen one `stretch` times as long on average:
 * with 1.6 length tells the better answer nearly as well as its words do.
 */
export function drawReplyPair(draw: Draw, stretch: number): ReplyPair {
  const request = drawRequest(draw)
  for (;;) {
    const contents = [drawContent(draw), drawContent(draw)]
    const [better, worse] =
      contents[0].good - contents[0].bad > contents[1].good - contents[1].bad ? contents : contents.toReversed()
    const rejected = drawReply(draw, request, worse)
    const wanted = wordsOf(rejected).length * stretch + draw.below(3) - 1
    const filler = Math.max(0, Math.round(wanted) - better.good - better.bad)
    const chosen = drawReply(draw, request, { ...better, filler })
    if (goldScore(request, chosen) > goldScore(request, rejected)) return { prompt: request.prompt, chosen, rejected }
  }
}

/** Replies of falling gold score, all different in it: four grades of one request. */
export function drawCandidates(draw: Draw, count: number): { prompt: string; replies: string[]; scores: number[] } {
  const request = drawRequest(draw)
  const found = new Map<number, string>()
  while (found.size < count) {
    const reply = drawReply(draw, request, drawContent(draw))
    found.set(goldScore(request, reply), reply)
  }
  const scores = [...found.keys()].sort((a, b) => b - a)
  return { prompt: request.prompt, replies: scores.map((score) => found.get(score) as string), scores }
}
