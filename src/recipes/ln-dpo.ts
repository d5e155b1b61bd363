import { type Draw, draws, many } from '../envs/draw.ts'
import { type Content, drawContent, drawReply, drawRequest, goldScore, type Request } from '../envs/replies.ts'
import {
  answers,
  atLeast,
  atMost,
  type Bench,
  less,
  over,
  proof,
  recipe,
  type Settings,
  trainSettings,
} from '../proofs/index.ts'

/**
 * LN-DPO (Ahrabian et al. 2024, arXiv:2407.15229): DPO with each log-ratio divided by its answer's tokens, so that an
 * answer gains nothing from being long.
 *
 * The proof's replies are words for the request, then fillers that neither help nor harm. Worse replies have a few; of the
 * better ones most have next to none, and one in three is so long-winded that the better are 1.6 times as long on average.
 * A sum over tokens is ruled by the long-winded pairs, a mean is not: the confound that normalisation is for. Where each
 * better reply is longer it is in vain, as an early end then weighs the more the shorter the reply.
 * Both losses are trained over a whole grid of β from one model and answer requests of another distribution. LN-DPO has to
 * be shorter at equal quality, and its quality to depend less on β: the paper's complaint is comparing at one point.
 */
export default recipe({
  id: 'ln-dpo',
  reads: { pairs: 'pairs' },
  settings: trainSettings('ln-dpo'),
  run: ({ train, model, data, settings }) => train('ln-dpo', { model, data: data.pairs, ...settings }),

  proof: proof<Size>({
    claim:
      "LN-DPO's replies are at most 0.85 times as long as DPO's with a gold score within 0.02, and its score varies less over the grid of β.",
    baseline: 'dpo',
    seeds: 5,
    pilots: 2,
    goal: 'gold',
    shrunk:
      '800 pairs. A third design, on new draws, in which a reply that does not end within the length of the longest in the data scores 0. In the second every better reply had more fillers, strewn among its words, so that both losses lengthened: 0.90 times as long, gold 0.04 lower, spread 0.10 larger (not shown); its grids of β were a factor of 30 apart, where replies have 10 tokens. The first had 4 β by 2 lower rates, and LN-DPO chose both at the edge of its grid. On pilots a rate of 6e-4 broke both losses.',
    objectives: ['ln-dpo', 'dpo', 'sft'],
    sizes: {
      full: { width: 96, layers: 3, demonstrations: 40_000, pairs: 800, epochs: 2, requests: 300, betas: 6 },
      smoke: { width: 32, layers: 1, demonstrations: 64, pairs: 16, epochs: 1, requests: 8, betas: 2 },
    },
    bases: async ({ fresh, trained }, size) => {
      const data = demonstrations(size.demonstrations)
      const texts = data.map(({ prompt, completion }) => prompt + completion)
      const start = await fresh({ ...size, texts, vocabSize: 512, context: 64, seed: 0 })
      const first = { model: start, data, epochs: 1, batchSize: 32, learningRate: 3e-3 } as const
      return { sft: await trained('sft', first) }
    },
    arms: {
      dpo: arm('dpo', [0.05, 0.1, 0.2, 0.5, 1, 2]),
      // Times the ten tokens that a reply has on average: the same push at the start.
      'ln-dpo': arm('ln-dpo', [0.5, 1, 2, 5, 10, 20]),
    },
    judge: ({ of }) => [
      atMost('length, LN-DPO over DPO', over(of('ln-dpo', 'length'), of('dpo', 'length')), 0.85, {
        beyond: 1,
        refutedAt: 1,
      }),
      atLeast('gold score, LN-DPO less DPO', less(of('ln-dpo', 'gold'), of('dpo', 'gold')), -0.02, {
        refutedAt: -0.05,
      }),
      atMost('spread of gold over β, LN-DPO less DPO', less(of('ln-dpo', 'spread'), of('dpo', 'spread')), 0, {
        beyond: 0,
      }),
    ],
  }),
})

interface Size {
  width: number
  layers: number
  demonstrations: number
  pairs: number
  epochs: number
  requests: number
  /** Points of the grid of β. */
  betas: number
}

/** Tokens of the longest reply in the data. One that has not ended by then has failed. */
const longest = 32

/** Words, then fillers. */
const written = (draw: Draw, request: Request, { good, bad, filler }: Content): string =>
  drawReply(draw, request, { good, bad, filler: 0 }) + drawReply(draw, request, { good: 0, bad: 0, filler })

const between = (draw: Draw, low: number, high: number) => low + draw.below(high - low + 1)

/** Replies of middling quality and any length to requests of both distributions: a tuned model that knows how to reply. */
const demonstrations = (count: number) =>
  many(count, draws(0, 'ln-dpo/demonstrations, third'), (draw) => {
    const request = drawRequest(draw, draw.chance(0.5))
    const filler = draw.chance(0.6) ? between(draw, 0, 6) : between(draw, 6, 24)
    return { prompt: request.prompt, completion: written(draw, request, { ...drawContent(draw), filler }) }
  })

/** The better of two replies by gold score, terse or long-winded, and the other. */
export function drawPair(draw: Draw): { prompt: string; chosen: string; rejected: string } {
  const request = drawRequest(draw)
  for (;;) {
    const contents = [drawContent(draw), drawContent(draw)]
    const worth = ({ good, bad }: Content) => good - bad
    const [better, worse] = worth(contents[0]) > worth(contents[1]) ? contents : contents.toReversed()
    const fillers = draw.chance(0.65) ? between(draw, 0, 2) : between(draw, 16, 24)
    const chosen = written(draw, request, { ...better, filler: fillers })
    const rejected = written(draw, request, { ...worse, filler: between(draw, 2, 6) })
    if (goldScore(request, chosen) > goldScore(request, rejected)) return { prompt: request.prompt, chosen, rejected }
  }
}

/** Trains at β and, once settings are chosen, at every other point of the grid for the spread. */
function arm(objective: 'dpo' | 'ln-dpo', grid: readonly number[]) {
  return {
    trials: [1e-4, 3e-4].flatMap((learningRate) => grid.map((beta) => ({ beta, learningRate }))),
    async run(bench: Bench<Size>, { beta: chosen, learningRate }: Settings) {
      const { seed, size, bases, isPilot, train } = bench
      const data = many(size.pairs, draws(seed, 'ln-dpo/pairs, third'), drawPair)
      const requests = many(size.requests, draws(seed, 'ln-dpo/requests, third'), (draw) => drawRequest(draw, true))
      const measure = async (beta: number) => {
        const shared = { model: bases['sft'], data, epochs: size.epochs, seed, learningRate: Number(learningRate) }
        const model = await train(objective, { ...shared, beta })
        const replies = await answers(
          model,
          requests.map(({ prompt }) => prompt),
          { maxTokens: longest, seed },
        )
        const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length
        return {
          gold: mean(replies.map(({ text, finish }, i) => (finish === 'eos' ? goldScore(requests[i], text) : 0))),
          length: mean(replies.map(({ tokens }) => tokens.length)),
        }
      }
      const best = await measure(Number(chosen))
      if (isPilot) return best
      const golds = [best.gold]
      for (const beta of grid.slice(0, size.betas)) if (beta !== chosen) golds.push((await measure(beta)).gold)
      return { ...best, spread: Math.max(...golds) - Math.min(...golds) }
    },
  }
}
